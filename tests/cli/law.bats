#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# A list with status 0 has been checked against all that could contradict it: faults that hid each
# other, each of a kind; at random they come in mix.bats.

load ../lib/common
load ../lib/cases
load ../lib/damage
load ../lib/image
load ../lib/truth

setup() {
	need_ours "${programs[@]}"
	test_tool blkedit
	scratch
}

take() {
	gzip -dc "$abs_top_srcdir"/tests/images/"$1"-*/image.gz >image
	truth=$(echo "$abs_top_srcdir"/tests/images/"$1"-*/truth)
}

blocks() {
	era_invalidate --format ranges --unit blocks --written-since "$@"
}

# nothing_lost SINCE: strict there is no list; with repair, and in what era_repair makes, nothing is
# left out of it, and the status is not 0.
nothing_lost() {
	truth_since "$1" "$truth" >want
	exit_status blocks "$1" image >got
	one_of 1 || return
	[ ! -s got ] || wrong "refused, and prints" || return
	exit_status era_dump image >got
	one_of 1 || return
	[ ! -s got ] || wrong "a dump that is refused prints" || return
	exit_status blocks "$1" -r image >got
	one_of 1 5 || return
	[ -s "$stderr" ] || wrong "not a word" || return
	[ "$status" = 1 ] || no_less want got || return
	rm -f fixed
	exit_status era_repair -i image -o fixed
	one_of 1 5 || return
	[ "$status" = 5 ] || return 0
	status_is 0 era_check -q fixed || return
	status_is 0 blocks "$1" fixed >got && no_less want got
}

@test "no current writeset, and a space map that can't tell of it" {
	local place
	for place in refs index bitmap; do
		take 002
		blkedit image sb.current=0
		zero_block image "$(blkedit image "$place.blocknr")"
		nothing_lost 3
	done
}

@test "a block past the end of the space map, inside the device" {
	take 014
	blkedit image 100=25
	blkedit image 100.word.62=0 27.child.0=100
	nothing_lost 3
	says "past the end of the space map" || exit_status era_check image >out
	says "past the end of the space map"
}

@test "neighbours with wrong counts are judged one by one" {
	take 023
	blkedit image bitmap.count.7=0 bitmap.count.10=1 bitmap.count.6=0
	nothing_lost 1
}

@test "a block with a wrong number of entries holds no pointers, so what was lost is missed beside it" {
	take 014
	blkedit image sets.entries=0 eras/4.entries=22
	nothing_lost 2
}

@test "a leak that nothing explains, and a flipped bit in what was lost" {
	take 002
	local root
	root=$(blkedit image sb.current)
	blkedit image sb.current=0
	flip_bit image "$root" 777
	exit_status era_check image >out
	one_of 1
	says "0 fatal"
	nothing_lost 3
	cp image before
	status_is 1 era_check --auto-repair image
	cmp image before
}

@test "an era made lower, and the damage of all that is above it" {
	take 012
	local era
	era=$(u32 image 0 184)
	blkedit image sb.era=0
	zero_block image "$(value64 image "$(u64 image 0 208)" 0)"
	exit_status blocks 1 -r image >got
	one_of 5 1
	[ "$status" = 1 ] || [ "$(<got)" = "0 $(u32 image 0 180)" ]
	nothing_lost "$era"
}

@test "a smaller number of blocks, and damage of the array that knows better" {
	take 002
	blkedit image sb.nr-blocks=4000
	zero_block image "$(u64 image 0 208)"
	nothing_lost 1
	says "their number is not known"
}

@test "an archived writeset cut short, and its last block damaged" {
	take 004
	blkedit image sets.bits.11=10
	zero_block image "$(value64 image "$(blkedit image sets.root.11)" 0)"
	nothing_lost 12
}

@test "the clone of a snapshot over the superblock is not made sound" {
	local clone
	take 022
	clone=$(u64 image 0 216)
	blkedit image "0=$clone"
	blkedit image "sb.snapshot=$clone"
	cp image before
	status_is 1 era_check --auto-repair image
	cmp image before
}

@test "a writeset cut short: all ways to read it agree on where it was cut" {
	take 013
	blkedit image sb.current-bits=32570
	exit_status era_dump -r --logical image >dump
	one_of 5
	exit_status blocks "$(u32 image 0 184)" -r image >ranges
	one_of 5
	exit_status era_repair -q -i image -o fixed
	one_of 5
	blocks "$(u32 image 0 184)" fixed >repaired
	cmp ranges repaired
	era_dump --logical fixed >fixed.xml
	cmp dump fixed.xml
}

@test "what is unknown of the array stays unknown when a kernel digests what waits" {
	take 004
	zero_block image "$(value64 image "$(u64 image 0 208)" 0)"
	exit_status era_repair -q -i image -o fixed
	one_of 5
	era_dump --compact fixed >xml
	# As the kernel does it: oldest first, and the last one to name a block decides.
	awk -F '"' '
		/<writeset/ { era = $2; newest = era }
		/<marked/ && $2 == 0 && $4 >= 1018 { at = era }
		END { exit at != newest }' xml
	[ "$(awk -F '"' '/<superblock/ { print $8 }' xml)" \
		= "$(awk -F '"' '/<writeset/ { e = $2 } END { print e }' xml)" ]
}

@test "a device shorter than its space map, where nothing past its end is in use, is answered" {
	take 002
	blocks 1 image >want
	truncate -s $((60 * 4096)) image
	status_is 0 blocks 1 image >got
	cmp want got
	status_is 0 era_dump image >dump
	status_is 1 era_check -q image
	blkedit image bitmap.count.61=1
	status_is 1 blocks 1 image >got
	[ ! -s got ]
	exit_status era_check image >out
	says "block counted as in use past the end of the device"
}

# As Linux leaves it when it fails to take a snapshot for want of room.
@test "an older copy of the superblock that was left allocated has lost nothing" {
	take 002
	blocks 1 image >want
	blkedit image 60=sb
	blkedit image bitmap.count.60=1 sb.allocated=+1 index.free.0=-1
	exit_status era_check image >out
	one_of 1
	says "an older copy of the superblock was left allocated (leak)"
	status_is 0 blocks 1 image >got
	cmp want got
	exit_status blocks 1 -r image >got
	one_of 5
	cmp want got
	# Two of one era are something else.
	cp image two
	blkedit two 59=60
	blkedit two bitmap.count.59=1 sb.allocated=+1 index.free.0=-1
	status_is 1 blocks 1 two >got
	status_is 0 era_check -q --auto-repair image
	blocks 1 image >got
	cmp want got
}

@test "a bitset that was left allocated is all that is left of a loss: no list, and every block with repair" {
	take 002
	blkedit image 60=current
	blkedit image bitmap.count.60=1 sb.allocated=+1 index.free.0=-1
	nothing_lost 1
	exit_status blocks 1 -r image >got
	[ "$(<got)" = "0 4096" ]
}

@test "a metadata snapshot's blocks must be in use, and nothing of it lost" {
	local edit
	take 022
	for edit in snap-sets.entries=0 snap-sets.entries=-1 'bitmap.count.[snap-eras]=0' \
			'bitmap.count.[snap-sets/0/0]=0' sb.current=0; do
		take 022
		# shellcheck disable=SC2086
		blkedit image $edit
		exit_status era_check -m image >out
		one_of 1
		fails grep -q sound out
		exit_status blocks 1 -m --snapshot-era 8 image >got
		one_of 1
		[ ! -s got ]
		exit_status blocks 1 -m --snapshot-era 8 -r image >got
		one_of 5
		[ "$(<got)" = "0 20000" ]
	done
}

@test "the superblock alone: all that it points to is on the device" {
	local field
	for field in index refs sets eras; do
		for value in 0 64 max; do
			take 002
			blkedit image "sb.$field=$value"
			exit_status era_check --super-block-only image >out
			one_of 1
			says "pointer out of range"
			[ ! -s out ]
		done
	done
	for field in current snapshot; do
		take 002
		blkedit image "sb.$field=64"
		status_is 1 era_check --super-block-only -q image
		take 002
		blkedit image "sb.$field=0"
		status_is 0 era_check --super-block-only -q image
	done
	take 002
	blkedit image sb.sm-blocks=0
	status_is 1 era_check --super-block-only -q image
}
