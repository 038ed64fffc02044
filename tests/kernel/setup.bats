#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# era setup on a real kernel: setup.sh is what is done, and checked, in the guest.

load ../lib/common
load ../lib/truth
load kernel

setup() {
	need_kernel
	need_ours era_check era_format era_invalidate era_setup
	scratch
	truncate -s 24M metadata
	truncate -s 16M disk
}

# boot N [WORD=VALUE...]
boot() {
	guest_boot "$PWD" "$kernel_dir/setup.sh" "$1" ubd1=disk "${@:2}" || {
		tail -n 60 "console.$1"
		return 1
	}
}

@test "created, activated, stopped; resized and marked" {
	boot 1
}

@test "what is refused" {
	boot 2
}

@test "discards are off" {
	boot 3
}

@test "an origin that changed while it was not tracked" {
	boot 4
}

@test "metadata that leave no room for the state" {
	boot 5
}
