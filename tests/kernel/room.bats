#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_restore refuses a device on which the kernel could not work: the smallest that it accepts is
# enough to resume, to digest all writesets and to hold a snapshot, and a much smaller one is not.

load ../lib/common
load ../lib/truth
load kernel

bats_require_minimum_version 1.5.0

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate era_restore
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
}

# restore_just_fitting IMAGE LESS [OPTION]: into the smallest device that is accepted, less LESS
# blocks.
restore_just_fitting() {
	local needs
	zcat "$abs_top_srcdir/tests/images/$1/image.gz" >"$work/image"
	era_dump -o "$work/xml" "$work/image"
	truncate -s 40K "$work/metadata"
	run -3 era_restore -i "$work/xml" -o "$work/metadata"
	needs=$(sed -n 's/.*needs [0-9]* (\([0-9]*\) bytes).*/\1/p' <<<"$output")
	truncate -s $((needs - $2 * 4096)) "$work/metadata"
	era_restore "${@:3}" -i "$work/xml" -o "$work/metadata"
}

just_fits() {
	local truth=$abs_top_srcdir/tests/images/$1/truth
	restore_just_fitting "$1" 0
	works_on "$work" "$truth"
	image_is_true "$work/metadata" "$work/truth"
}

@test "many undigested writesets just fit" {
	just_fits 004-undigested
}

@test "an era array of several levels just fits" {
	just_fits 013-levels
}

@test "a small origin just fits" {
	just_fits 011-tiny
}

@test "one block less is refused" {
	run -3 restore_just_fitting 004-undigested 1
	[[ $output == *"too small"*"for the kernel to work"* ]]
}

@test "with --tight the kernel runs out of space" {
	restore_just_fitting 004-undigested 64 --tight
	run works_on "$work" "$abs_top_srcdir/tests/images/004-undigested/truth"
	[ "$status" -ne 0 ]
	grep -q 'unable to allocate new metadata block' "$work/console.1"
}
