#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Many connections that open since=N at once share their lists, and none lacks a block.

load ../lib/common
load target

setup() {
	need_target
	need_ours drive
	scratch
}

@test "since=N shared by many: what was written before an opening is in its list" {
	play since law "${ERA_SINCE_SECONDS:-4}"
}

@test "since=N opened by sixteen at once costs hardly more than one" {
	play since cost
}

@test "since=N: an opening ends when its client has gone, or the server stops" {
	play since stop
}
