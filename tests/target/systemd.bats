#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The units in doc/systemd: what systemd says of them, and their command on a socket of its.

load ../lib/common
load target

units=$abs_top_srcdir/doc/systemd

setup() {
	target_setup
}

@test "systemd finds nothing wrong with the units" {
	need systemd-analyze
	cp "$units"/era@.* .
	status_is 0 systemd-analyze verify --man=no ./era@.service ./era@.socket
	[ ! -s "$stderr" ]
}

# The words of ExecStart, with our filter for the installed one.
command_of_unit() {
	sed -n 's/^ExecStart=//p' "$units/era@.service" |
		sed -e "s|--filter=era |--filter=$ERA_FILTER |" -e 's|${ORIGIN}|disk|' \
			-e 's|${METADATA}|meta|' -e 's|${BLOCK_SIZE}|64k|' -e 's|/run/era/%i.|./|'
}

# activated COMMAND...: as systemd's socket unit has it: the first connection starts the server.
activated() {
	LD_PRELOAD=$ERA_PRELOAD systemd-socket-activate -E LD_PRELOAD -E ASAN_OPTIONS \
		-l "$PWD/d.nbd" \
		"$@" >>log 2>&1 3>&- &
	target_pid=$!
	for ((n = 0; n < 500; n++)); do
		[ ! -S d.nbd ] || return 0
		sleep 0.02
	done
	cat log
	return 1
}

@test "the command of the unit serves the socket that systemd gives it" {
	local command
	need systemd-socket-activate nbdinfo
	truncate -s 64M disk
	truncate -s 1M meta
	read -ra command < <(command_of_unit)
	era_format --device-size 64M --block-size 64k meta
	activated "${command[@]}"
	[ "$(nbdinfo --size "nbd+unix:///?socket=d.nbd")" = 67108864 ]
	era_ctl ctl status
	[ "$(era_ctl ctl checkpoint)" -gt 1 ]
	target_stop
	[ ! -e ctl ]
	status_is 0 era_check -q meta
}
