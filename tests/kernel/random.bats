#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Random histories on a real kernel. The seeds here are those that once showed something, or cover
# what the others don't; for others:
#	ERA_RANDOM_SEEDS="1 2 3" ERA_RANDOM_KEEP=FOLDER bats tests/kernel/random.bats
# FOLDER gets what a history that fails has left.

load ../lib/common
load ../lib/truth
load ../lib/cases
load ../lib/image
load kernel
load random

# after_is_true FOLDER: what a boot in the middle left.
after_is_true() {
	image_is_true "$1/metadata" "$1/truth" && image_is_consistent "$1/metadata" "$1/truth"
}

# history SEED
history() {
	local dir=$BATS_TEST_TMPDIR/$1 after
	random_history "$1" >"$dir.sh"
	guest_run "$dir.sh" "$dir" && settle "$dir" || return
	for after in "$dir"/after.*; do
		[ ! -d "$after" ] || after_is_true "$after" || return
	done
	after_is_true "$dir" && outcome_is_true "$dir"
}

@test "random histories" {
	local seed failed=
	need_kernel
	need jq sha256sum
	need_ours era_check era_dump era_invalidate era_repair era_restore
	for seed in ${ERA_RANDOM_SEEDS:-1 2 3 4}; do
		if history "$seed"; then
			rm -rf "$BATS_TEST_TMPDIR/$seed"
			continue
		fi
		echo "the history of seed $seed failed"
		failed+=" $seed"
		[ -z "${ERA_RANDOM_KEEP:-}" ] || cp -r "$BATS_TEST_TMPDIR/$seed" \
			"$BATS_TEST_TMPDIR/$seed.sh" "$BATS_TEST_TMPDIR/image" "$ERA_RANDOM_KEEP"
	done
	[ -z "$failed" ] || echo "failed:$failed"
	[ -z "$failed" ]
}
