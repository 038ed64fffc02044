#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The control socket and era_ctl; messages while writes are in flight.

load ../lib/common
load target

setup() {
	target_setup disk 64M meta 1M
}

start() {
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl "$@"
}

# fails_with STATUS WORDS COMMAND...
fails_with() {
	status_is "$1" "${@:3}" >out && [ ! -s out ] && grep -q -- "$2" "$stderr"
}

@test "requests and their replies, in the words of the kernel" {
	start
	[ "$(era_ctl ctl status)" = "8 10/256 1 -" ]
	[ "$(era_ctl ctl table)" = "$PWD/meta - 128" ]
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	[ "$(era_ctl ctl take_metadata_snap)" = 3 ]
	[[ "$(era_ctl ctl status)" =~ ^8\ [0-9]+/256\ 3\ [0-9]+$ ]]
	fails_with 3 "a metadata snapshot is held already" era_ctl ctl take_metadata_snap
	[ "$(era_ctl ctl drop_metadata_snap)" = ok ]
	fails_with 3 "no metadata snapshot is held" era_ctl ctl drop_metadata_snap
	[[ "$(era_ctl ctl status)" =~ ^8\ [0-9]+/256\ 3\ -$ ]]
	target_stop
	status_is 0 era_check meta | grep "sound: era 3"
}

@test "requests in upper case, several at once, and none that is not one" {
	start
	run "$python" - <<-'EOF'
	from target import *
	target = Target(65536)
	with target.control() as c:
	    c.sendall(b"StAtUs\nTABLE\nChecKpoint\nstat\n\nstatus now\nstatus\n")
	    c.shutdown(socket.SHUT_WR)
	    lines = c.makefile().read().splitlines()
	assert lines[0] == "8 10/256 1 -", lines
	assert lines[1].endswith(" - 128"), lines
	assert lines[2] == "2", lines
	assert lines[3:6] == ["Error: unrecognised message"] * 3, lines
	assert lines[6].split()[2] == "2", lines
	assert len(lines) == 7, lines
	EOF
	echo "$output"
	[ "$status" = 0 ]
}

@test "the socket is its owner's, replaces a dead one, and is removed at the end" {
	start
	[ "$(stat -c %a ctl)" = 600 ]
	target_kill
	[ -S ctl ]
	start
	era_ctl ctl status
	target_stop
	[ ! -e ctl ]
}

@test "what is no dead socket is left alone" {
	local parameters=(file disk era-metadata=meta "${fresh[@]}" era-socket=ctl)
	echo precious >ctl
	target_fails "${parameters[@]}"
	grep -q "is no socket" said
	[ "$(cat ctl)" = precious ]
	rm ctl

	"$python" -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("dead")'
	ln -s dead ctl
	target_fails "${parameters[@]}"
	grep -q "is no socket" said
	[ -S dead ]
	[ -L ctl ]
	rm ctl dead

	start
	truncate -s 1M meta2
	target_fails file disk era-metadata=meta2 "${fresh[@]}" \
		era-socket=ctl
	grep -q "is in use" said
	era_ctl ctl status
	target_stop

	target_fails file disk era-metadata=meta era-block-size=64k \
		era-socket="$(printf '%0200d' 0)"
	grep -q "too long" said
}

@test "another user gets no answer" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	need setpriv
	start
	chmod 777 ctl . ..
	run setpriv --reuid 65534 --clear-groups "$python" -c '
import socket
s = socket.socket(socket.AF_UNIX)
try:
    s.connect("ctl")
    s.sendall(b"status\n")
    print("got", s.recv(100))
except (BrokenPipeError, ConnectionResetError):
    print("got", b"")'
	echo "$output"
	[ "$output" = "got b''" ]
	era_ctl ctl status
}

@test "the words of the kernel's targets" {
	start
	era_ctl --json ctl status | jq -e '.path == "ctl" and .request == "status" and
		.current_era == 1 and has("snapshot") and .snapshot == null and
		.metadata.blocks == 256 and .metadata.allocated == 10'
	[ "$(era_ctl ctl barrier)" = 2 ]
	[ "$(era_ctl ctl resume)" = ok ]
	[ "$(era_ctl ctl snapshot -- sh -c 'echo "$@" >words; echo said' sh -x --timeout 5 \
		2>said)" = 3 ]
	[ "$(cat words said)" = $'-x --timeout 5\nsaid' ]
	fails_with 3 "ended with status 7: no era counts" era_ctl ctl snapshot -- sh -c 'exit 7'
	fails_with 3 "ended by signal 9" era_ctl ctl snapshot -- sh -c 'kill -9 $$'
	fails_with 3 "could not be run" era_ctl ctl snapshot -- ./nothing
	[ "$(era_ctl ctl take_metadata_snap)" = 7 ]
	era_ctl --json ctl status | jq -e '.snapshot.block > 0'
}

@test "era_ctl without a target" {
	fails_with 3 "cannot connect" era_ctl ctl status
	fails_with 2 "wanted one of status, table" era_ctl ctl stop
	fails_with 2 "no device or socket given" era_ctl
	fails_with 2 "no request given" era_ctl ctl
	fails_with 2 "table: takes one target, found 2" era_ctl ctl status table
	fails_with 2 "wanted one of status, table" era_ctl ctl checkpoint ctl
	fails_with 2 "prometheus: goes with stats only" era_ctl --prometheus ctl status
	fails_with 2 "wanted at least a second" era_ctl --timeout 0 ctl status
	fails_with 2 "wanted at most 60" era_ctl --timeout 61 ctl ctl2 checkpoint
	fails_with 2 "--prometheus and --json exclude each other" era_ctl --json --prometheus \
		ctl stats
	fails_with 2 "freeze: goes with snapshot only" era_ctl --freeze / ctl barrier
	fails_with 2 "wanted '--' and the command" era_ctl ctl snapshot
	fails_with 2 "status: takes no command" era_ctl ctl status -- true
	fails_with 3 "cannot connect" era_ctl -- ctl status
	fails_with 3 "too long" era_ctl "$(printf '%0200d' 0)" status
}

@test "a message waits for the writes of older eras, and holds up nobody" {
	play inflight "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-1}"
}
