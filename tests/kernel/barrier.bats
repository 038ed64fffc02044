#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The barrier: whatever differs between two snapshots of a device in use is listed since the era
# that the first of them came with, and what is written in its place loses blocks.
#
# ERA_BARRIERS=N makes N of them over each kind of storage.

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel

rounds=${ERA_BARRIERS:-2}

setup() {
	need_kernel
	need_ours era_check era_ctl era_invalidate
	need_device_mapper
	test_tool blocks
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
}

boot() {
	guest_boot "$dir" "$kernel_dir/barrier.sh" "$@" \
		helpers="$(dirname "$(command -v blocks)")" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

# sums HOW: how often, how many blocks differed, and how many of these were not listed.
sums() {
	awk -v how="$1" '$1 == how { n++; differ += $2; lost += $3 }
		END { print n + 0, differ + 0, lost + 0 }' "$dir/answers"
}

# has_lost_none STORAGE ROUNDS
has_lost_none() {
	local n differ lost
	read -r n differ lost < <(sums barrier)
	echo "# $1: $n barriers, $differ blocks differed, $lost were lost" >&3
	[ "$n" = "$2" ] && [ "$differ" -gt "$n" ] && [ "$lost" = 0 ]
}

# loses HOW
loses() {
	local n differ lost
	read -r n differ lost < <(sums "$1")
	echo "# with $1: $differ blocks differed, $lost were lost" >&3
	[ "$lost" -gt 0 ]
}

@test "six and twelve writers; a checkpoint, or the status after the resume, loses blocks" {
	truncate -s 2M "$dir/disk" "$dir/cow"
	guest_seconds=$((400 + rounds * 30))
	boot 1 ubd1="$dir/disk" ubd2="$dir/cow" storage=dm phases="barrier:$rounds:6:30,$(
		)barrier:$rounds:12:150,checkpoint:1:12:30,status_after:1:12:30"
	has_lost_none dm-snapshot $((2 * rounds))
	loses checkpoint
	loses status_after
	status_is 0 era_check -q "$dir/metadata"
}

# LVM as distributed, without any filter: it asks the devices above a volume for their status.
over_lvm() {
	need lvm thin_check
	truncate -s 40M "$dir/disk"
	guest_seconds=$((400 + rounds * 30))
	boot 1 ubd1="$dir/disk" storage="$1" phases="barrier:$rounds:6:30"
	has_lost_none "$1" "$rounds"
	status_is 0 era_check -q "$dir/metadata"
}

@test "lvcreate -s of a volume of LVM" {
	over_lvm lvm
}

@test "lvcreate -s of a thin volume" {
	over_lvm thin
}

# after_power_cut ERA ROUND: how much of what the device held after that barrier, and lost when the
# power failed then, is not listed; "DIFFER LOST".
after_power_cut() {
	local nr
	nr=$(replay "$dir/log.writes" marks | sed -n "s/ era-$1$//p")
	truncate -s 0 "$dir/cut"
	truncate -s 2M "$dir/cut"
	replay "$dir/log.writes" "$nr" "$dir/cut"
	dd if="$dir/copies" of="$dir/held" bs=2M skip="$2" count=1 status=none
	era_invalidate --written-since "$1" --format ranges --unit blocks "$dir/metadata" |
		blocks lost "$dir/held" "$dir/cut"
}

@test "a power cut after each barrier, on a device that loses what was not flushed" {
	local how era round differ lost nr=$((rounds + 1))
	test_tool replay
	truncate -s 2M "$dir/disk"
	truncate -s $((64 + rounds * 8))M "$dir/log.writes"
	truncate -s $((nr * 2))M "$dir/copies"
	guest_seconds=$((400 + rounds * 20))
	boot 2 ubd1="$dir/disk" ubd2="$dir/log.writes" ubd3="$dir/copies" rounds="$nr"
	[ "$(wc -l <"$dir/answers")" = "$nr" ]
	while read -r how era round; do
		read -r differ lost < <(after_power_cut "$era" "$round")
		echo "# $how, era $era: $differ blocks went back, $lost of them not listed" >&3
		if [ "$how" = flushed ]; then
			[ "$lost" = 0 ]
		else
			[ "$lost" -gt 0 ]
		fi
	done <"$dir/answers"
}
