#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What our programs say of metadata that a real kernel wrote, against what is known to be true of
# them, without a boot: tests/images holds an image of each scenario of tests/kernel.

load ../lib/common
load ../lib/cases
load ../lib/truth

setup_file() {
	local folder
	for folder in "$abs_top_srcdir"/tests/images/*/; do
		[ -e "$folder/truth" ] || continue
		gzip -dc "$folder/image.gz" >"$BATS_FILE_TMPDIR/$(basename "$folder")"
	done
}

setup() {
	need_ours era_check era_dump era_restore era_invalidate
	images=("$BATS_FILE_TMPDIR"/[0-9]*)
	[ ${#images[@]} -gt 20 ]
}

# each COMMAND...: COMMAND IMAGE TRUTH for every image; all of them are tried.
each() {
	untraced try_each "$@"
}

try_each() {
	local image bad=()
	for image in "${images[@]}"; do
		"$@" "$image" "$abs_top_srcdir/tests/images/${image##*/}/truth" ||
			bad+=("${image##*/}")
	done
	[ ${#bad[@]} = 0 ] || printf 'wrong: %s\n' "${bad[*]}"
	[ ${#bad[@]} = 0 ]
}

sound() {
	image_is_sound "$1"
}

snapshot_is_true() {
	if [ -e "$2.snap" ]; then
		status_is 0 era_check -m "$1" && answers_are_true "$1" "$2.snap" -m
	else
		status_is 4 era_invalidate -m --written-since 0 "$1" &&
			status_is 4 era_dump -m "$1" && grep -q 'no current metadata snap' "$stderr"
	fi
}

restored_is_true() {
	dump_is_restored "$1" "$BATS_TEST_TMPDIR/copy" && image_is_sound "$BATS_TEST_TMPDIR/copy" &&
		logical_is_true "$BATS_TEST_TMPDIR/copy" "$2" && rm "$BATS_TEST_TMPDIR/copy"
}

# Nothing but the image is read, and it is left as it was.
unchanged() {
	gzip -dc "${2%truth}image.gz" | cmp - "$1"
}

@test "era_check finds nothing wrong" {
	each sound
}

@test "written since every N, in all formats, and the logical dump" {
	each answers_are_true
}

@test "the same of metadata snapshots, where one is held" {
	each snapshot_is_true
}

@test "dumped and restored, the same bytes are dumped and the same is true" {
	each restored_is_true
}

@test "the images are as they were" {
	each unchanged
}
