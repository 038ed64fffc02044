#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What older releases wrote is read as it was meant: each directory of tests/golden has what the
# release of that name wrote. tests/unit/test_device_state.c reads what "era setup" keeps.

load ../lib/common
load ../lib/backups

setup() {
	need_ours era
	scratch
}

# golden FUNCTION: for each release, in a directory of its own, with all of its files.
golden() {
	local folder file nr=0
	for folder in "$abs_top_srcdir"/tests/golden/*/; do
		mkdir "$BATS_TEST_TMPDIR/$((++nr))" || return
		cd "$BATS_TEST_TMPDIR/$nr" || return
		cp "$folder"* . && chmod u+w ./* || return
		gzip -d ./*.gz || return
		"$1" || return
	done
	[ "$nr" -ge 1 ]
}

metadata_are_read() {
	status_is 0 era check -q metadata || return
	status_is 0 era dump metadata | cmp - metadata.xml || return
	status_is 0 era restore -q -i metadata.xml -o restored || return
	status_is 0 era dump restored | cmp - metadata.xml || return
	status_is 0 era invalidate --written-since 102 --format ranges metadata | cmp - ranges
}

@test "metadata and their XML" {
	golden metadata_are_read
}

# Metadata of the same era with another history are refused.
witness_is_read() {
	status_is 0 era invalidate --written-since 101 --witness witness metadata >list || return
	[ -s list ] || return
	status_is 0 era format -q --block-size 4k --device-size 256k --era 100 other || return
	status_is 4 era invalidate --written-since 101 --witness witness other >list
}

@test "a witness" {
	golden witness_is_read
}

deltas_are_read() {
	status_is 0 era apply -q full.delta applied || return
	cmp applied old || return
	status_is 0 era apply -q next.delta applied || return
	cmp applied disk || return
	status_is 0 era apply --print-state applied >state || return
	grep '^base ' state | cmp - <(grep '^base ' backup.era)
}

@test "deltas, full and from a base" {
	golden deltas_are_read
}

# A backup that goes on: only what has been written since is copied. What identifies a file is its
# path, so that of the disk is put in.
state_is_read() {
	chmod u+w backup.era || return
	status_is 0 era apply --print-state backup | cmp - backup.era || return
	sed -i "s,^origin .*,origin file:$PWD/disk," backup.era || return
	checksum backup.era || return
	printf new | dd of=disk bs=4k seek=20 conv=notrunc status=none || return
	echo 20 1 | era mark -q --ranges - --unit blocks metadata >/dev/null || return
	status_is 0 era backup -q --incremental-only --base backup.era --offline metadata \
		--source disk - >delta || return
	status_is 0 era apply -q delta backup || return
	cmp backup disk
}

@test "the state of a backup, which goes on" {
	golden state_is_read
}

rollback_is_read() {
	status_is 0 era rollback --status --state cache.rollback cache >said || return
	grep -q '^cache: a rollback to era 2 was interrupted: .*has not been rolled back' said
}

@test "the state of a rollback that was interrupted" {
	era --version | grep -q '^libdevmapper' || skip "built without libdevmapper"
	golden rollback_is_read
}
