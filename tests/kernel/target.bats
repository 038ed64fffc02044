#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The userspace target and the kernel's take turns on the same metadata: each resumes what the other
# left, after clean stops and after crashes, and the truth holds after every turn.

load ../lib/common
load ../lib/truth
load kernel
load ../target/target

# takes_turns SECTORS BLOCK: of the target's turns the first ends in a stop, the others in kills.
# The kernel's last turn is a scenario that works on all of the metadata.
takes_turns() {
	local dir=$BATS_TEST_TMPDIR/turns n end=stop
	need_kernel
	need_target
	mkdir "$dir"
	cd "$dir" || return
	truncate -s 1M metadata
	for n in 1 2 3; do
	play relay "$1" "$2" "$end" "$n" || return
		image_is_true metadata truth || return
		cp truth truth.target
		rm -f log start
		works_on "$dir" truth.target || return
		image_is_true metadata truth || return
		rm -f log
		end=kill
	done
}

@test "blocks of 4 KiB" {
	takes_turns 65536 8
}

@test "blocks of 64 KiB, the last one partial" {
	takes_turns 262200 128
}

# A crash of the kernel's target, then a larger origin.
@test "what a crashed kernel left, with an origin that has grown" {
	local dir=$BATS_TEST_TMPDIR/crash
	need_kernel
	need_target
	guest_run "$kernel_dir/scenarios/crash.sh" "$dir"
	cd "$dir"
	rm -f log
	play relay 40000 8 stop 7
	image_is_true metadata truth
	cp truth truth.target
	rm -f log start
	works_on "$dir" truth.target
	image_is_true metadata truth
}
