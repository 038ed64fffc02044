#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Metadata that no usual history leaves, and the proof that these tests can fail.

load ../lib/common
load ../lib/truth
load kernel

@test "loaded, never resumed" {
	scenario loaded
}

@test "loaded, never resumed, crash" {
	scenario loaded-crash
}

@test "crash between format and first resume, and a later life" {
	scenario crash-before-resume
}

@test "more writesets than a node of their tree holds" {
	scenario many-writesets
}

# peek IMAGE BLOCK OFFSET BYTES
peek() {
	od -A n -t "u$4" -j $(($2 * 4096 + $3)) -N "$4" "$1" | tr -d ' '
}

# All array blocks, live as they are, count as free. A bitmap has two bits a block; restored
# metadata begin with the blocks in use.
call_array_blocks_free() {
	local used index bitmap n byte
	used=$(peek "$1" 0 52 8)
	index=$(peek "$1" 0 60 8)
	bitmap=$(peek "$1" "$index" 16 8)
	for ((n = 1; n < used; n++)); do
		[ "$(blkedit "$1" "$n" 2>/dev/null)" = array ] || continue
		byte=$(peek "$1" "$bitmap" $((16 + n / 4)) 1)
		blkedit "$1" "$bitmap" $((16 + n / 4)) \
			"$(printf %02x $((byte & ~(3 << n % 4 * 2))))"
	done
}

@test "a space map that calls live blocks free doesn't pass" {
	need_kernel
	need_ours blkedit era_check era_dump era_invalidate era_restore
	local dir=$BATS_TEST_TMPDIR/run copy=$BATS_TEST_TMPDIR/copy
	guest_run "$kernel_dir/scenarios/clean-stop.sh" "$dir"
	mkdir "$copy"
	dump_is_restored "$dir/metadata" "$copy/metadata"

	call_array_blocks_free "$copy/metadata"
	status_is 1 era_check "$copy/metadata"
	status_is 1 era_invalidate --written-since 1 "$copy/metadata" >"$copy/list"
	[ ! -s "$copy/list" ]

	fails works_on "$copy" "$dir/truth"
	guest_truth "$copy"
	fails image_is_true "$copy/metadata" "$copy/truth"
	echo "a resume alone would not have shown it:"
	grep '^truth: era 5' "$copy/log"
}

@test "a truth that is wrong in one block doesn't pass" {
	need_kernel
	need_ours era_check era_dump era_invalidate
	local dir=$BATS_TEST_TMPDIR/run edit
	guest_run "$kernel_dir/scenarios/tiny.sh" "$dir"
	answers_are_true "$dir/metadata" "$dir/truth"
	for edit in 's/^0 0 1/0 0 2/' 's/^10 12 2/10 11 2\n12 12 1/' 's/^38 39 1/38 39 0/'; do
		sed "$edit" "$dir/truth" >"$dir/wrong"
		fails cmp -s "$dir/truth" "$dir/wrong"
		fails answers_are_true "$dir/metadata" "$dir/wrong"
	done
}
