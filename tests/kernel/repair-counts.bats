#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Metadata whose counts era_check --auto-repair has made right: the kernel resumes them, works on
# all of them, and they are still sound and true.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/damage
load kernel

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate
	test_tool blkedit
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
}

# repaired IMAGE EDIT...
repaired() {
	zcat "$abs_top_srcdir/tests/images/$1/image.gz" >"$work/metadata"
	blkedit "$work/metadata" "${@:2}"
	cp "$work/metadata" "$work/damaged"
	status_is 0 era_check -q --auto-repair "$work/metadata"
	fails cmp -s "$work/metadata" "$work/damaged"
	image_is_true "$work/metadata" "$abs_top_srcdir/tests/images/$1/truth"
}

repaired_works() {
	repaired "$@"
	works_on "$work" "$abs_top_srcdir/tests/images/$1/truth"
	image_is_true "$work/metadata" "$work/truth"
}

@test "live blocks that counted as free" {
	repaired_works 004-undigested 'bitmap.count.[eras]=0' 'bitmap.count.[eras/3]=0' \
		'bitmap.count.[sets/2/0]=0' 'bitmap.count.[current]=0'
}

@test "wrong sums" {
	repaired_works 002-crash sb.allocated=60 index.free.0=0
}

@test "counts in the ref-count tree" {
	repaired_works 006-rewritten refs.entries=1 refs.key.0=@eras refs.count.0=3
}

@test "the space map's own blocks and the superblock counted as free" {
	repaired_works 013-levels 'bitmap.count.[index]=0' 'bitmap.count.[bitmap]=0' \
		'bitmap.count.[refs]=0' \
		bitmap.count.0=0
}

@test "a snapshot's shared blocks" {
	repaired 020-snapshot-held 'bitmap.count.[eras]=1' 'bitmap.count.[clone]=0'
	guest_boot_held
	image_is_true "$work/metadata" "$work/truth"
}

# work-on.sh takes a snapshot of its own, so the one that is held goes first.
guest_boot_held() {
	local truth=$abs_top_srcdir/tests/images/020-snapshot-held/truth
	cp "$truth" "$work/start"
	guest_boot "$work" "$kernel_dir/work-on.sh" 1 held=1 \
		sectors="$(truth_field sectors "$truth")" block="$(truth_field block "$truth")"
	guest_truth "$work"
}

@test "what is left unrepaired doesn't pass" {
	zcat "$abs_top_srcdir/tests/images/004-undigested/image.gz" >"$work/metadata"
	# All array blocks of the era array count as free.
	local n edits=()
	for n in {0..19}; do
		edits+=("bitmap.count.[eras/$n]=0")
	done
	blkedit "$work/metadata" "${edits[@]}"
	status_is 1 era_check -q "$work/metadata"
	cp "$work/metadata" "$work/damaged"
	fails works_on_truly
	cp "$work/damaged" "$work/metadata"
	rm -f "$work"/log "$work"/console.*
	status_is 0 era_check -q --auto-repair "$work/metadata"
	works_on_truly
}

works_on_truly() {
	works_on "$work" "$abs_top_srcdir/tests/images/004-undigested/truth" &&
		image_is_true "$work/metadata" "$work/truth"
}
