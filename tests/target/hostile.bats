#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# 10,000 requests that nobody should send, on the control socket and as names of exports.

load ../lib/common
load target

@test "hostile requests and names change nothing" {
	need_target
	scratch
	play hostile "${ERA_TARGET_REQUESTS:-10000}" "${ERA_TARGET_SEED:-1}"
}
