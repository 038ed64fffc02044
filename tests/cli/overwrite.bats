#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# New metadata on a device that holds something else: refused and named, or taken for a remnant.

load ../lib/common
load ../lib/cases

setup() {
	need_ours era era_check era_dump era_format era_repair era_restore
	scratch
	printf '%s\n' '<superblock uuid="" block_size="8" nr_blocks="2" current_era="5">' \
		'<era_array>' '<era block="0" era="1"/>' '<era block="1" era="5"/>' '</era_array>' \
		'</superblock>' >xml
	era_restore -q -i xml -o sound
	truncate -s 40M dev
	writers=("era_format -q --block-size 4k --device-size 1M dev"
		"era_restore -i xml -o dev" "era_repair -i sound -o dev")
}

has_names() {
	era --version | grep -q '^libblkid'
}

# named NAME: what libblkid calls so, as it is called in a build without libblkid.
named() {
	has_names && echo "$1" || echo "something that can't be named without libblkid"
}

# refused NAME [WRITER...]: all of the writers refuse the device, name what it holds, and leave it
# alone.
refused() {
	local writer name=$1
	shift
	[ $# != 0 ] || set -- "${writers[@]}"
	cp --sparse=always dev before
	for writer; do
		# shellcheck disable=SC2086
		status_is 3 ${writer/ -q/} >out || return
		says "dev: holds $name; --force overwrites " || return
		cmp dev before || return
	done
}

# remnant NAME WHY: all of the writers take it for one, say so if they know its name, and write.
remnant() {
	local writer
	cp --sparse=always dev kept
	for writer in "${writers[@]}"; do
		cp --sparse=always kept dev
		# shellcheck disable=SC2086
		status_is 0 ${writer/ -q/} || return
		! has_names ||
			says "dev: has the signature of $1, but its first block $2: taken for a remnant" ||
			return
		era_check -q dev || return
	done
}

# put OFFSET: standard input goes there.
put() {
	dd of=dev bs=1 seek="$1" conv=notrunc status=none
}

@test "filesystems and swap space are refused, with their label" {
	need mkfs.ext4 mkswap
	mkfs.ext4 -q -F -L data dev
	refused "$(named "an ext4 filesystem, label data")"
	mkfs.ext4 -q -F -L $'a\033b' dev
	refused "$(named 'an ext4 filesystem, label a\x1bb')"
	mkswap -q -L pages dev 2>/dev/null
	refused "$(named "swap space, label pages")"
}

@test "partition tables are refused" {
	need sfdisk
	echo ',,' | sfdisk -q --label gpt dev
	refused "$(named "a partition table of type gpt")"
	truncate -s 0 dev
	truncate -s 40M dev
	echo ',,' | sfdisk -q --label dos dev
	refused "$(named "a partition table of type dos")"
}

# An MBR's signature, and one entry.
@test "a partition table that was written over dm-era's superblock is refused" {
	has_names || skip "without libblkid it looks like a damaged superblock"
	cp sound dev
	truncate -s 40M dev
	printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\0\001\0' | put 446
	printf '\125\252' | put 510
	refused "a partition table of type dos"
}

@test "LUKS volumes are refused" {
	printf 'LUKS\272\276\0\001' | put 0
	refused "$(named "a LUKS volume")"
	if command -v cryptsetup >/dev/null; then
		truncate -s 0 dev
		truncate -s 40M dev
		echo secret | cryptsetup -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
			luksFormat dev -
		refused "$(named "a LUKS volume")"
	fi
}

# The label, in sector 1, has a checksum over all behind it.
@test "physical volumes of LVM are refused" {
	need "$python"
	"$python" - <<-'EOF' | put 512
		import struct, sys, zlib
		rest = struct.pack("<I8s32sQ", 32, b"LVM2 001", b"0123456789abcdefghijklmnopqrstuv", 64 << 20)
		rest += bytes(512 - 20 - len(rest))
		crc = zlib.crc32(rest, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff
		sys.stdout.buffer.write(struct.pack("<8sQI", b"LABELONE", 1, crc) + rest)
	EOF
	refused "$(named "an LVM physical volume")"
}

@test "metadata of dm-thin and dm-cache are refused" {
	need "$PEER_DIR/thin_restore" "$PEER_DIR/cache_restore"
	printf '%s\n' '<superblock uuid="" time="0" transaction="0" flags="0" version="2"' \
		'data_block_size="128" nr_data_blocks="64">' \
		'</superblock>' >thin.xml
	"$PEER_DIR/thin_restore" -i thin.xml -o dev >/dev/null
	refused "metadata of dm-thin"
	printf '%s\n' '<superblock uuid="" block_size="128" nr_cache_blocks="64"' \
		'policy="smq" hint_width="4">' \
		'<mappings>' '</mappings>' '<hints>' '</hints>' '</superblock>' >cache.xml
	"$PEER_DIR/cache_restore" -i cache.xml -o dev >/dev/null
	refused "metadata of dm-cache"
}

# As the layout has it, without a program that writes them.
@test "dm-thin and dm-cache are known by their magic" {
	printf '\272\122\234\001' | put 32
	refused "metadata of dm-thin"
	printf '\003\304\030\0' | put 32
	refused "metadata of dm-cache"
}

@test "compressed files, images of disks and XML are refused" {
	gzip -c xml | put 0
	refused "data compressed by gzip"
	printf 'QFI\373' | put 0
	refused "a qcow2 image"
	cat xml - <<<"$(seq -f '<!-- %040g -->' 4000)" >dev
	refused "XML"
}

@test "era_restore: input and output swapped" {
	cp sound kept
	status_is 1 era_restore -i sound -o xml
	says "sound: line 1, column 1: not XML, but binary metadata of dm-era: are -i and -o swapped?"
	status_is 1 era_restore --force -i - -o new <sound
	says "are -i and -o swapped?"
	status_is 1 era_restore -i - -o new < <(cat sound)
	says "not XML, but binary metadata of dm-era"
	[ ! -e new ]
	cmp sound kept
}

@test "what has no signature is overwritten; without libblkid it is refused" {
	echo text >dev
	truncate -s 40M dev
	has_names || {
		refused "something that can't be named without libblkid"
		return
	}
	local writer
	for writer in "${writers[@]}"; do
		echo text >dev
		truncate -s 40M dev
		$writer
		era_check -q dev
	done
}

@test "sound metadata are refused by era_format alone" {
	cp sound dev
	truncate -s 40M dev
	refused "dm-era metadata: era 5, 2 blocks of 4096 bytes" "${writers[0]}"
	${writers[1]}
	${writers[2]}
	status_is 0 era_format -q --force --block-size 4k --device-size 1M dev
	era_check -q dev
}

@test "a damaged superblock, zeroes and what a stopped writer leaves are overwritten" {
	local writer
	for writer in "${writers[@]}"; do
		cp sound dev
		truncate -s 40M dev
		printf x | put 180
		status_is 1 era_check -q dev
		$writer
		era_check -q dev
		head -c 4096 /dev/zero | tr '\0' '\377' | put 0
		$writer
		era_check -q dev
		truncate -s 0 dev
		truncate -s 40M dev
		$writer
		era_check -q dev
	done
}

# A btrfs superblock lies at 64 KiB, the other copy of a GPT in the last sectors.
@test "signatures behind a first block that is zero or of dm-era are remnants" {
	btrfs_signature dev
	remnant "a btrfs filesystem" "is zero"
	cp kept dev
	dd if=sound of=dev bs=4k count=1 conv=notrunc status=none
	printf x | put 180
	remnant "a btrfs filesystem" "has a damaged superblock of dm-era"
	head -c 4096 /dev/zero | tr '\0' '\377' | put 0
	remnant "a btrfs filesystem" "is what a stopped writer of metadata leaves"
}

@test "the second copy of a partition table is a remnant" {
	need sfdisk
	echo ',,' | sfdisk -q --label gpt dev
	head -c 4096 /dev/zero | put 0
	remnant "a partition table of type gpt" "is zero"
}

@test "--force overwrites all of it" {
	local writer
	need mkfs.ext4
	for writer in "${writers[@]}"; do
		mkfs.ext4 -q -F dev
		$writer --force
		era_check -q dev
		printf '\272\122\234\001' | put 32
		$writer --force
		era_check -q dev
	done
}
