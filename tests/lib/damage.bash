# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Reads metadata with od and damages them with dd and blkedit, on its own: nothing here knows what
# our programs think.

# u32, u64 IMAGE BLOCK OFFSET
u32() {
	local v
	v=$(od -An -tu4 -j $(($2 * 4096 + $3)) -N 4 "$1")
	echo $((v))
}

u64() {
	local v
	v=$(od -An -tu8 -j $(($2 * 4096 + $3)) -N 8 "$1")
	echo $((v))
}

# hex32, hex64 NUMBER: as bytes for blkedit.
hex32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
		$(($1 >> 24 & 255))
}

hex64() {
	printf '%s%s' "$(hex32 $(($1 & 0xffffffff)))" "$(hex32 $(($1 >> 32)))"
}

# The space map of up to 16320 blocks: its index block, and its one bitmap.
index_of() {
	u64 "$1" 0 60
}

bitmap_of() {
	u64 "$1" "$(index_of "$1")" 16
}

# counts IMAGE: a line a metadata block, its number and its reference count.
counts() {
	od -An -v -tu1 -w1 -j $(($(bitmap_of "$1") * 4096 + 16)) \
		-N $((($(u64 "$1" 0 44) + 3) / 4)) "$1" | awk '{
		for (i = 0; i < 4; i++) {
			pair = $1 % 4
			$1 = int($1 / 4)
			print (NR - 1) * 4 + i, pair % 2 * 2 + int(pair / 2)
		}
	}'
}

used_blocks() {
	counts "$1" | awk '$2 { print $1 }'
}

# count_hex IMAGE BLOCK COUNT: offset in the bitmap's block and the byte there, with that count.
count_hex() {
	local at=$((16 + $2 / 4)) shift=$(($2 % 4 * 2)) byte
	byte=$(od -An -tu1 -j $(($(bitmap_of "$1") * 4096 + at)) -N 1 "$1")
	printf '%d %02x\n' $at $((byte & ~(3 << shift) | (($3 >> 1) | ($3 & 1) << 1) << shift))
}

# value64 IMAGE NODE I, value32...: of a node with values of 8 bytes; node_at: where the value is.
node_at() {
	echo $((32 + $(u32 "$1" "$2" 20) * 8 + $(u32 "$1" "$2" 24) * $3))
}

value64() {
	u64 "$1" "$2" "$(node_at "$1" "$2" "$3")"
}

flip_bit() {
	local at=$(($2 * 4096 + $3 / 8)) byte
	byte=$(od -An -tu1 -j $at -N 1 "$1")
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((byte ^ 1 << $3 % 8)))" |
		dd of="$1" bs=1 seek=$at conv=notrunc status=none
}

zero_block() {
	dd if=/dev/zero of="$1" bs=4096 count=1 seek="$2" conv=notrunc status=none
}

copy_block() {
	dd if="$2" of="$1" bs=4096 count=1 skip="$3" seek="$4" conv=notrunc status=none
}
