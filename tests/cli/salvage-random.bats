#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# More of the random damage of tests/unit/test_salvage, and of the histories of test_salvage_random,
# than make check has time for. For other cases:
#	ERA_SALVAGE_SEED=7 ERA_SALVAGE_CASES=5000 bats tests/cli/salvage-random.bats

load ../lib/common

setup() {
	export abs_top_srcdir ERA_SALVAGE_SEED=${ERA_SALVAGE_SEED:-20} \
		ERA_SALVAGE_CASES=${ERA_SALVAGE_CASES:-400}
}

# run_unit NAME KINDS: as many lines say what was kept.
run_unit() {
	local program=$abs_top_builddir/tests/unit/$1
	need "$program"
	"$program" | tee "$BATS_TEST_TMPDIR/out"
	grep -c '^# .* cases, .* kept exact$' "$BATS_TEST_TMPDIR/out" | grep -x "$2"
}

@test "no era is lost by random damage, or it is refused" {
	run_unit test_salvage 22
}

@test "no era is lost by damage after a random history, or it is refused" {
	run_unit test_salvage_random 1
}
