#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup of what an NBD server has. The servers are nbdkit and qemu-nbd.

load ../lib/common
load ../lib/cases
load target

setup() {
	target_setup disk 10M meta 1M
	need jq qemu-nbd
	need_ours era_backup era_mark
	era --version | grep -q '^libnbd' || skip "built without libnbd"
	snap='nbd+unix:///?socket=snap.nbd'
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
	write_random 0 160
}

teardown() {
	stop_serving
	target_kill
}

# A command that makes the snapshot and serves it: nbdkit with these arguments.
serves() {
	printf '%s; rm -f snap.nbd; nbdkit -r -U snap.nbd -P snap.pid %s' 'cp disk snap' "$*"
}

stop_serving() {
	[ ! -s snap.pid ] || kill "$(cat snap.pid)" 2>/dev/null || :
	rm -f snap.pid
}

# backup SNAPSHOT
backup() {
	local status=0
	era_backup --snapshot "$1" --source "$snap" --json ctl T >json 2>said || status=$?
	stop_serving
	[ "$status" = 0 ] && cmp snap T && return
	cat said
	return "$((status ? status : 1))"
}

# refused STATUS TEXT SNAPSHOT: and TARGET stays what it was.
refused() {
	cp T before
	status_is "$1" era_backup --snapshot "$3" --source "$snap" ctl T || return
	grep -q "$2" "$stderr" || { cat "$stderr"; return 1; }
	stop_serving
	cmp T before
}

@test "over several connections, over one, and in small requests" {
	backup "$(serves file snap)"
	[ "$(jq -r .backup json)" = full ]
	write_random 20 3
	write_random 100 1
	backup "$(serves --filter=multi-conn file snap multi-conn-mode=disable)"
	[ "$(jq -r .backup json)" = incremental ]
	[ "$(jq .listed_bytes json)" = $((4 * 65536)) ]
	write_random 50 40
	backup "$(serves --filter=blocksize-policy file snap blocksize-maximum=64k \
		blocksize-error-policy=error)"
	[ "$(jq .listed_bytes json)" = $((40 * 65536)) ]
	write_random 3 1
	backup 'cp disk snap; qemu-nbd -r -f raw --fork --pid-file=snap.pid -k $PWD/snap.nbd snap'
	[ "$(jq .listed_bytes json)" = 65536 ]
}

@test "a disk whose size is no multiple of anything" {
	target_stop
	truncate -s 10485900 disk
	target_start file disk era-metadata=meta era-socket=ctl
	backup "$(serves file snap)"
	[ "$(stat -c %s T)" = 10485900 ]
}

@test "a source that ends in the last block before or after the disk" {
	local size
	backup "$(serves file snap)"
	write_random 20 3
	for size in 10485248 $((10485760 - 65535)); do
		refused 4 "has $size bytes, but ctl has 10485760" \
			"$(serves --filter=truncate file snap truncate="$size")"
	done
	target_stop
	truncate -s 10485900 disk
	target_start file disk era-metadata=meta era-socket=ctl
	era_backup -q --converge --source disk ctl T
	cmp disk T
	write_random 30 2
	cp disk longer
	truncate -s 10500000 longer
	era_backup -q --snapshot true --source longer ctl T
	cmp disk T
	head -c 10485800 disk >shorter
	cp T before
	status_is 4 era_backup --converge --source shorter ctl T
	grep -q "shorter: has 10485800 bytes, but ctl has 10485900" "$stderr"
	status_is 4 era_backup --full --snapshot true --source shorter ctl T
	cmp T before
}

@test "a server that can't be used, or fails" {
	backup "$(serves file snap)"
	write_random 20 3
	refused 3 "cannot connect: nbd_" 'cp disk snap'
	refused 3 "reads blocks of 65536 bytes; wanted 4096 or less" \
		"$(serves --filter=blocksize-policy file snap blocksize-minimum=64k \
			blocksize-preferred=64k)"
	refused 3 "cannot read 196608 bytes at byte 1310720: Input/output error" \
		"$(serves --filter=error file snap error=EIO error-rate=1)"
	backup "$(serves file snap)"
	[ "$(jq -r .backup json)" = incremental ]
	refused 4 "has 1048576 bytes, but 160 blocks of 65536 bytes are tracked" \
		"$(serves memory 1M)"
}

@test "a server that answers no more: an error after a time, and a signal ends the wait" {
	local slow pid watchdog n status=0
	backup "$(serves file snap)"
	write_random 20 3
	cp T before
	slow=$(serves --filter=delay file snap rdelay=600)
	status_is 3 timeout -s KILL 60 "$(command -v era_backup)" --timeout 5 --snapshot "$slow" \
		--source "$snap" ctl T
	grep -q "cannot read 196608 bytes at byte 1310720: Connection timed out" "$stderr"
	stop_serving
	cmp before T
	era_backup --snapshot "$slow" --source "$snap" ctl T 2>said 3>&- &
	pid=$!
	{ sleep 40; kill -9 "$pid"; } >/dev/null 2>&1 3>&- &
	watchdog=$!
	for ((n = 0; n < 200; n++)); do
		[ ! -s snap.pid ] || break
		sleep 0.05
	done
	sleep 2
	kill "$pid"
	wait "$pid" || status=$?
	kill "$watchdog"
	[ "$status" = 143 ]
	stop_serving
	cmp before T
	[[ "$(era_ctl ctl status)" == *" -" ]]
	backup "$(serves file snap)"
	[ "$(jq -r .backup json)" = incremental ]
}

@test "a server's disk is not what is written to by nobody" {
	target_stop
	nbdkit -r -U snap.nbd -P snap.pid file disk
	status_is 3 era_backup --offline meta --source "$snap" T
	grep -q "of a server nobody can be kept off; wanted the path" "$stderr"
	[ ! -e T ]
}

# refused_own MODE EXPORT TEXT [ARGUMENT...]: of the target itself, with this text.
refused_own() {
	cp T before
	status_is 3 era_backup "$1" "${@:4}" --source "nbd+unix:///$2?socket=nbd" ctl T || return
	grep -q "$3" "$stderr" || { cat "$stderr"; return 1; }
	cmp T before
}

@test "what the target itself serves of an earlier moment, and what is no image" {
	local frozen="nbd+unix:///frozen?socket=nbd" name
	target_stop
	target_start file disk era-metadata=meta era-socket=ctl era-cow=cow
	era_backup -q --converge --source "$uri" ctl T
	cmp disk T
	write_random 3 2
	era_ctl ctl freeze >era
	write_random 20 3
	refused_own --converge frozen "is the disk as it was when era $(cat era) began; wanted the disk as it is now"
	for name in since=1 since=1,zero frozen,since=1; do
		refused_own --converge "$name" "is 'block status: .*not a full image'; wanted an export that is an image"
		refused_own --snapshot "$name" "wanted an export that is an image" true
	done
	# Frozen before the barrier: nothing would list what was written between.
	refused_own --snapshot frozen "began, before this backup; wanted era [0-9]* or later: the command" true
	era_ctl ctl thaw
	era_backup -q --snapshot "era_ctl ctl freeze >era; cp disk moment" \
		--release "era_ctl ctl thaw" --source "$frozen" ctl T
	cmp moment T
	write_random 40 2
	era_backup -q --converge --source "$uri" ctl T
	cmp disk T
}

@test "what the target itself serves, while it is held" {
	local n
	need_ours hold_hook.so
	! sanitized era || skip "what is preloaded must come after the sanitizers"
	for n in 1 2 3; do
		write_random $((n * 30)) 9
		HOLD_HOOK='cp disk frozen' LD_PRELOAD=$(command -v hold_hook.so) era_backup \
			--converge --source "$uri" --json ctl T >json
		cmp frozen T
	done
	[ "$(jq -r .backup json)" = incremental ]
}
