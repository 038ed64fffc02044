#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
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
	era --version | grep -q '^libdevmapper' || skip_test "built without libdevmapper"
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
	guest_seconds=$((120 + rounds * 30))
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
	guest_seconds=$((120 + rounds * 30))
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
