#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The engine takes up whatever the kernel has left in tests/images.

load ../lib/common
load ../lib/cases
load ../lib/truth
load driven

setup() {
	need_ours era_check era_dump era_invalidate drive
	scratch
}

# take_up IMAGE: three lives of the target on it, the last one with all that is left to digest.
take_up() {
	local folder=$abs_top_srcdir/tests/images/${1##*/} sectors block
	cp "$1" metadata
	truncate -s '>1M' metadata
	rm -f before before.snap
	cp "$folder/truth" before
	[ ! -e "$folder/truth.snap" ] || cp "$folder/truth.snap" before.snap
	sectors=$(truth_field sectors before)
	block=$(truth_field block before)
	driven "open metadata $block" "resume $sectors" "write $((sectors - 1)) 1" checkpoint \
		"write 0 $block" checkpoint "write $((sectors / 2)) 1" crash || return
	driven "open metadata $block" "resume $((sectors / 2))" "write 0 1" toggle digest crash ||
		return
	driven "open metadata $block digester" "resume $sectors" "storm 4 20 1" toggle suspend
}

@test "whatever the kernel has left is taken up" {
	unpack_images
	each_image take_up
}
