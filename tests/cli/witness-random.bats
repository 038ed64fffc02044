#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# More of the random lives of tests/unit/test_witness than make check has time for, and the table of
# what a witness doesn't notice. For others:
#	ERA_WITNESS_SEED=7 ERA_WITNESS_STEPS=10000000 bats tests/cli/witness-random.bats

load ../lib/common

setup() {
	unit=$abs_top_builddir/tests/unit/test_witness
	[ -x "$unit" ] || skip_test "needs cmocka"
	export ERA_WITNESS_SEED=${ERA_WITNESS_SEED:-3}
}

@test "no life is refused in millions of steps" {
	ERA_WITNESS_STEPS=${ERA_WITNESS_STEPS:-1000000} "$unit" | tee "$BATS_TEST_TMPDIR/out"
	grep '^# .* comparisons' "$BATS_TEST_TMPDIR/out" >&3
}

@test "the table" {
	ERA_WITNESS_TRIALS=${ERA_WITNESS_TRIALS:-30} "$unit" | tee "$BATS_TEST_TMPDIR/out"
	grep '^# .* blocks ' "$BATS_TEST_TMPDIR/out" >&3
}
