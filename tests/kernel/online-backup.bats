#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup with the kernel's target: of a device in use, over several kinds of storage, with runs
# that are killed. After each run that succeeds, TARGET is what the snapshot is.
#
# ERA_BACKUPS=N makes N of them over each kind of storage, ERA_SEED draws other moments.

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel

rounds=${ERA_BACKUPS:-3}

setup() {
	need_kernel
	need_ours era_backup era_check era_format
	need_device_mapper
	test_tool blocks
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
}

boot() {
	guest_seconds=$((400 + rounds * 20))
	guest_boot "$dir" "$kernel_dir/online-backup.sh" "$@" folder="$dir" rounds="$rounds" \
		draw="${ERA_SEED:-1}" helpers="$(dirname "$(command -v blocks)")" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

# all_same LEAST: at least so many backups, each the same as its snapshot.
all_same() {
	local same killed
	same=$(grep -c '^same$' "$dir/answers")
	killed=$(grep -c '^ended 137$' "$dir/answers") || :
	echo "# $(grep -c incremental "$dir/answers") incremental backups, $killed killed" >&3
	[ "$same" -ge "$1" ] && ! grep differs "$dir/answers"
}

over() {
	boot 1 storage="$1" ubd1="$dir/disk" "${@:2}"
	all_same $((rounds + 2))
	status_is 0 era_check -q "$dir/metadata"
}

@test "over dm-snapshot; after a boot; metadata made anew" {
	truncate -s 2M "$dir/disk" "$dir/cow"
	over dm ubd2="$dir/cow"
	boot 2 storage=dm ubd1="$dir/disk" ubd2="$dir/cow"
	all_same 3
	[ "$(sed -n 3p "$dir/answers")" = "incremental $((2 << 20))" ]
}

@test "over LVM" {
	need lvm
	truncate -s 40M "$dir/disk"
	over lvm
}

@test "over a thin volume of LVM" {
	need lvm thin_check
	truncate -s 40M "$dir/disk"
	over thin
}
