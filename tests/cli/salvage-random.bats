#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# More of the random damage of tests/unit/test_salvage than make check has time for. For other cases:
#	ERA_SALVAGE_SEED=7 ERA_SALVAGE_CASES=5000 bats tests/cli/salvage-random.bats

load ../lib/common

@test "no era is lost by random damage, or it is refused" {
	local program=$abs_top_builddir/tests/unit/test_salvage
	need "$program"
	export abs_top_srcdir ERA_SALVAGE_SEED=${ERA_SALVAGE_SEED:-20} ERA_SALVAGE_CASES=${ERA_SALVAGE_CASES:-400}
	"$program" | tee "$BATS_TEST_TMPDIR/out"
	grep -c '^# .* cases, .* kept exact$' "$BATS_TEST_TMPDIR/out" | grep -qx 17
}
