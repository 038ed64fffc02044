#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The figures of a target: era_ctl stats, and its text for Prometheus.

load ../lib/common
load target

setup() {
	target_setup
}

@test "the figures are right, and are what Prometheus reads" {
	play stats
}
