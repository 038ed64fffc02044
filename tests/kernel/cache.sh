# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A cache over the target over a disk, and the disk is rolled back to its vendor's snapshot. What is
# done here is what an administrator does, in the same order. The host judges, from the console:
#	figure: NAME NUMBER	what was counted
#	since: ERA		the era that belongs to the snapshot
#	mapping: CACHE ORIGIN	what the cache held when the question was asked
#	message: WORDS		the answer
# "Blocks" are the cache's. Each sector holds its number and a generation, so that a stale one
# shows: the disk starts with the first generation, and what is written comes from the host's
# $ink.N. The cache is read block by block, so that each counts as one hit or miss.

disk=/dev/ubdb
cache_meta=/dev/ubdc
cache_data=/dev/ubdd
vendor=/dev/ubde
spare_meta=/dev/ubdf
spare_data=/dev/ubdg
spare_disk=/dev/ubdh

origin_dev=$disk
disk_sectors=16384
cache_block=64
generation=1
PATH=$tools:$PATH
export TMPDIR=/run

figure() {
	echo "figure: $*"
}

# copy FROM TO: past the page cache, as the targets write.
copy() {
	dd if="$1" of="$2" bs=1M iflag=direct oflag=direct 2>/run/dd ||
		die "copy $1: $(cat /run/dd)"
}

# peek DEVICE FILE BYTES: reads all of it, so much at a time.
peek() {
	dd if="$1" of="$2" bs="$3" iflag=direct 2>/run/dd || die "read $1: $(cat /run/dd)"
}

# differing DEVICE DEVICE: how many blocks differ. The first one is read block by block.
differing() {
	peek "$1" /run/one $((cache_block * 512))
	peek "$2" /run/other 1M
	/usr/bin/cmp -l /run/one /run/other |
		awk -v bytes=$((cache_block * 512)) '
			{ seen[int(($1 - 1) / bytes)] }
			END { for (b in seen) n++; print n + 0 }'
	rm /run/one /run/other
}

# put FIRST COUNT: writes these sectors through the cache, as one write.
put() {
	dd if="$ink.$generation" of=/dev/mapper/cache bs=$(($2 * 512)) count=1 \
		iflag=skip_bytes skip=$(($1 * 512)) oflag=direct,seek_bytes seek=$(($1 * 512)) \
		2>/run/dd || die "write $1 $2: $(cat /run/dd)"
	truth write "$1" "$2"
}

# put_blocks FIRST COUNT: whole blocks, each as one write.
put_blocks() {
	dd if="$ink.$generation" of=/dev/mapper/cache bs=$((cache_block * 512)) count="$2" \
		skip="$1" oflag=direct seek="$1" 2>/run/dd || die "write blocks $1: $(cat /run/dd)"
	truth write $(($1 * cache_block)) $(($2 * cache_block))
}

# get_blocks FIRST COUNT
get_blocks() {
	dd if=/dev/mapper/cache of=/dev/null bs=$((cache_block * 512)) count="$2" skip="$1" \
		iflag=direct 2>/run/dd || die "read blocks $1: $(cat /run/dd)"
}

# cache_table MODE [POLICY]: in writeback mode what is dirty stays so; else it is cleaned when idle.
# Of version 2 are the metadata that say so in the table.
cache_table() {
	threshold=20480
	[ "$1" != writeback ] || threshold=0
	features="1 $1"
	[ "$cache_version" != 2 ] || features="2 metadata2 $1"
	echo "0 $disk_sectors cache $cache_meta $cache_data ${lower:-/dev/mapper/era} $cache_block" \
		"$features ${2:-smq} 2 migration_threshold $threshold"
}

# cache_create MODE [POLICY]
cache_create() {
	dmsetup create cache --noudevsync --table "$(cache_table "$@")" && dmsetup mknodes
}

# cache_mode MODE [POLICY]: of an active cache. Suspended, it has written down what is mapped and
# what is dirty, so the suspend comes before the load.
cache_mode() {
	dmsetup suspend cache
	dmsetup load cache --table "$(cache_table "$@")"
	dmsetup resume cache
}

cache_remove() {
	dmsetup remove --noudevsync cache
}

# cache_status mapped|hits|dirty
cache_status() {
	want=$1
	# shellcheck disable=SC2046
	set -- $(dmsetup status cache)
	case $want in
	mapped) echo "${7%/*}" ;;
	hits) echo "$8" ;;
	dirty) echo "${14}" ;;
	esac
}

# use COUNT COMMAND FIRST BLOCKS: puts or gets these blocks again and again, until the cache has
# taken in COUNT more. Its policy looks for what is used much about once a second.
use() {
	count=$(($(cache_status mapped) + $1))
	shift
	for try in $(seq 100); do
		"$@"
		get_blocks "$2" "$3"
		[ "$(cache_status mapped)" -lt $count ] || return 0
		[ "$try" -lt 20 ] || usleep 50000
	done
	die "the cache holds $(cache_status mapped) blocks after $try rounds, wanted $count"
}

# clean_up: the policy "cleaner" writes back all that is dirty; in writethrough mode nothing becomes
# so.
clean_up() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(cache_status dirty)" != 0 ] || return 0
		usleep 100000
	done
	die "$(cache_status dirty) blocks are still dirty"
}

# stack_create MODE: full of blocks 0 ... 29, 100 ... 119 and the last 20, clean. A cache in
# writeback mode takes in a whole block that is written at once; later modes don't forget it.
stack_create() {
	insert dm-cache-smq
	era_create $disk_sectors "$era_block"
	dmsetup mknodes
	cache_create writeback
	put_blocks 236 20
	put_blocks 100 20
	put_blocks 0 30
	cache_mode writethrough cleaner
	clean_up
	figure filled "$(cache_status mapped)"
	cache_mode "$1"
	generation=2
}

# snapshot_onto DEVICE: the vendor's snapshot; $since is the era that belongs to it. One write waits
# for the resume, and one comes directly after it.
snapshot_onto() {
	era_suspend
	put $((7 * 64 + 16)) 8 >/run/waiting &
	usleep 100000
	copy $disk "$1"
	era_resume
	put $((5 * 64)) 8
	wait
	cat /run/waiting
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	since=$6
	echo "since: $since"
}

# roll_back_to DEVICE: the disk under the stack becomes what it was, and nobody above is told.
roll_back_to() {
	era_suspend
	copy "$1" $disk
	era_resume
}

# overwrite: in three eras, one sector, parts of blocks, whole ones, across borders, at both ends;
# blocks that the cache holds and others, of which it takes in some.
overwrite() {
	put 0 1
	put $((11 * 64 + 63)) 2
	put $((20 * 64 + 24)) 8
	put $((21 * 64 + 56)) 8
	put $((105 * 64 + 8)) 200
	era_checkpoint
	put $((24 * 64)) 64
	put $((150 * 64 + 32)) 16
	put $((disk_sectors - 1)) 1
	era_checkpoint
	put $((24 * 64 + 8)) 8
}

# dump_mappings: of a cache that is not active; cache_dump opens the device for itself alone. What
# era_invalidate reads of the same metadata must be the same.
dump_mappings() {
	cache_dump $cache_meta >/run/mappings || die "cache_dump"
	sed -n 's/.*<mapping cache_block="\([0-9]*\)" origin_block="\([0-9]*\)".*/mapping: \1 \2/p' \
		/run/mappings
	as_dumped
}

# kept OPTION...: the mappings of the cache that are not dirty, where nothing was written.
kept() {
	era_invalidate --written-since 4 --format cache-xml --allow-dirty "$@" /run/never_written ||
		die "era_invalidate $*: status $?"
}

# as_dumped: of dirty blocks in metadata of version 2 not every cache_dump knows.
as_dumped() {
	[ -e /run/never_written ] ||
		era_format -q --block-size 32k --device-size 1G --era 3 /run/never_written ||
		die era_format
	kept --cache-metadata $cache_meta >/run/from_metadata 2>/run/error
	kept --cache-metadata $cache_meta --cache-mappings /run/mappings >/run/from_both \
		2>/run/error
	kept --cache-mappings /run/mappings >/run/from_xml 2>/run/error
	/usr/bin/cmp /run/from_metadata /run/from_both ||
		die "the mappings of metadata and XML differ"
	[ "$cache_version" = 2 ] || /usr/bin/cmp /run/from_metadata /run/from_xml ||
		die "the mappings of metadata and of XML differ"
	figure as-dumped "$(grep -c '<mapping ' /run/from_metadata)"
}

# stale_list FORMAT [OPTION...]: the question, to metadata that aren't active or, with -m, that are.
stale_list() {
	format=$1
	shift
	era_invalidate --written-since "$since" --format "$format" "$@" "$metadata_dev"
}

# ask [OPTION...]: the question, to an active target. The list is in /run/messages.
ask() {
	era_take_snapshot
	stale_list dm-cache -m --cache-metadata $cache_meta "$@" >/run/messages 2>/run/error ||
		die "era_invalidate: status $?: $(cat /run/error)"
	era_drop_snapshot
	sed 's/^/message: /' /run/messages
}

# no_answer TEXT COMMAND...: status 4, no list, and TEXT among what it says, which goes to the
# console.
no_answer() {
	text=$1 got=0
	shift
	"$@" >/run/out 2>/run/error || got=$?
	[ $got = 4 ] && [ ! -s /run/out ] && grep -q "$text" /run/error ||
		die "$*: status $got: $(cat /run/error)"
	sed 's/^/no answer: /' /run/error
}

# refused TEXT COMMAND...: by the kernel, whose log says TEXT.
refused() {
	text=$1
	shift
	dmesg -n 1
	! "$@" 2>/run/error || die "not refused: $*"
	dmesg -n 4
	dmesg | tail -n 5 | sed -n "/$text/s/.*device-mapper/refused: device-mapper/p" >/run/refused
	[ -s /run/refused ] || die "no \"$text\": $(cat /run/error; dmesg | tail -n 5)"
	cat /run/refused
}

# send FILE: each line is one message.
send() {
	while read -r message; do
		# shellcheck disable=SC2086
		dmsetup message cache 0 $message
	done <"$1"
}

# read_all WHAT: how much the cache holds, the blocks that read wrong through it, and its hits.
# Nothing reads the disk in passthrough mode, so this is asked in the mode that will be used.
read_all() {
	cache_mode "${2:-writethrough}"
	figure "$1-mapped" "$(cache_status mapped)"
	hits=$(cache_status hits)
	figure "$1-stale" "$(differing /dev/mapper/cache $disk)"
	figure "$1-hits" $(($(cache_status hits) - hits))
}

# without_block ORIGIN-BLOCK FILE: messages without the argument that names this block.
without_block() {
	awk -v block="$(sed -n "s/.*cache_block=\"\([0-9]*\)\" origin_block=\"$1\".*/\1/p" /run/mappings)" '
		{
			line = $1
			for (i = 2; i <= NF; i++) {
				split($i "-" $i + 1, range, "-")
				if (block + 0 < range[1] + 0 || block + 0 >= range[2] + 0)
					line = line " " $i
			}
			if (line != $1)
				print line
		}' "$2"
}

# The rollback as it should be. On the way it is tried without any message, and without the one that
# names the block that was written directly after the snapshot.
boot_rollback() {
	stack_create writethrough
	snapshot_onto $vendor
	overwrite
	use 4 put_blocks 140 8

	cache_remove
	dump_mappings
	ask
	cache_create passthrough
	roll_back_to $vendor
	read_all without

	cache_mode passthrough
	without_block 5 /run/messages >/run/fewer
	send /run/fewer
	read_all fewer

	cache_mode passthrough
	send /run/messages
	read_all with
	cache_remove
	cache_check -q $cache_meta || die "cache_check"
	era_remove
}

# forget_cache: without a superblock the kernel makes an empty cache.
forget_cache() {
	dd if=/dev/zero of=$cache_meta bs=4096 count=1 oflag=direct 2>/run/dd
}

# cache_restore_from XML: the old superblock goes first: stopped half-way, the cache is empty, not
# stale.
cache_restore_from() {
	forget_cache
	cache_restore -q -i "$1" -o $cache_meta --metadata-version "${cache_version:-1}" ||
		die "cache_restore"
}

# copy_stack: onto spare devices, with the disk as it will be after the rollback. In a shell of its
# own, use_copy makes them the ones that are meant.
copy_stack() {
	copy $cache_meta $spare_meta
	copy $cache_data $spare_data
	copy $vendor $spare_disk
}

use_copy() {
	cache_meta=$spare_meta cache_data=$spare_data disk=$spare_disk lower=$spare_disk
}

# Passthrough is refused while there are dirty blocks, and the refusal costs the cache its mark of a
# clean stop. The other way: the dirty blocks are dropped, and with them all that was written since.
drop_dirty() {
	copy_stack
	(
		use_copy
		refused "passthrough mode" cache_create passthrough
		no_answer "not stopped cleanly" stale_list dm-cache -m --cache-metadata $cache_meta
		stale_list cache-xml -m --allow-dirty --cache-metadata $cache_meta \
			>/run/kept 2>/run/error ||
			die "--allow-dirty: status $?: $(cat /run/error)"
		cache_restore_from /run/kept
		cache_create passthrough
		read_all dropped
		cache_remove
	)
}

# A cache that is full of writes that nobody below has seen, at the snapshot and at the rollback.
boot_dirty() {
	stack_create writeback
	put_blocks 0 10
	put $((101 * 64 + 8)) 8
	figure dirty "$(cache_status dirty)"
	copy $disk $vendor
	figure missing "$(differing /dev/mapper/cache $vendor)"

	cache_mode writethrough cleaner
	clean_up
	figure cleaned-missing "$(differing /dev/mapper/cache $disk)"
	snapshot_onto $vendor
	cache_mode writeback
	generation=3
	overwrite
	figure dirty-again "$(cache_status dirty)"

	cache_remove
	dump_mappings >/dev/null
	era_take_snapshot
	no_answer dirty stale_list dm-cache -m --cache-metadata $cache_meta
	no_answer dirty stale_list cache-xml -m --cache-metadata $cache_meta
	drop_dirty
	era_drop_snapshot

	cache_create writethrough cleaner
	clean_up
	cache_remove
	dump_mappings
	ask
	cache_create passthrough
	roll_back_to $vendor
	read_all without writeback
	cache_mode passthrough
	send /run/messages
	read_all with writeback
	cache_remove
	era_remove
}

# The power fails between the writes and the rollback.
boot_crash() {
	stack_create writethrough
	snapshot_onto $vendor
	overwrite
	use 4 put_blocks 140 8
	crash
}

# What the crash left, activated over the disk as it was: all on spare devices.
activate_crashed() {
	copy_stack
	(
		use_copy
		refused "passthrough mode" cache_create passthrough
		cache_create writethrough
		clean_up
		cache_remove
	)
	figure crashed-overwritten "$(differing $spare_disk $vendor)"
}

boot_restore() {
	insert dm-cache-smq
	dump_mappings
	figure called-dirty "$(grep -c 'dirty="true"' /run/mappings || :)"
	no_answer "format cache-xml" stale_list dm-cache --cache-metadata $cache_meta
	stale_list cache-xml --cache-metadata $cache_meta -o /run/kept 2>/run/error ||
		die "era_invalidate: status $?: $(cat /run/error)"
	sed 's/^/said: /' /run/error
	activate_crashed

	cache_restore_from /run/kept
	copy $vendor $disk
	era_create $disk_sectors "$era_block"
	dmsetup mknodes
	cache_create passthrough
	read_all with
	cache_remove
	era_remove
}

# In writeback mode a crash may leave the mark of the last clean stop, and nothing tells what was
# dirty.
boot_crash_dirty() {
	stack_create writeback
	snapshot_onto $vendor
	put_blocks 8 10
	crash
}

boot_empty() {
	insert dm-cache-smq
	dump_mappings
	stale_list dm-cache --cache-metadata $cache_meta >/run/messages
	sed 's/^/message: /' /run/messages
	copy $vendor $disk
	era_create $disk_sectors "$era_block"
	dmsetup mknodes
	cache_create passthrough
	send /run/messages
	read_all unknown
	cache_remove

	forget_cache
	cache_create writethrough
	read_all with
	cache_remove
	era_remove
}

# Two snapshots; back to the first, and then on to the second. What the first rollback changed in
# between no era tells, so from then on the second snapshot's era is the first one's.
boot_forward() {
	stack_create writethrough
	snapshot_onto $vendor
	first=$since
	put_blocks 12 3
	era_suspend
	copy $disk $spare_disk
	era_resume
	second=$era
	generation=3
	put_blocks 16 2

	cache_remove
	dump_mappings >/dev/null
	since=$first
	ask >/dev/null
	cache_create passthrough
	roll_back_to $vendor
	send /run/messages
	read_all back
	use 2 get_blocks 12 3

	cache_remove
	dump_mappings
	since=$second
	ask >/dev/null
	cache_create passthrough
	roll_back_to $spare_disk
	send /run/messages
	read_all forward

	cache_remove
	since=$first
	ask
	cache_create passthrough
	send /run/messages
	read_all with
	cache_remove
	era_remove
}

# fast_create SECTORS: the cache's data device, so much of it.
fast_create() {
	dmsetup create fast --noudevsync --table "0 $1 linear $whole_data 0"
	dmsetup mknodes
	cache_data=/dev/mapper/fast
}

# A cache over the disk itself grows and shrinks, drops what is discarded, and changes its modes.
boot_sizes() {
	insert dm-cache-smq
	lower=$disk whole_data=$cache_data
	for sectors in 2048 6144 1024 4096; do
		fast_create $sectors
		cache_create writeback
		put_blocks $((sectors / 64)) 20
		blkdiscard -o $((sectors * 512 + (2 << 15))) -l $((3 << 15)) /dev/mapper/cache
		put_blocks 0 5
		cache_mode writethrough
		get_blocks 10 30
		cache_mode writethrough cleaner
		clean_up
		cache_remove
		dmsetup remove --noudevsync fast
		dump_mappings
	done

	# The power fails after it has grown: its hints are fewer than its blocks.
	fast_create 6144
	cache_create writethrough
	put_blocks 50 10
	get_blocks 10 30
	fail_power
}

boot_sizes_after() {
	insert dm-cache-smq
	dump_mappings
}
