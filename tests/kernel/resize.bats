#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The origin grows and shrinks between resumes.

load ../lib/common
load ../lib/truth
load kernel

@test "grown" {
	scenario grown
}

@test "shrunk" {
	scenario shrunk
}

@test "shrunk with a longer writeset pending" {
	scenario shrunk-pending
}

@test "regrown with the longer writeset still pending" {
	scenario regrown-pending
}

@test "regrown with the longer writeset digested" {
	scenario regrown-digested
}

@test "regrown, and the same blocks written again" {
	scenario regrown-rewritten
}

@test "shrunk after a restore" {
	scenario restored-shrunk
}
