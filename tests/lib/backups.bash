# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What the tests of backups share.

# refused_by STATUS TEXT COMMAND...: and T and its state are what they were, and nothing is left.
refused_by() {
	local file
	rm -rf before
	mkdir before
	cp -p T* before
	status_is "$1" "${@:3}" || return
	grep -q "$2" "$stderr" || { cat "$stderr"; return 1; }
	for file in T*; do
		cmp "$file" "before/$file" || return
	done
	[ "$(ls -d T*)" = "$(cd before && ls -d T*)" ]
}

# checksum STATE: made anew, by a state that is read as it is.
checksum() {
	sed -i '$d' "$1"
	printf 'checksum %s\n' "$(crc32c <"$1")" >>"$1"
}

# crc32c: of standard input.
crc32c() {
	"$python" -c '
import sys
crc = 0xffffffff
for byte in sys.stdin.buffer.read():
	crc ^= byte
	for bit in range(8):
		crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
print("%08x" % (crc ^ 0xffffffff))'
}
