#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The long forms of the engine's unit tests. More, or others:
#	ERA_ENGINE_CALLS=10000000 ERA_ENGINE_SEED=7 tests/unit/test_engine
#	ERA_ENGINE_RUNS=500 ERA_ENGINE_FAULTS_EVERY=1 tests/unit/test_engine_stops

load ../lib/common

setup() {
	unit=$abs_top_builddir/tests/unit
	[ -x "$unit/test_engine" ] || skip_test "needs cmocka"
}

@test "a million calls of the engine are as the model says" {
	ERA_ENGINE_CALLS=${ERA_ENGINE_CALLS:-1000000} ERA_ENGINE_SEED=${ERA_ENGINE_SEED:-2} \
		"$unit/test_engine"
}

@test "every stop of many runs, and a fault at every call" {
	ERA_ENGINE_RUNS=${ERA_ENGINE_RUNS:-30} ERA_ENGINE_FAULTS_EVERY=1 "$unit/test_engine_stops"
}
