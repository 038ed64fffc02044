#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup --converge of a disk that a target in userspace serves, while it is written to: TARGET
# is what the disk was in the pause, in which reads are answered, and writes are not.
#
# ERA_CONVERGES=N makes N of them, ERA_CONVERGE_KILLS=N kills so often, ERA_SEED draws other
# moments.

load ../lib/common
load ../lib/cases
load target

rounds=${ERA_CONVERGES:-3}

setup() {
	target_setup disk 10M meta 1M
	need jq
	need_ours era_backup
	need_ours hold_hook.so
	! sanitized era || skip "what is preloaded must come after the sanitizers"
	mv meta 'its meta'
	target_start --filter=delay file disk wdelay=20ms era-metadata='its meta' "${fresh[@]}" \
		era-socket=ctl
	cat >hold <<-END
		cp disk frozen
		"$python" -c '
		import nbd
		h = nbd.NBD()
		h.connect_uri("$uri")
		h.pread(65536, 0)' && touch answered
	END
}

# load NR: so many writers, until unload.
load_it() {
	mkfifo end
	play converge "$uri" "$1" 2 <end >said.load &
	load_pid=$!
	exec 5>end
	until grep -q begun said.load; do
		sleep 0.02
	done
}

unload() {
	exec 5>&-
	wait $load_pid
	rm end
}

# run [OPTION...]
run_it() {
	HOLD_HOOK=${hook-sh hold} LD_PRELOAD=$(command -v hold_hook.so) era_backup --converge \
		--timeout "${timeout:-90}" --source disk --json "$@" ctl T 3>&- 5>&-
}

# backup [OPTION...]
backup() {
	rm -f answered frozen
	run_it "$@" >json 2>said || { cat said; return 1; }
	[ -e answered ] || return
	cmp frozen T
}

no_snapshot() {
	[ "$(era_ctl ctl status | cut -d ' ' -f 4)" = - ]
}

@test "six and twelve writers" {
	local n nr
	for nr in 6 12; do
		load_it $nr
		for ((n = 0; n < rounds; n++)); do
			backup
			echo "# $nr writers: $(jq -r '"\(.backup), waited \(.waited_us) us for \(
				.last_bytes) bytes, after \(.rounds) rounds"' json)" >&3
		done
		unload
	done
	[ "$(jq -r .backup json)" = incremental ]
	backup --incremental-only
	cmp disk T
	[ "$(jq .last_bytes json)" = 0 ]
	no_snapshot
}

@test "too much is written; the time is over; a dry run; no source" {
	backup
	cp T before
	cp T.era before.era
	load_it 4
	status_is 4 run_it --converge-limit 4k --converge-rounds 2
	grep -q "is written to faster than it is copied: after 2 rounds" "$stderr"
	# The target goes on by itself, and writes go on.
	hook="sleep 3"
	timeout=1
	status_is 3 run_it
	unload
	no_snapshot
	cmp T before
	cmp T.era before.era
	status_is 0 run_it -n
	cmp T before
	status_is 3 era_backup --converge ctl T
	grep -q "ctl: --source says what it serves" "$stderr"
	unset hook timeout
	backup --incremental-only
	cmp disk T
}

# writes_go_on: within far less time than a pause may take.
writes_go_on() {
	timeout 10 "$python" -c '
import nbd
h = nbd.NBD()
h.connect_uri("'"$uri"'")
h.pwrite(bytes(4096), 0)'
}

# killed: a run, at a random moment, or while it holds the target; sets $held then.
killed() {
	local tries=0 pid
	rm -f held frozen
	HOLD_HOOK='cp disk frozen; touch held; sleep 0.3' \
		LD_PRELOAD=$(command -v hold_hook.so) era_backup -q --converge --timeout 60 \
		--source disk ctl T 3>&- 5>&- &
	pid=$!
	if [ $((RANDOM % 2)) = 0 ]; then
		sleep "0.$((RANDOM % 9))"
	else
		until [ -e held ] || [ $tries -ge 500 ]; do
			sleep 0.01
			tries=$((tries + 1))
		done
		sleep "0.0$((RANDOM % 9))"
	fi
	kill -9 $pid 2>/dev/null || :
	wait $pid 2>/dev/null || :
}

# old_or_new: T is, or the delta of the run that was killed makes it so.
old_or_new() {
	if ! cmp -s T.era before.era && grep -q '^applying-to ' T.era; then
		applied=$((applied + 1))
		era_apply -q T.delta T || return
	fi
	cmp -s T before || cmp T frozen
}

@test "killed at random moments: writes go on, and T is the old backup or the new" {
	local n held=0 applied=0
	need_ours era_apply
	RANDOM=${ERA_SEED:-1}
	backup
	load_it 4
	for ((n = 0; n < ${ERA_CONVERGE_KILLS:-8}; n++)); do
		cp T before
		cp T.era before.era
		killed
		[ ! -e held ] || held=$((held + 1))
		writes_go_on
		old_or_new
	done
	echo "# $held of $n kills came when the target was held, or later; $applied while T changed" >&3
	[ "$held" -gt 0 ]
	unload
	backup --incremental-only
	cmp disk T
	no_snapshot
	[ "$(find . -name 'T*' | sort | tr '\n' ' ')" = "./T ./T.era " ]
}
