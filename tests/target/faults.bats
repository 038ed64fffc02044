#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What fails: the layer below, the metadata device, its room.

load ../lib/common
load target

setup() {
	target_setup disk 64M
	need_ours drive
}

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

@test "the layer below fails half of all changes" {
	rm disk
	play faults
}

# write_fails BLOCK ERRNO...: an error, which is one of these.
write_fails() {
	"$python" - "$@" <<-'EOF'
	import sys
	import nbd
	h = nbd.NBD()
	h.connect_unix("nbd")
	h.set_strict_mode(0)
	try:
	    h.pwrite(b"x" * 512, int(sys.argv[1]) * 4096)
	except nbd.Error as error:
	    sys.exit(None if error.errno in sys.argv[2:] else error.errno)
	sys.exit("it was written")
	EOF
}

write() {
	"$python" -c '
import sys, nbd
h = nbd.NBD()
h.connect_unix("nbd")
for block in sys.argv[1:]:
    h.pwrite(b"x" * 512, int(block) * 4096)' "$@"
}

read_works() {
	"$python" -c '
import nbd
h = nbd.NBD()
h.connect_unix("nbd")
assert h.pread(512, 0)'
}

# The limit holds for the disk, too, which is why it is in memory here.
@test "metadata that find no space: new marks fail, all else goes on, and it heals" {
	local n
	need prlimit
	truncate -s 2M meta
	target_start memory 64M era-metadata=meta era-block-size=4k era-format=yes era-first=1 \
		era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	write 1 2 3
	for ((n = 0; n < 3; n++)); do
		prlimit --pid "$target_pid" --fsize=4096:
		write 1 2 3
		write_fails 5000 ENOSPC
		write_fails 5001 ENOSPC
		read_works
		status_is 0 era_ctl ctl status
		status_is 3 era_ctl ctl checkpoint
		grep -q "meta: cannot write block.*: File too large" "$stderr"
		nbdinfo --map "$(uri since=2)" >map
		prlimit --pid "$target_pid" --fsize=unlimited:
		write $((100 + n))
	done
	[ "$(era_ctl ctl checkpoint)" = 3 ]
	write 200
	target_stop
	status_is 0 era_check meta
	status_is 0 era_invalidate --written-since 2 --format ranges --unit blocks meta >got
	printf '%s\n' '1 3' '100 3' '200 1' | diff - got
}

@test "metadata too small for the origin: the server does not start" {
	truncate -s 64k meta
	target_fails file disk era-metadata=meta era-block-size=4k era-format=yes era-first=1
	grep -q "meta: found 65536 bytes, wanted $(era_metadata_size --block-size 4k --device-size 64M \
		--unit bytes) at least" said
	blank 64
	target_fails file disk era-metadata=meta
	grep -q "wanted [0-9]* metadata blocks" said
}

# blank KIB: metadata of that size, made by the engine, which the server takes as they are.
blank() {
	rm -f meta
	truncate -s "${1}k" meta
	printf 'open meta 8 format\nclose\n' | drive >/dev/null
}

starts() {
	target_start file disk era-metadata=meta era-block-size=4k era-socket=ctl &&
		nbdinfo --size "$(uri '')" 2>/dev/null
}

@test "the smallest metadata that the server starts with: every block can be written" {
	local kib n
	for ((kib = 64; kib < 160; kib += 4)); do
		blank "$kib"
		# A server that refuses may be gone before it is seen.
		! starts || break
		target_kill
	done
	[ "$kib" -gt 64 ]
	[ "$kib" -lt 160 ]
	write $(seq 0 509 16383)
	read_works
	status_is 0 era_ctl ctl status
	status_is 3 era_ctl ctl take_metadata_snap
	grep -q "no room for another era yet" "$stderr"
	write $(seq 1 509 16383)
	target_stop
	status_is 0 era_check meta
}
