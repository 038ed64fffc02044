#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Every field of every used block of kernel-written images, set to what it should not be with the
# checksum right (tests/lib/sweep.c says to what, and what must hold). Of what a block has many
# times some are drawn. ERA_SWEEP_SEED draws others, ERA_SWEEP_ENTRIES more:
#
#	ERA_SWEEP_SEED=7 ERA_SWEEP_ENTRIES=2000 bats tests/cli/sweep.bats

load ../lib/common
load ../lib/cases

setup() {
	need_ours sweep
	scratch
}

# sweep_image NAME LEAST CASES: so many cases there must be at least, and of each kind one.
sweep_image() {
	gzip -dc "$abs_top_srcdir/tests/images/$1/image.gz" >image
	local entries=3 most=1
	! sanitized sweep || entries=1 most=2
	exit_status timeout 300 sweep image "${ERA_SWEEP_SEED:-1}" \
		"${ERA_SWEEP_ENTRIES:-$entries}" >out
	cat out
	one_of 0
	awk -v least="$2" -v most="$most" '
		/ 0 failures$/ { n = $3; for (i = 1; i <= NF; i++) if ($i == 0) zeros++ }
		END { exit !(n >= least && zeros >= 1 && zeros <= most) }' out
}

@test "no writeset, and a snapshot held that shares everything" {
	sweep_image 020-snapshot-held 600
}

@test "a snapshot that the live metadata have left behind" {
	sweep_image 022-snapshot-moved-on 1500
}

@test "a snapshot of another size" {
	sweep_image 023-snapshot-resized 600
}

@test "two writesets, the current one and one that waits" {
	sweep_image 003-crash-twice 500
}

@test "an array shorter than its writeset" {
	sweep_image 017-shrunk-pending 400
}
