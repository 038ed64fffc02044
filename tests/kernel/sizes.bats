#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Sizes of blocks, origin and metadata, and their changes.

load ../lib/common
load ../lib/truth
load kernel

@test "blocks of 128 sectors" {
	scenario block-128
}

@test "blocks of 56 sectors, the last one partial" {
	scenario block-56
}

@test "an origin of less than 64 blocks" {
	scenario tiny
}

@test "an origin of one array block" {
	scenario one-array-block
}

@test "an origin of several levels" {
	scenario levels
}

@test "the metadata device grew after format" {
	scenario metadata-grown
}
