#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era ctl --json: the replies of a target are what doc/json/era-ctl.schema.json says.

load ../lib/common
load ../lib/json
load target

setup_file() {
	find_validator
}

setup() {
	need jq
	target_setup disk 16M
	need_ours era
	mkdir out
}

# actor SOCKET WORD=REPLY...: something listens there that is no target, and answers one client.
actor() {
	rm -f "$1" listening
	"$python" -c '
import socket, sys
replies = dict(arg.split("=", 1) for arg in sys.argv[2:])
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
open("listening", "w").close()
client = server.accept()[0].makefile("rw", newline="\n")
for line in client:
	client.write(replies[line.split()[0]] + "\n")
	client.flush()' "$@" 3>&- &
	until [ -e listening ]; do
		sleep 0.02
	done
}

# not_understood REQUEST REPLY
not_understood() {
	actor odd "$1=$2"
	document 3 ctl odd "$1" || return
	grep -q "not understood" "$stderr"
}

@test "each reply and each refusal, in the words of the schema" {
	local status
	target_start file disk "${fresh[@]}" era-metadata=meta era-socket=ctl era-cow=cow
	for request in status table stats checkpoint take_metadata_snap status freeze thaw \
		drop_metadata_snap barrier resume; do
		document 0 ctl ctl "$request"
	done
	document 0 ctl -o witness ctl witness
	document 0 ctl ctl snapshot -- true
	document 3 ctl ctl snapshot -- false
	document 3 ctl ctl drop_metadata_snap
	document 3 ctl ctl thaw
	document 3 ctl missing status
	document 3 ctl -o missing/witness ctl witness

	# It is what is printed otherwise.
	status=$(era ctl ctl status)
	[ "$(era ctl --json ctl status | jq -r '"\(.metadata.block_size / 512
		) \(.metadata.allocated)/\(.metadata.blocks) \(.current_era) -"')" = "$status" ]
	[ "$(era ctl --json ctl table | jq -r .table)" = "$(era ctl ctl table)" ]
	[ "$(era ctl --json ctl stats | jq -r '.stats | keys_unsorted[]')" = \
		"$(era ctl ctl stats | sed 's/ .*//')" ]
	[ "$(era ctl --json ctl checkpoint | jq .era_to_remember)" = \
		"$(era ctl --json ctl status | jq .current_era)" ]
	target_stop

	# Several targets, in the order of the command line.
	actor one pause=1 roll=12 unpause=ok
	actor two pause=2 roll=9 unpause=ok
	document 0 ctl two one barrier
	[ "$(jq -c '.targets | map([.path, .era_to_remember])' "$printed")" = \
		'[["two",9],["one",12]]' ]
	actor one pause=1 roll=12 unpause=ok
	actor two pause=2 roll='Error: full' unpause=ok
	document 3 ctl two one checkpoint
	described ctl
}

@test "a backup of a disk in use" {
	target_start file disk "${fresh[@]}" era-metadata=meta era-socket=ctl
	document 0 backup -n --converge --source disk ctl T
	document 0 backup --converge --source disk ctl T
	document 0 backup --converge --source disk ctl T
	document 3 backup --converge ctl T
	target_stop
	document 0 backup --offline meta --source disk T
	described backup
}

@test "a reply that is none is refused" {
	not_understood status "8 15/256 5"
	not_understood status "8 15/256 5 x"
	not_understood status "8 15/256 5 -1"
	not_understood status "8 15/99999999999999999999 5 -"
	not_understood checkpoint "5 6"
	not_understood freeze ""
	not_understood stats $'a\n'
	not_understood stats $'a 1\nb x\n'
	not_understood stats $'a 01\n'
	not_understood stats $'a 1.\n'
	not_understood stats $'a 1 2\n'
	schema "$(schema_of ctl)" out/ctl.*
}
