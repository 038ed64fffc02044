#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is found after the fork reaches whoever started the server.

load ../lib/common
load target

setup() {
	target_setup disk 64M meta 1M
	[ -z "$ERA_PRELOAD" ] || skip "with sanitizers nbdkit has been seen to hang at its end"
	parameters=(era-metadata=meta "${fresh[@]}" era-socket=ctl)
}

# starts ARGUMENT...: nbdkit with our filter; what it says goes to the file said.
starts() {
	LD_PRELOAD=$ERA_PRELOAD timeout -k 1 20 nbdkit "$@" 3>&- >said 2>&1 </dev/null
}

nothing_is_left() {
	[ ! -e nbd ] || return
	[ ! -e pid ] || return
	[ ! -e ctl ] || return
	! pgrep -f "$PWD/nbd" || return
}

# no_origin OPTION...: the layer below cannot be opened.
no_origin() {
	status_is 1 starts "$@" -P pid --filter="$ERA_FILTER" nbd socket=nowhere \
		"${parameters[@]}" || return
	grep -q "error: the layer below cannot be opened" said
}

@test "no origin: in the foreground, in the background, and before a command" {
	no_origin -f -U "$PWD/nbd"
	nothing_is_left
	no_origin -U "$PWD/nbd"
	nothing_is_left
	no_origin -v -U "$PWD/nbd"
	nothing_is_left
	no_origin -U "$PWD/nbd" --run 'echo it runs; nbdinfo "$uri"'
	fails grep "it runs" said
	nothing_is_left
	[ "$(grep -c "cannot be opened" said)" = 1 ]
	no_origin -U - --run 'nbdinfo "$uri"'
	no_origin -U -
}

@test "a long path does not cut off why it does not start" {
	local name path=
	name=$(printf '%200s/' '' | tr ' ' '\377')
	path=$name$name$name$name$name$name
	status_is 1 starts -U "$PWD/nbd" --filter="$ERA_FILTER" memory 1M "era-metadata=$path"
	grep -q '\[\.\.\.\].*: cannot open: No such file or directory$' said
}

@test "a server that starts goes into the background, or serves its command" {
	local n pid
	starts -U "$PWD/nbd" -P pid --filter="$ERA_FILTER" file disk "${parameters[@]}"
	[ ! -s said ]
	[ "$(era_ctl ctl status)" = "8 10/256 1 -" ]
	nbdinfo "$uri" >info
	pid=$(cat pid)
	kill "$pid"
	for ((n = 0; n < 500; n++)); do
		[ -e ctl ] || break
		sleep 0.02
	done
	[ ! -e ctl ]
	while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	starts -U - --filter="$ERA_FILTER" file disk "${parameters[@]}" \
		--run 'nbdinfo --size "$uri"; exit 7' ||
		[ $? = 7 ]
	[ "$(cat said)" = 67108864 ]
}

@test "a server of which nobody waits for the start any more does not start" {
	local n
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U "$PWD/nbd" -P pid --filter="$ERA_FILTER" \
		--filter=delay file disk \
		delay-open=1500ms "${parameters[@]}" >said 2>&1 3>&- </dev/null &
	sleep 0.5
	kill -9 $!
	wait $! || :
	[ -e nbd ]
	for ((n = 0; n < 500; n++)); do
		[ -e nbd ] || break
		sleep 0.02
	done
	nothing_is_left
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U "$PWD/nbd" -P pid --filter="$ERA_FILTER" \
		--filter=delay file disk \
		delay-open=1500ms "${parameters[@]}" >said 2>&1 3>&- </dev/null &
	sleep 0.5
	kill -TERM $!
	fails wait $!
}

# The plugin nbd gives up its requests for good when a thread of its own is interrupted; a number of
# a thread makes that one the first to take the signal.
@test "a signal to end that comes while the server starts does not hang it" {
	local n task
	LD_PRELOAD=$ERA_PRELOAD nbdkit -f -U layer -P layer.pid \
		"$abs_top_builddir/tests/target/lossy.so" durable=disk \
		slow=400000 >/dev/null 2>&1 3>&- &
	for ((n = 0; n < 500; n++)); do
		[ ! -s layer.pid ] || break
		sleep 0.02
	done
	target_start nbd socket=layer "${parameters[@]}"
	for ((n = 0; n < 20; n++)); do
		for task in "/proc/$target_pid/task/"*; do
			kill -TERM "${task##*/}" 2>/dev/null || :
		done
		sleep 0.05
	done
	for ((n = 0; n < 300; n++)); do
		kill -0 "$target_pid" 2>/dev/null || break
		sleep 0.02
	done
	[ "$n" -lt 300 ]
	kill "$(cat layer.pid)"
	fails grep "Interrupted" log
}

# is_not_served PARAMETER...
is_not_served() {
	target_fails "$@" || return
	grep -q "was there without its target since 2026-01-01 00:00:00 UTC" said || return
	cmp meta marked
}

@test "metadata of a device that was untracked are not served until all blocks count as written" {
	local era
	target_start file disk "${parameters[@]}"
	write_random 3 1
	era_ctl ctl checkpoint
	era_ctl ctl take_metadata_snap
	target_stop
	truncate -s 2M meta
	mark_untracked meta
	cp meta marked
	is_not_served file disk era-metadata=meta
	is_not_served file disk era-metadata=meta era-witness=none
	is_not_served -r file disk era-metadata=meta
	is_not_served file disk era-metadata=meta era-snapshot=yes
	status_is 4 era_invalidate --written-since 1 meta

	era=$(era_mark -q --all meta)
	target_start file disk era-metadata=meta
	nbdinfo --map "nbd+unix:///since=$era?socket=nbd" >map
	target_stop
	[ "$(awk '{ print $1, $2, $3 }' map)" = "0 67108864 0" ]
}

@test "a mark that comes while a server without a target runs ends its lists" {
	target_start file disk "${parameters[@]}"
	era_ctl ctl take_metadata_snap
	target_stop
	truncate -s 2M meta
	target_start file disk era-metadata=meta era-snapshot=yes
	nbdinfo --map "nbd+unix:///since=1?socket=nbd" >map
	mark_untracked meta
	fails nbdinfo --map "nbd+unix:///since=1?socket=nbd"
	target_stop
	grep -q "since=1': .*was there without its target" log
}

@test "new metadata in the place of blank ones have no mark" {
	truncate -s 2M meta
	mark_untracked meta
	target_start file disk "${parameters[@]}"
	target_stop
	status_is 0 era_invalidate --written-since 1 meta >list
}
