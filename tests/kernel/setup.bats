#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era setup on a real kernel: setup.sh is what is done, and checked, in the guest.
#
# ERA_GROWTH_KILLS=N kills N programs that resize, ERA_SEED draws other moments.

load ../lib/common
load ../lib/cases
load ../lib/json
load ../lib/truth
load kernel

kills=${ERA_GROWTH_KILLS:-6}

setup_file() {
	find_validator
}

setup() {
	need_kernel
	need_ours era_backup era_check era_ctl era_dump era_format era_invalidate era_metadata_size
	need_ours era_restore era_revert era_setup
	need_device_mapper
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

@test "metadata move to another device" {
	boot 7
}

@test "an origin of which nothing can be remembered" {
	boot 8
}

@test "after a power failure" {
	boot 9
	boot 10 since="$(sed -n 's/^first: //p' console.9)"
	boot 11
}

@test "an XFS filesystem on the origin, mounted there" {
	need /sbin/mkfs.xfs
	truncate -s 320M disk
	boot 15 what=xfs
}

@test "an encrypted volume on the origin, opened and mounted there" {
	need cryptsetup
	truncate -s 320M disk
	boot 15 what=luks
}

@test "an origin that grows while it is active" {
	boot 12
}

@test "an origin that grows: killed at any moment" {
	truncate -s $(((64 + 4 * (kills + 1)) * 64))K disk
	boot 13 kills="$kills" seed="${ERA_SEED:-1}"
	read -r hit grown < <(sed -n 's/^answer: //p' console.13)
	echo "# $kills kills, $hit of them while it was suspended; $grown times it had grown" >&3
}

@test "what is remembered while the target is active" {
	boot 14
}

@test "what others do to the origin, and without the metadata" {
	boot 16
}

@test "no discard passes while the device grows" {
	boot 18
}

@test "remember, killed at any moment, leaves no metadata snapshot" {
	boot 19
	echo "# of 24 kills, $(sed -n 's/^answer: //p' console.19) while a snapshot was held" >&3
}

@test "an older state that is put back" {
	boot 17
}

@test "older metadata that are put back" {
	boot 20
}

@test "untracked under another name, and with other metadata" {
	boot 21
}

@test "one note of a device that was untracked beside another one" {
	boot 22
}

@test "notes that are written before their directory is mounted" {
	boot 23
}

@test "JSON" {
	need jq
	boot 6
	sed -n 's/^answer: //p' console.6 >answers
	diff <(jq -cr '[.request, .dry_run, .exit_status, .marked_blocks, (.devices |
		if . then map([.active, .suspended, .discards, .snapshot_held]) else . end)]' \
		answers) - <<-'END'
		["list",false,0,0,[]]
		["create",true,0,0,[]]
		["create",false,0,0,[[false,false,null,false]]]
		["activate",true,0,0,[[false,false,null,false]]]
		["activate",false,0,0,[[true,false,"off",false]]]
		["list",false,0,0,[[true,false,null,false]]]
		["status",false,0,0,[[true,false,"off",true]]]
		["status",false,0,0,[[true,true,"off",false]]]
		["deactivate",false,0,0,[[false,false,null,false]]]
		["mark",false,0,128,[[false,false,null,false]]]
		[null,null,3,null,null]
	END
	split -l 1 answers document.
	schema --covered "$(schema_of setup)" document.*
}
