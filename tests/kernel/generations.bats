#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Many generations of a backup of a mounted filesystem, over snapshots of LVM, with all that happens
# to a backup in its life: boots after a power cut, growth, kills, other metadata, other targets,
# other programs. After each backup that succeeds TARGET is what the snapshot was, and each mistake
# is refused, or answered by a backup of everything. generations.sh is what happens.
#
# LVM in the guest is for the long form: ERA_GENERATIONS=N makes N of them over each kind of
# storage, and ERA_SEED draws other events.

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel

generations=${ERA_GENERATIONS:-}

setup() {
	[ -n "$generations" ] || skip "LVM in the guest: the long form, with ERA_GENERATIONS"
	need_kernel
	need_ours era_backup era_check era_format era_setup
	need_device_mapper
	need lvm mkfs.ext4 mkfs.xfs resize2fs xfs_growfs fstrim
	test_tool blocks
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 8M "$dir/metadata"
	truncate -s 144M "$dir/disk"
	: >"$dir/answers"
}

boot() {
	local status=0
	guest_seconds=$((400 + generations * 60))
	guest_boot "$dir" "$kernel_dir/generations.sh" 1 ubd1="$dir/disk" folder="$dir" \
		helpers="$(dirname "$(command -v blocks)")" "$@" || status=$?
	sed -n 's/^answer: //p' "$dir/console.1" >>"$dir/answers"
	return $status
}

# shuffle: sets $deck to all events, in another order each time.
shuffle() {
	local n other each
	mapfile -t deck < <(sed -n 's/^event_\(.*\)() {/\1/p' "$kernel_dir/generations.sh")
	for ((n = ${#deck[@]} - 1; n > 0; n--)); do
		other=$((RANDOM % (n + 1))) each=${deck[n]}
		deck[n]=${deck[other]} deck[other]=$each
	done
}

# draw NR: sets $events to so many, with commas between. All come before one comes again.
draw() {
	local n
	events=
	for ((n = 0; n < $1; n++)); do
		[ ${#deck[@]} != 0 ] || shuffle
		events+=${events:+,}${deck[-1]}
		unset 'deck[-1]'
	done
}

# generate WORD...: all of them, in boots of a few each, most of which end with a power cut.
generate() {
	local left=$generations nr first=yes ends=(crash backup crash backup stop) deck=() events
	RANDOM=${ERA_SEED:-1}
	while [ "$left" -gt 0 ]; do
		nr=$((RANDOM % 4 + 1))
		[ $nr -le "$left" ] || nr=$left
		draw $nr
		boot "$@" first=$first events=$events draw=$RANDOM \
			end="${ends[RANDOM % ${#ends[@]}]}" || return
		first=no left=$((left - nr))
	done
	boot "$@" first=no events=nothing draw=$RANDOM end=stop
}

figures() {
	awk '/^same$/ { same++ } /^full / { full++ } /^incremental / { n++ } /^ended / { ended++ }
		END { printf "# %d backups the same as their snapshots, %d full, %d incremental; " \
			"%d runs ended otherwise\n", same, full, n, ended }' "$dir/answers" >&3
}

all_same() {
	figures
	[ "$(grep -c '^same$' "$dir/answers")" -gt "$generations" ] || return
	fails grep differs "$dir/answers"
}

@test "ext4 over old snapshots" {
	generate storage=lvm fs=ext4
	all_same
}

@test "XFS over thin snapshots" {
	need thin_check
	generate storage=thin fs=xfs
	all_same
}
