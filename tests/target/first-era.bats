#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The first era of metadata that the target makes: above all that may be remembered, with every
# block written in it.

load ../lib/common
load target

setup() {
	target_setup disk 1M
}

# begins ARGUMENT...: the era that new metadata begin with these.
begins() {
	target_start file disk era-metadata=meta era-block-size=64k era-socket=ctl "$@" || return
	nbdinfo --size "$uri" >/dev/null || return
	era_ctl ctl status | awk '{ print $3 }'
	target_stop
}

@test "it is the clock's, and every block is written in it" {
	local before era
	before=$(date +%s)
	era=$(begins era-format=yes)
	[ "$era" -ge "$before" ]
	[ "$era" -le "$(date +%s)" ]
	[ "$(era_invalidate --written-since "$era" --format ranges meta)" = "0 1048576" ]
	[ "$(era_invalidate --written-since 7 --format ranges meta)" = "0 1048576" ]
	# The next start goes on.
	[ "$(begins era-format=yes)" = $((era + 1)) ]
}

@test "eras do not get ahead of the clock, however many are asked for" {
	local era n
	era=$(begins era-format=yes)
	for n in 1 2; do
		[ "$(begins)" = $((era + n)) ]
		[ $((era + n)) -le "$(date +%s)" ]
	done
	target_start file disk era-metadata=meta era-socket=ctl
	for n in 1 2 3; do
		era=$(era_ctl ctl checkpoint)
		[ "$era" -lt "$(date +%s)" ]
	done
	target_stop
	# So what was recorded with metadata that are lost is answered with all blocks; the era to
	# remember of what is stopped is the one after its own.
	rm meta
	[ "$(begins era-format=yes)" -gt "$era" ]
	[ "$(era_invalidate --written-since $((era + 1)) --format ranges meta)" = "0 1048576" ]
}

@test "where the device tells of higher eras it is a million above these" {
	truncate -s 1M meta
	[ "$(begins era-format=yes era-first=3000000000)" = 3000000000 ]
	# All else tells of it still.
	dd if=/dev/zero of=meta bs=4k count=1 conv=notrunc status=none
	[ "$(begins era-format=yes)" = 3001000001 ]
	rm meta
	[ "$(begins era-format=yes)" -lt 3000000000 ]
}

# What other programs make is recorded with the era after its own, before any target has begun it.
@test "what is written at once is listed since the era that other new metadata were recorded with" {
	local era
	while [ "$(date +%N)" -gt 100000000 ]; do
		sleep 0.05
	done
	status_is 0 era_format -q --block-size 64k --device-size 1M meta
	era=$(era_check --json meta | jq .live.current_era)
	rm meta
	[ "$(begins era-format=yes)" -gt "$era" ]
	[ "$(era_invalidate --written-since $((era + 1)) --format ranges meta)" = "0 1048576" ]
	# Both are a million above what is found.
	cp meta found
	era=$(era_check --json meta | jq .live.current_era)
	dd if=/dev/urandom of=found bs=1 seek=50 count=2 conv=notrunc status=none
	status_is 5 era_repair -q -i found -o repaired --block-size 64k
	era=$(era_check --json repaired | jq .live.current_era)
	dd if=/dev/zero of=meta bs=4k count=1 conv=notrunc status=none
	[ "$(begins era-format=yes)" -gt "$era" ]
	[ "$(era_invalidate --written-since $((era + 1)) --format ranges meta)" = "0 1048576" ]
}

@test "eras that leave too few are refused" {
	target_fails file disk era-metadata=meta era-block-size=64k era-format=yes \
		era-first=4194967296
	grep "era-first: found 4194967296, wanted 1 to 4194967295" said
	target_fails file disk era-metadata=meta era-block-size=64k era-format=yes era-first=0
	grep "era-first: found 0" said
	target_fails file disk era-metadata=meta era-block-size=64k era-first=5
	grep "era-first needs era-format=yes" said
	truncate -s 1M meta
	[ "$(begins era-format=yes era-first=4194967295)" = 4194967295 ]
	dd if=/dev/zero of=meta bs=4k count=1 conv=notrunc status=none
	target_fails file disk era-metadata=meta era-block-size=64k era-format=yes
	grep "was used up to era 4194967295" said
}

@test "a clock that can't be right is refused, and says what to do" {
	local time
	[ -z "$ERA_PRELOAD" ] || skip "sanitizers want to be preloaded before faketime"
	need_faketime
	for time in "2019-01-01 00:00:00" "2104-01-01 00:00:00"; do
		fails at_time "$time" timeout -k 1 20 nbdkit -f -U nbd.refused \
			--filter="$ERA_FILTER" file disk era-metadata=meta era-block-size=64k \
			era-format=yes \
			>said 2>&1
		grep "the clock says .* set the clock, or say the era" said
		[ ! -e meta ]
	done
}

# The target opens metadata in its own way.
@test "what is no metadata is named, and left alone" {
	printf '\272\122\234\001' | dd of=meta bs=1 seek=32 conv=notrunc status=none
	truncate -s 1M meta
	cp meta before
	target_fails file disk era-metadata=meta
	grep "meta: holds metadata of dm-thin, and no dm-era metadata" said
	target_fails file disk era-metadata=meta era-block-size=64k era-format=yes
	grep "meta: holds metadata of dm-thin, and no dm-era metadata" said
	cmp meta before
}
