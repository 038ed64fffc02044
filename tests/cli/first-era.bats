#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The era in which new metadata begin: after all that may have been recorded. The target's is in
# tests/target/first-era.bats.

load ../lib/common
load ../lib/cases

setup() {
	need_ours era_check era_dump era_format era_invalidate era_restore
	scratch
	truncate -s 1000000 disk
}

# current_era META
current_era() {
	era_check --json "$1" | jq .live.current_era
}

# dump ERA: of three blocks, of which a writeset has the first.
dump() {
	cat <<-EOF
		<superblock uuid="" block_size="8" nr_blocks="3" current_era="$1">
		<writeset era="$1" nr_bits="3">
		<bit block="0" value="true"/>
		<bit block="1" value="false"/>
		<bit block="2" value="false"/>
		</writeset>
		<era_array>
		<era block="0" era="1"/>
		<era block="1" era="2"/>
		<era block="2" era="0"/>
		</era_array>
		</superblock>
	EOF
}

# is_now ERA BEFORE: it lies between that time and now.
is_now() {
	[ "$1" -ge "$2" ] && [ "$1" -le "$(date +%s)" ] || wrong "era $1 is not the clock's"
}

@test "era_format: it is the clock's, and what was made is said" {
	local before era
	need jq
	before=$(date +%s)
	status_is 0 era_format --block-size 64k --origin disk meta
	era=$(current_era meta)
	is_now "$era" "$before"
	diff -u - "$stderr" <<-EOF
		era_format: meta: for a device of 976.6 KiB (1000000 bytes): 16 blocks of 64 KiB (65536 bytes)
		era_format: meta: that is no multiple of the block size: only 16.6 KiB (16960 bytes) of the last block are on the device
		era_format: meta: created: the current era is $era, and all blocks count as written in it
	EOF
	[ "$(era_invalidate --written-since 7 --format ranges meta)" = "0 1048576" ]
	rm meta
	status_is 0 era_format -q --block-size 64k --origin disk meta
	silent
	rm meta
	status_is 0 era_format --block-size 1M --device-size 1536G meta
	says "for a device of 1.5 TiB (1649267441664 bytes): 1572864 blocks of 1 MiB (1048576 bytes)"
	fails says "no multiple"
}

@test "era_format: the size of a block device" {
	need losetup jq
	local loop
	loop=$(losetup -f --show disk 2>/dev/null) || skip_test "has no loop devices"
	status_is 0 era_format --block-size 4k --origin "$loop" meta ||
		{ losetup -d "$loop"; false; }
	losetup -d "$loop"
	says "for a device of 976.5 KiB (999936 bytes): 245 blocks"
}

@test "era_format: the origin is not overwritten" {
	cp disk before
	status_is 2 era_format --force --block-size 4k --origin disk ./disk
	cmp disk before
	mkfifo pipe
	status_is 3 era_format --block-size 4k --origin pipe meta
	says "pipe: Not a block device or regular file"
	[ ! -e meta ]
}

@test "era_format: where the device tells of higher eras it is a million above these" {
	need jq
	truncate -s 1M meta
	era_format -q --block-size 4k --device-size 1M --era 3000000000 meta
	# All else tells of it still.
	dd if=/dev/zero of=meta bs=4k count=1 conv=notrunc status=none
	era_format -q --block-size 4k --device-size 1M meta
	[ "$(current_era meta)" = 3001000000 ]
	era_format -q --force --block-size 4k --device-size 1M meta
	[ "$(current_era meta)" = 3002000000 ]
	era_format -q --force --block-size 4k --device-size 1M --era 4194967295 meta
	cp meta before
	status_is 4 era_format --force --block-size 4k --device-size 1M meta
	says "was used up to era 4194967295"
	cmp meta before
}

@test "a clock that can't be right is refused" {
	local time
	need_faketime
	# faketime preloads a library before the sanitizer's.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	for time in "2019-01-01 00:00:00" "2104-01-01 00:00:00"; do
		status_is 4 at_time "$time" era_format --block-size 4k --device-size 1M meta
		says "the clock says"
		says "set the clock, or say the era (--era)"
		dump 7 >xml
		status_is 4 at_time "$time" era_restore --all-written -i xml -o meta
		says "the clock says"
		grep -q "set the clock$" "$stderr"
		[ ! -e meta ]
	done
}

@test "era_restore says that eras come again" {
	dump 7 >xml
	status_is 0 era_restore -i xml -o meta
	diff -u - "$stderr" <<-'EOF'
		era_restore: meta: created: 3 blocks of 4 KiB (4096 bytes), and the current era is the dump's, 7: eras after it come again, and what was written since the dump is not in it; forget all eras that were recorded, or use --all-written
	EOF
	status_is 0 era_restore -q -i xml -o meta
	silent
}

@test "era_restore --all-written: every era that was recorded is answered with all blocks" {
	local before era
	need jq
	dump 7 >xml
	before=$(date +%s)
	status_is 0 era_restore --all-written -i xml -o meta
	era=$(current_era meta)
	is_now "$era" "$before"
	says "meta: created: 3 blocks of 4 KiB (4096 bytes), the current era is $era, and all blocks count as written in it"
	for n in 0 7 8 1000 "$era"; do
		[ "$(era_invalidate --written-since "$n" --format ranges meta)" = "0 12288" ]
	done
	[ -z "$(era_invalidate --written-since $((era + 1)) --format ranges meta)" ]
	# What the dump says is kept below.
	era_dump meta | grep -v "era=\"$era\"" >got
	grep -q '<era block="1" era="2"/>' got
	grep -q '<writeset era="7" nr_bits="3">' got
	# Again, over these.
	status_is 0 era_restore -q --all-written -i xml -o meta
	[ "$(current_era meta)" = $((era + 1000000)) ]
}

@test "era_restore --all-written: 4096 blocks and more, and none" {
	need jq
	local n
	for n in 63 64 65 100000; do
		era_format -q --block-size 4k --device-size "${n}0k" --era 3 old
		era_dump -o xml old
		status_is 0 era_restore -q --all-written -i xml -o meta
		era_check -q meta
		[ "$(era_invalidate --written-since 1000 --format ranges --unit blocks meta)" = \
			"0 $(((n * 10 + 3) / 4))" ]
		rm old meta
	done
	printf '%s\n' '<superblock uuid="" block_size="8" nr_blocks="0" current_era="0">' \
		'<era_array>' '</era_array>' '</superblock>' >xml
	status_is 0 era_restore -q --all-written -i xml -o meta
	era_check -q meta
}

@test "era_restore --all-written: over a file that era_format has made" {
	local size
	for size in 400k 10M 16M 1G; do
		era_format -q --block-size 4k --device-size $size file
		era_dump -o xml file
		status_is 0 era_restore -q --all-written -i xml -o file
		rm file
	done
}

@test "era_restore --all-written: the dump's era counts, too" {
	local era
	need jq
	dump 3000000000 >xml
	status_is 0 era_restore -q --all-written -i xml -o meta
	era=$(current_era meta)
	[ "$era" -ge 3001000000 ]
	[ "$era" -lt 3002000000 ]
	# Metadata that are lost, and restored from the same dump, begin later.
	rm meta
	sleep 1
	status_is 0 era_restore -q --all-written -i xml -o meta
	[ "$(current_era meta)" -gt "$era" ]
	cp meta before
	dump 4194000000 >xml
	status_is 4 era_restore --all-written -i xml -o meta
	says "xml: the dump's current era is 4194000000, and an era after it must be 4194967295 at most"
	cmp meta before
}
