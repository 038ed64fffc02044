#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Random histories on a real kernel: each boot's outcome is true, what we restore from the last one
# works on, and our programs agree about all of them. The seeds here are short ones that crash while
# starting, or in the middle of work, or were never resumed at first; for others:
#	ERA_RANDOM_SEEDS="1 2 3" ERA_RANDOM_KEEP=FOLDER bats tests/kernel/random.bats
# FOLDER gets what a history that fails has left. What a seed does can change with random.bash.

load ../lib/common
load ../lib/truth
load ../lib/cases
load ../lib/image
load kernel
load random

# after_is_true FOLDER: what a boot left.
after_is_true() {
	image_is_true "$1/metadata" "$1/truth" && image_is_consistent "$1/metadata" "$1/truth"
}

# passes SEED. What bats does for each command of a test would take half of the time.
passes() (
	dir=$BATS_TEST_TMPDIR/$1
	trap - DEBUG
	random_history "$1" >"$dir.sh"
	guest_run "$dir.sh" "$dir" && settle "$dir" || exit
	for after in "$dir" "$dir"/after.*; do
		[ ! -d "$after" ] || after_is_true "$after" || exit
	done
	outcome_is_true "$dir"
)

@test "random histories" {
	need_kernel
	need jq sha256sum
	need_ours era_check era_dump era_invalidate era_repair era_restore
	all_pass 94 349 5060
}
