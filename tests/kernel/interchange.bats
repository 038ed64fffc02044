#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The kernel's target and ours take turns on the same metadata, in random histories; what each of
# them leaves is sound and true. At the end the kernel works on what ours has left. For other seeds:
#	ERA_RANDOM_SEEDS="1 2 3" ERA_RANDOM_KEEP=FOLDER bats tests/kernel/interchange.bats
# FOLDER gets what a history that fails has left.

load ../lib/common
load ../lib/truth
load kernel
load random
load interchange

# ends_true DIR SCENARIO: our last turn, and then the kernel's.
ends_true() (
	local held=
	cd "$1" && settle "$1" || exit
	for after in "$1"/after.*; do
		[ ! -d "$after" ] || image_is_true "$after/metadata" "$after/truth" || exit
	done
	image_is_true metadata truth || exit
	# shellcheck source=/dev/null
	. "$2" && at_end || exit
	mkdir last && cp metadata last || exit
	[ ! -e truth.snap ] || held=held=1
	works_on "$1/last" "$1/truth" ${held:+"$held"} || exit
	image_is_true last/metadata last/truth
)

# passes SEED. What bats does for each command of a test would take half of the time.
passes() (
	dir=$BATS_TEST_TMPDIR/$1
	trap - DEBUG
	interchange_history "$1" >"$dir.sh"
	guest_run "$dir.sh" "$dir" && ends_true "$dir" "$dir.sh"
)

@test "both targets take turns" {
	need_kernel
	need_ours era_check era_dump era_invalidate drive
	all_pass 1 2 3
}
