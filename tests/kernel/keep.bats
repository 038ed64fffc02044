#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup on a filesystem whose files have clones: TARGET is replaced as a whole, and older
# backups are kept.
#
# ERA_KEEP_ERRORS=1 lets each call fail, too, not only be the last one.

load ../lib/common
load ../lib/cases
load ../lib/faults
load kernel

setup() {
	need_kernel
	need_ours era_backup era_apply era_format era_mark
	! sanitized era || skip "a guest has too little address space for the sanitizers"
	need mkfs.xfs
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
	truncate -s 320M "$dir/disk"
	mkfs.xfs -q -m reflink=1 "$dir/disk"
}

boot() {
	guest_boot "$dir" "$kernel_dir/keep.sh" "$@" ubd1="$dir/disk" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

@test "TARGET is replaced as a whole; --keep, --in-place; a disk that is full" {
	boot 1
	diff "$dir/answers" - <<-'END'
		kept 0
		kept 2 2
		kept 2
		kept 1
		ended 3 1
	END
}

@test "stopped at any call, TARGET is the old backup or the new" {
	local struck old new
	faults_library
	guest_seconds=900
	boot 2 faults="$faults" errors="${ERA_KEEP_ERRORS:-}"
	read -r struck old new < <(sed -n 's/^struck //p' "$dir/answers")
	echo "# $struck stops, then $old times the old backup, and $new times the new" >&3
	[ "$struck" -gt 20 ]
	[ "$old" -gt 10 ]
	[ "$new" -gt 3 ]
}
