#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The long form of what tracking.bats, messages.bats, since.bats and flush.bats do.

load ../lib/common
load target

setup() {
	target_setup
}

@test "random histories, more of them" {
	# shellcheck disable=SC2086
	play history ${ERA_TARGET_SEEDS:-$(seq 100 115)}
}

@test "kill -9, again and again" {
	play kills "${ERA_TARGET_KILLS:-30}" "${ERA_TARGET_SEED:-2}"
}

@test "messages while writes are in flight, again and again" {
	play inflight "${ERA_TARGET_ROUNDS:-40}" "${ERA_TARGET_SEED:-2}"
}

@test "since=N shared by many, for longer" {
	need_ours drive
	play since law "${ERA_SINCE_SECONDS:-10}"
}

@test "killed at any point, with caches of all kinds below" {
	local below
	need_lossy
	for below in multi=yes "" "model=all slow=300" "model=requests slow=300" \
		"model=connections slow=300"; do
		# shellcheck disable=SC2086
		play lossy crash "${ERA_TARGET_ROUNDS:-6}" "${ERA_TARGET_SEED:-7}" $below
	done
}
