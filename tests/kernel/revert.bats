#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era revert with the kernel's target: the device is its backup again, after each of many rounds.

load ../lib/common
load ../lib/cases
load ../lib/json
load ../lib/truth
load kernel

setup_file() {
	find_validator
}

setup() {
	need_kernel
	need_ours era_backup era_check era_revert
	need_device_mapper
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
	truncate -s 2M "$dir/disk"
}

boot() {
	guest_boot "$dir" "$kernel_dir/revert.sh" "$@" ubd1="$dir/disk" folder="$dir" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

# In blocks: what was written in the round, and nothing of the rounds before.
@test "rounds of write and revert; one that is killed" {
	boot 1
	diff - <(sed 's/ \([0-9]*\)$/ \1 4096/' "$dir/answers" |
		awk '$NF == 4096 { $(NF - 1) /= 4096; NF-- } { print }') <<-'END'
		backup full 512
		reverted 4
		reverted 5
		reverted 6
		reverted 7
		reverted 8
		reverted 0
		backup incremental 3
		reverted 5
		killed
		reverted 512
		status 3, since somebody wrote
		reverted 102
	END
	status_is 0 era_check -q "$dir/metadata"
	schema --covered "$(schema_of revert)" "$dir"/document.*
}

@test "what is refused" {
	boot 2
	[ "$(grep -c '^refused 4' "$dir/answers")" = 5 ]
	[ "$(grep -c '^refused 3' "$dir/answers")" = 1 ]
}
