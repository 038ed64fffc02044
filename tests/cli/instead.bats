#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is no dm-era metadata: every reader names what it is, and says what to do.

load ../lib/common
load ../lib/cases

setup() {
	need_ours "${programs[@]}" era_stat
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
}

need_names() {
	era --version | grep -q '^libblkid' || skip_test "built without libblkid"
}

# put FILE OFFSET: standard input goes there, in a file of 1 MiB if there is none yet.
put() {
	[ -e "$1" ] || truncate -s 1M "$1"
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# tells FILE TEXT: all readers say so, with status 1 and no answer, and so does the JSON; and the
# words that scripts look for are there, too.
tells() {
	local reader
	for reader in "era_check" "era_check --super-block-only" "era_dump" "era_stat" \
		"era_invalidate --written-since 1" \
		"era_invalidate --written-since 1 --or-all" \
		"era_invalidate --repair --written-since 1"; do
		# shellcheck disable=SC2086
		status_is 1 $reader "$1" >out || return
		[ ! -s out ] || wrong "prints" || return
		says "$1: $2" || return
		grep -qE "bad checksum in superblock|Is this binary metadata\?" "$stderr" || return
	done
	status_is 1 era_check --json "$1" >out || return
	jq -r .error out | grep -qF -e "$1: $2" || wrong "not in JSON: $2"
}

# The ways that search a device without a superblock tell what they search.
goes_on() {
	status_is 1 era_repair -i "$1" -o new || return
	says "$1: $2" || return
	[ ! -e new ] || return
	status_is 1 era_dump --repair "$1" >out || return
	says "$1: $2"
}

@test "filesystems, also behind a first block of zeroes, and partition tables" {
	need_names
	need mkfs.ext4 jq
	truncate -s 8M ext
	mkfs.ext4 -q -F -L data ext
	tells ext "holds an ext4 filesystem, label data, and no dm-era metadata: is it the tracked device itself?"
	goes_on ext "holds an ext4 filesystem, label data"
	truncate -s 1M btrfs
	btrfs_signature btrfs
	tells btrfs "has the signature of a btrfs filesystem, and no superblock of dm-era; if there were metadata, only"
	goes_on btrfs "has the signature of a btrfs filesystem"
	printf 'LUKS\272\276\0\001' | put luks 0
	tells luks "holds a LUKS volume, and no dm-era metadata: is it the tracked device itself?"
}

@test "a partition table over the superblock" {
	need_names
	need jq
	printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\0\001\0' | put meta 446
	printf '\125\252' | put meta 510
	tells meta "holds a superblock of dm-era with a partition table of type dos written over it: only era repair"
	goes_on meta "holds a partition table of type dos"
}

@test "metadata of other targets, images of disks, and compressed files" {
	local mark
	need jq
	put_at() {
		rm -f file
		# shellcheck disable=SC2059
		printf "$2" | put file "$1" || return
		tells file "holds $4, and no dm-era metadata${3#none}" || return
		goes_on file "holds $4" || return
		cp file before
		status_is 3 era_format --block-size 64k --device-size 1G file && cmp file before
	}
	cases 38 put_at <<-'EOF'
		32 | \272\122\234\001 | none | metadata of dm-thin
		32 | \003\304\030\0 | none | metadata of dm-cache
		32 | \144\177\362\212 | none | metadata of dm-clone
		0 | \037\213\010 | : decompress it first | data compressed by gzip
		0 | BZh | : decompress it first | data compressed by bzip2
		0 | \3757zXZ\0 | : decompress it first | data compressed by xz
		0 | (\265/\375 | : decompress it first | data compressed by zstd
		0 | QFI\373 | : it is the image of a disk | a qcow2 image
		0 | KDMV | : it is the image of a disk | a VMDK image
		0 | vhdxfile | : it is the image of a disk | a VHDX image
		0 | \037\235 | : decompress it first | data compressed by compress
		0 | ]\0\0\200 | : decompress it first | data compressed by lzma
		0 | LZIP | : decompress it first | data compressed by lzip
		0 | \211LZO\0\r\n\032\n | : decompress it first | data compressed by lzop
		0 | \004"M\030 | : decompress it first | data compressed by lz4
		0 | \002!L\030 | : decompress it first | data compressed by lz4
		0 | P*M\030 | : decompress it first | data compressed by zstd or lz4
		0 | _*M\030 | : decompress it first | data compressed by zstd or lz4
		0 | PK\003\004 | : unpack it first | a zip archive
		0 | 7z\274\257\047\034 | : unpack it first | a 7z archive
		257 | ustar | : unpack it first | a tar archive
		0 | 070701 | : unpack it first | a cpio archive
		0 | \307q | : unpack it first | a cpio archive
		0 | q\307 | : unpack it first | a cpio archive
		0 | QED\0 | : it is the image of a disk | a QED image
		0 | COWD | : it is the image of a disk | a VMDK image
		0 | # Disk DescriptorFile\n | : it is the image of a disk | the description of a VMDK image
		0 | conectix | : it is the image of a disk | a VHD image
		64 | \177\020\332\276 | : it is the image of a disk | a VDI image
		0 | WithouFreSpacExt | : it is the image of a disk | a Parallels image
		0 | MSWIM\0\0\0 | : it is the image of a disk | a WIM image
		0 | EVF\t\r\n\377\0 | : it is the image of a disk | an EWF image
		0 | :\377&\355 | : it is the image of a disk | an Android sparse image
		0 | partclone-image | : it is the image of a disk | an image of partclone
		0 | rbd diff v1\n | : it is a stream | a stream of rbd export-diff
		0 | btrfs-stream\0 | : it is a stream | a stream of btrfs send
		0 | era-wit\n | : era invalidate --witness takes it | a witness
		0 | SQLite format 3\0 | none | an SQLite database
	EOF
	for mark in '\357\273\277<?xml' '\377\376<\0?\0' '\376\377\0<\0?' '<\0s\0u\0'; do
		rm -f file
		# shellcheck disable=SC2059
		printf "$mark" | put file 0
		status_is 1 era_check file
		says "file: This looks like XML"
		cp file before
		status_is 3 era_format --block-size 64k --device-size 1G file
		cmp file before
	done
	gzip -c meta >small
	tells small \
		"Metadata device/file too small.  Is this binary metadata?  It holds data compressed by gzip: decompress it first"
	: >empty
	tells empty "Metadata device/file too small.  Is this binary metadata?  It holds nothing"
}

@test "zeroes, what a stopped writer leaves, and what nobody knows" {
	need jq
	truncate -s 1M zero
	tells zero \
		"holds no dm-era metadata: its first block is all zeroes: the kernel formats it at first use"
	head -c 4096 /dev/zero | tr '\0' '\377' | put stopped 0
	tells stopped \
		"holds no dm-era metadata: its first block is what era format, restore or repair leaves"
	echo something | put other 0
	tells other "holds nothing that is known: if there were metadata, only era repair"
	printf x | put meta 300
	tells meta \
		"the superblock is damaged: only era repair and era dump --repair can tell what it held"
}

@test "metadata that are in use are told from what is none" {
	need_names
	need mkfs.ext4
	truncate -s 8M ext
	mkfs.ext4 -q -F ext
	status_is 1 era_check -m ext
	says "ext: holds an ext4 filesystem, and no dm-era metadata"
	status_is 1 era_invalidate -m --written-since 1 ext
	says "ext: holds an ext4 filesystem, and no dm-era metadata"
	status_is 0 era_check -q meta
	silent
}

# first TEXT COMMAND...: the first line of what it says, with status 1.
first() {
	local text=$1
	shift
	status_is 1 "$@" >out || return
	head -n 1 "$stderr" | grep -qF -e "$text" || wrong "does not begin with \"$text\":"
}

@test "of a truncated image the first thing that is said is that it is one" {
	local reader \
		short="the device is shorter than the metadata, in blocks: found 8, wanted at least 64"
	need jq
	head -c 32768 meta >cut
	for reader in "era_check" "era_check --super-block-only" "era_dump" \
		"era_invalidate --written-since 1"; do
		# shellcheck disable=SC2086
		first "cut: block 0: superblock, space map: $short" $reader cut
	done
	[ "$(era_check --json -q cut | jq -r '.problems[0].code')" = space-map-device ]
	status_is 5 era_repair -i cut -o new
	head -n 1 "$stderr" | grep -F "$short"
	gzip -dc "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >snapped
	head -c 32768 snapped >cut
	for reader in "era_check" "era_dump" "era_invalidate --written-since 1"; do
		# shellcheck disable=SC2086
		first "cut: block 0: superblock, space map: ${short/64/256}" $reader -m cut
	done
	# Where nothing of it is missing, a part is sound.
	head -c 1044480 snapped >cut
	status_is 0 era_check --super-block-only cut >out
	status_is 0 era_check -m cut >out
}
