#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What must not stand below the filter is refused, wherever it is named; above it may stand.

load ../lib/common
load target

setup() {
	target_setup disk 1M
}

refuses() {
	target_fails "--filter=$1" file disk era-metadata=meta "${fresh[@]}" || return
	grep -q "nbdkit's filter $1 must not stand below: " said || return
	[ ! -e meta ]
}

@test "filters that hide what happens to flushes, or end the server, are refused below" {
	local filter
	for filter in retry retry-request multi-conn cache exitlast tls-fallback; do
		refuses "$filter"
	done
}

@test "they are found however the command line names them" {
	local dir
	dir=$(pkg-config --variable=filterdir nbdkit)
	target_fails --filter=delay --filter=retry file disk era-metadata=meta "${fresh[@]}"
	grep "filter retry must not" said
	target_fails --filter retry file disk era-metadata=meta "${fresh[@]}"
	grep "filter retry must not" said
	target_fails --fi=retry file disk era-metadata=meta "${fresh[@]}"
	grep "filter retry must not" said
	target_fails --filter="$dir/nbdkit-retry-filter.so" file disk era-metadata=meta \
		"${fresh[@]}"
	grep "filter retry must not" said
}

@test "they are found whatever their file is called" {
	local dir
	dir=$(pkg-config --variable=filterdir nbdkit)
	cp "$dir/nbdkit-retry-filter.so" foo.so
	ln -s "$dir/nbdkit-multi-conn-filter.so" bar.so
	target_fails --filter=./foo.so file disk era-metadata=meta "${fresh[@]}"
	grep "filter retry must not" said
	target_fails --filter "$PWD/bar.so" file disk era-metadata=meta "${fresh[@]}"
	grep "filter multi-conn must not" said
}

@test "above a filter that has one store for all exports hides no backup" {
	local filter
	for filter in cache cow; do
		above="--filter=$filter" target_start file disk era-metadata=meta "${fresh[@]}"
		[ "$(nbdinfo --size "$uri")" = 1048576 ]
		fails nbdinfo "nbd+unix:///since=1?socket=nbd"
		target_stop
		grep "filter $filter stands above" log
		fails env LD_PRELOAD="$ERA_PRELOAD" timeout -k 1 20 nbdkit \
			-f -U nbd.refused "--filter=$filter" \
			--filter="$ERA_FILTER" file disk era-metadata=meta era-socket=ctl \
			era-cow=cow >said 2>&1
		grep "era-cow: nbdkit's filter $filter stands above" said
	done
}

@test "above they may stand" {
	above="--filter=retry --filter=multi-conn" target_start --filter=delay file disk \
		era-metadata=meta "${fresh[@]}"
	[ "$(nbdinfo --size "$uri")" = 1048576 ]
	target_stop
}

@test "a filter below that loses all when the server ends is said" {
	target_start --filter=cow file disk era-metadata=meta "${fresh[@]}"
	nbdinfo --size "$uri"
	target_stop
	grep "keeps nothing when the server ends (cow)" log
}

@test "the filter given twice is refused" {
	target_fails --filter="$ERA_FILTER" file disk era-metadata=meta "${fresh[@]}"
	grep "the filter is given 2 times" said
}

@test "metadata, or old contents, that are the origin itself are refused, whatever the name" {
	truncate -s 1M meta
	ln -s disk link
	ln disk other
	for path in disk link other "$PWD/disk"; do
		target_fails file disk era-metadata="$path" "${fresh[@]}"
		grep "is the same as file: data would be overwritten" said
		target_fails file "$path" era-metadata=disk "${fresh[@]}"
		grep "is the same as file" said
		target_fails file disk era-metadata=meta era-socket=ctl era-cow="$path" \
			"${fresh[@]}"
		grep "is the same as file" said
	done
	cmp disk <(head -c 1M /dev/zero)
	rm meta
	target_fails file disk era-metadata=meta era-socket=ctl era-cow=meta "${fresh[@]}"
	grep "era-cow: .*meta is the same as era-metadata" said
	target_fails file disk era-metadata=meta era-socket=meta "${fresh[@]}"
	grep "era-socket: .*meta is the same as era-metadata" said
	[ ! -e meta ]
}

@test "a start that fails before nbdkit listens leaves no file" {
	[ -z "$ERA_PRELOAD" ] || skip "with sanitizers nbdkit has been seen to hang at its end"
	fails timeout -k 1 20 nbdkit -f -U "$PWD/no/such/socket" --filter="$ERA_FILTER" file disk \
		era-metadata=meta "${fresh[@]}"
	[ ! -e meta ]
	fails timeout -k 1 20 nbdkit -U "$PWD/no/such/socket" --filter="$ERA_FILTER" file disk \
		era-metadata=meta "${fresh[@]}"
	[ ! -e meta ]
	timeout -k 1 20 nbdkit -U - --filter="$ERA_FILTER" file disk era-metadata=meta \
		"${fresh[@]}" \
		--run true
	era_check meta
}
