#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Several faults at once, each of which a check finds when it is alone, in every image:
# tests/lib/mix.c says which, and what must hold. ERA_MIX_SEED draws others, ERA_MIX_CASES more for
# each image:
#
#	ERA_MIX_SEED=7 ERA_MIX_CASES=5000 bats tests/cli/mix.bats

load ../lib/common
load ../lib/cases

setup() {
	need_ours mix
	scratch
}

# mixed NUMBER...: images of these numbers.
mixed() {
	local number cases=${ERA_MIX_CASES:-160} n failed=0
	! sanitized mix || cases=$((cases / 10))
	for number; do
		gzip -dc "$abs_top_srcdir"/tests/images/"$number"-*/image.gz >image || return
		n=$cases
		# A damaged superblock is read for a second with a snapshot, and a large image takes
		# longer.
		case $number in
		013|020|022|023) n=$((cases / 8)) ;;
		esac
		timeout 900 mix image "${ERA_MIX_SEED:-1}$number" "$n" 3 >out || failed=1
		sed "s/^/$number: /" out
	done
	[ "$failed" = 0 ]
}

@test "small devices" {
	mixed 001 002 003 004 005 006 007 008 009 010 011 012
}

@test "grown, shrunk and regrown ones" {
	mixed 014 015 016 017 018 019 028 029
}

@test "levels of trees, and many writesets" {
	mixed 013 027
}

@test "snapshots" {
	mixed 020 021 022 023
}

@test "hardly begun" {
	mixed 024 025 026
}
