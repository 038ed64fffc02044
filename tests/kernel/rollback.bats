#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era rollback on a real kernel: rollback.sh does it, and checks what it can; here it is judged what
# the cache holds afterwards. Nothing of it may be stale, and all that it holds must be hits.
#
# ERA_ROLLBACKS says that all combinations are tried, and that runs are stopped before each of their
# steps, not before a few.

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel
load cache

setup() {
	need_kernel
	need_ours era_check era_format era_invalidate era_rollback
	need_device_mapper
	make_stack_disks
	truncate -s $disk_bytes spare_data
}

# stack BOOT [WORD=VALUE...]
stack() {
	boot_stack rollback.sh "$1" era_block=16 mode=writethrough \
		"${@:2}" || {
		tail -n 60 "console.$1"
		return 1
	}
}

# coherent NAME LEAST [HITS]: each time when this was read, nothing was stale, and all that the
# cache held was a hit, of at least so many. A cache that goes on working may hold other blocks at
# the end of the reading; then only some must be hits.
coherent() {
	awk -v name="$1" -v least="$2" -v hits="${3:-}" '
		$1 != "figure:" { next }
		$2 == name "-mapped" { mapped = $3; n++; if ($3 < least) bad = "few mappings: " $3 }
		$2 == name "-stale" && $3 { bad = "stale: " $3 }
		$2 == name "-hits" && (hits ? $3 < hits : $3 != mapped) { bad = "hits: " $3 " of " mapped }
		END {
			if (bad || !n) {
				print name ": " (bad ? bad : "never read")
				exit 1
			}
		}' console.*
}

# rolled [WORD=VALUE...]
rolled() {
	stack rolled "$@"
	coherent rolled 15
	[ "$(figure dropped)" -ge 1 ]
	[ "$(figure backup-differs)" = 0 ]
}

@test "era blocks smaller than cache blocks, metadata of version 2" {
	rolled cache_version=2
}

@test "era blocks that are no multiple, a writeback cache that is cleaned first" {
	rolled mode=writeback era_block=88
}

@test "a passthrough cache, larger era blocks" {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "the long form, with ERA_ROLLBACKS"
	rolled mode=passthrough era_block=256
}

@test "all modes, versions and sizes of blocks" {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "the long form, with ERA_ROLLBACKS"
	local mode version block
	for mode in writethrough writeback; do
		for version in 1 2; do
			for block in 16 64 256 88; do
				setup_again
				rolled mode=$mode cache_version=$version era_block=$block
			done
		done
	done
}

setup_again() {
	cd /
	rm -r "$dir"
	setup
}

@test "new metadata are sound for cache_check, and the kernel uses their hints" {
	sound_and_hinted cache_version=2
}

@test "new metadata of version 1 are sound for cache_check, and the kernel uses their hints" {
	[ -n "${ERA_ROLLBACKS:-}${ERA_CACHE_TOOLS:-}" ] ||
		skip "the long form, with ERA_ROLLBACKS, or with other tools in ERA_CACHE_TOOLS"
	sound_and_hinted
}

# sound_and_hinted [WORD=VALUE...]
sound_and_hinted() {
	stack hints "$@"
	[ "$(figure hinted)" -ge 15 ]
}

@test "a cache that does not become clean keeps its table, and is cleaned later" {
	stack unclean mode=writeback
	coherent unclean 10
}

@test "back to one snapshot, then on to a later one, with the eras of both" {
	stack forward
	coherent first 15
	coherent second 15
}

@test "refusals leave everything as it is" {
	stack refused
	coherent refused 15
}

@test "a command that fails, does nothing, or does something else" {
	stack commands
	coherent failed 15
	coherent cancelled 15
	coherent idle 15
	coherent half 15
	coherent done-before 0
	coherent elsewhere 0
	coherent used 0
	coherent left 0
	coherent left-cancelled 0
	coherent barely-cancelled 0
}

@test "killed at any time: started as it is, it serves nothing stale; run again, it is done" {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "the long form, with ERA_ROLLBACKS"
	stack killed
	coherent killed 10 5
	coherent back_killed 10 5
	coherent killed-again 5
	coherent back_killed-again 5
	coherent done 5
}

# in_steps [WORD=VALUE...]: a stop before each step; in the short form before every 22nd.
steps_so=$abs_top_builddir/tests/lib/steps.so
every=22
[ -z "${ERA_ROLLBACKS:-}" ] || every=1

in_steps() {
	[ -z "${ERA_ROLLBACKS:-}" ] || guest_seconds=900
	stack steps steps="$steps_so" first_step=1 every=$every "$@"
	[ "$(figure killed)" -ge 3 ]
	coherent started 3 3
	# Where nothing but the file was left to be removed, this is read by a cache in full work.
	coherent started-again 3 -1
	coherent stopped-again 3
	coherent whole 3
	echo "# killed before $(figure killed) of $(figure steps) steps" >&3
}

@test "killed before any step: what to do is said, and run again it is done" {
	in_steps mode=writeback
}

@test "killed before any step, a writethrough cache" {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "the long form, with ERA_ROLLBACKS"
	in_steps
}

# over [WORD=VALUE...]
over() {
	stack over steps="$steps_so" "$@"
	coherent at-once 3
	coherent stopped-unused 3
	coherent stopped-again 3
	coherent used 3
	coherent unknown 3
	coherent by-hand 3
	coherent another 3
	coherent elsewhere 0
}

@test "stopped when all was done: not taken for a later rollback, but for one that is repeated" {
	over
}

@test "stopped when all was done, a writeback cache" {
	over mode=writeback
}

# power_cuts [WORD=VALUE...]: before a step that comes after the command.
power_cuts() {
	local cut=40 by=40 round=1 booted=0 boot=cut_first name since=
	while :; do
		stack $boot steps="$steps_so" cut=$cut round=$round since="$since" \
			"$@"
		fails grep 'guest: failed' console.$boot
		[ $boot = cut_first ] || cuts_are_mended
		[ -z "$(figure whole)" ] || break
		since=$(sed -n 's/^since: //p' console.cut_first)
		for name in cache era; do
			sed -n "s/^table: $name //p" console.$boot >tables.$name
		done
		cut=$((cut + by)) round=$((round + 1)) boot=cut_next
	done
	[ "$booted" -ge 1 ]
	echo "# the power was cut before $((round - 1)) of $(figure whole) steps" >&3
}

# What was read when it was started is in the cache, or not, by the second reading.
cuts_are_mended() {
	local hits=
	if [ -n "$(figure booted-mapped)" ]; then
		coherent booted 3 3
		booted=$((booted + 1)) hits=-1
	fi
	coherent finished 3 "$hits"
}

@test "the power fails after the command: started as always nothing is stale, and it is finished" {
	power_cuts mode=writeback
}

# over_lvm [WORD=VALUE...]
over_lvm() {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "LVM in the guest: the long form, with ERA_ROLLBACKS"
	need lvm thin_check
	truncate -s 40M disk
	stack lvm "$@"
	coherent delayed 15
	coherent merged 15
}

@test "a snapshot of LVM is merged, at once or later" {
	over_lvm storage=lvm
}

@test "a thin snapshot of LVM is merged, at once or later" {
	over_lvm storage=thin
}

@test "a snapshot of device mapper is merged, without LVM" {
	stack merge
	coherent merged 15
}

@test "a volume that has another number after the command" {
	stack renumbered
	coherent renumbered 15
}

@test "the power fails: started as always nothing is stale, and it is finished" {
	[ -n "${ERA_ROLLBACKS:-}" ] || skip "the long form, with ERA_ROLLBACKS"
	stack power_cut
	for name in cache era; do
		sed -n "s/^table: $name //p" console.power_cut >tables.$name
	done
	stack power_back since="$(sed -n 's/^since: //p' console.power_cut)"
	coherent booted 15
	coherent finished 15
}

# crash [WORD=VALUE...]
crash() {
	stack crash_before "$@"
	stack crash_after since="$(sed -n 's/^since: //p' console.crash_before)" "$@"
}

@test "a cache that crashed in writethrough mode, and is not activated" {
	crash
	coherent crashed 15
}

@test "a cache that crashed twice in writethrough mode: what only the cache has is found" {
	stack crash_before
	stack crash_again
	stack crash_after since="$(sed -n 's/^since: //p' console.crash_before)"
	coherent crashed 15
	[ "$(figure differing)" -ge 5 ]
}

@test "a cache that crashed in writeback mode is only emptied" {
	crash mode=writeback
	coherent crashed 0
}
