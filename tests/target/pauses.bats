#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Pauses, and eras that begin on several targets at one moment.

load ../lib/common
load target

setup() {
	target_setup
}

@test "a pause holds writes back, and ends with its time and its client" {
	play pauses
}

@test "an era begins on two targets at one moment" {
	play moment "${ERA_TARGET_ROUNDS:-15}"
}
