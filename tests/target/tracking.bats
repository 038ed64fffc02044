#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What the target tracks, against the truth: random histories from seeds. For others:
#	ERA_TARGET_SEEDS="1 2 3" bats tests/target/tracking.bats

load ../lib/common
load target

setup() {
	target_setup
}

@test "random histories of writes, zeroings, trims, messages, stops, kills and resizes" {
	# shellcheck disable=SC2086
	play history ${ERA_TARGET_SEEDS:-1 4 5}
}

@test "every acknowledged write is listed after kill -9" {
	play kills "${ERA_TARGET_KILLS:-3}" "${ERA_TARGET_SEED:-1}"
}
