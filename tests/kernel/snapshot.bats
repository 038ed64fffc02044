#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Metadata snapshots.

load ../lib/common
load ../lib/truth
load kernel

@test "held" {
	scenario snapshot-held
}

@test "dropped" {
	scenario snapshot-dropped
}

@test "held while the live metadata move on" {
	scenario snapshot-moved-on
}

@test "held while the origin shrinks and grows" {
	scenario snapshot-resized
}

@test "a live device is read through its snapshot, and refused without" {
	need_kernel
	need_ours era_check era_dump era_invalidate
	local dir=$BATS_TEST_TMPDIR/live round n
	guest_run "$kernel_dir/live-read.sh" "$dir"
	for round in 1 2 3; do
		for ((n = 0; n <= $(truth_field era "$dir/truth.snap"); n++)); do
			truth_since "$n" "$dir/truth.snap" >"$dir/want"
			sed -n "s/^answer: $round $n //p" "$dir/console.1" >"$dir/got"
			same "round $round, written since $n" "$dir/want" "$dir/got"
		done
	done
	image_is_true "$dir/metadata" "$dir/truth"
}
