#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is suspended is resumed, and what is frozen is thawed, whatever is killed.
#
# ERA_GUARD_KILLS=N kills so often, ERA_GUARD_SEED draws other moments.

load ../lib/common
load ../lib/cases
load kernel

kills=${ERA_GUARD_KILLS:-10}

setup() {
	need_kernel
	need_ours era_ctl
	era --version | grep -q '^libdevmapper' || skip "built without libdevmapper"
	! sanitized era || skip "a guest has too little address space for the sanitizers"
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
}

boot() {
	guest_boot "$dir" "$kernel_dir/guard.sh" "$@" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

@test "kill -9 of each process, of the group and of the shell" {
	local n struck suspended left
	guest_seconds=$((400 + kills * 10))
	boot 1 kills="$kills" seed="${ERA_GUARD_SEED:-17}"
	read -r n struck suspended left <"$dir/answers"
	echo "# $n barriers, $struck kills, $suspended while suspended, $left left so" >&3
	[ "$n" -ge "$kills" ]
	[ "$struck" -gt 0 ]
	[ "$left" = 0 ]
	# The barrier that came last began the era that is.
	[ "$(awk '$1 == "barrier" { print $2 }' "$dir/answers")" \
		= "$(awk '$1 == "status" { print $2 }' "$dir/answers")" ]
}

@test "both that resume are killed: what made the barrier does" {
	boot 5
	grep -qx 'barrier [0-9]*' "$dir/answers"
}

@test "a whole cgroup is killed: era ctl resume" {
	boot 2
	grep -qx 'left 1' "$dir/answers"
	grep -qx 'barrier [0-9]*' "$dir/answers"
}

@test "a frozen filesystem: clean in the copy, and thawed whatever happens" {
	need mke2fs e2fsck
	truncate -s 8M "$dir/disk" "$dir/copy"
	mke2fs -q -t ext4 "$dir/disk"
	boot 3 ubd1="$dir/disk" ubd2="$dir/copy"
	diff "$dir/answers" - <<-'END'
		made 2
		thawed
		failed 3
		thawed
		late 3
		thawed
		frozen
		twice 3
		thawed
	END
	grep -q 'was thawed before the command had ended, after 1 s' "$dir/console.3"
	grep -q '/run/data: is frozen by somebody' "$dir/console.3"
	dumpe2fs -h "$dir/copy" >features
	fails grep -q needs_recovery features
	e2fsck -fn "$dir/copy"
	[ "$(debugfs -R 'cat file' "$dir/copy")" = data ]
}
