#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# How writes and eras follow each other: digested, archived, or still current at the end.

load ../lib/common
load ../lib/truth
load kernel

@test "clean stop" {
	scenario clean-stop
}

@test "crash with unarchived writes" {
	scenario crash
}

@test "crash, resume, crash" {
	scenario crash-twice
}

@test "many eras, not digested" {
	scenario undigested
}

@test "many eras, digested" {
	scenario digested
}

@test "a block written in several undigested eras" {
	scenario rewritten
}

@test "runs across words of 64 bits" {
	scenario words
}

@test "unaligned writes, and writes of several blocks" {
	scenario unaligned
}
