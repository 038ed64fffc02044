#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What a killed target has left on its way, or in a cache that only its own connection could flush,
# comes to the disk after an era was given out, and is listed since that era.

load ../lib/common
load target

setup() {
	target_setup disk 1M
}

teardown() {
	[ ! -s low.pid ] || kill "$(cat low.pid)" 2>/dev/null || :
}

# low ARGUMENT...: the server below.
low() {
	local n
	nbdkit -f -U low -P low.pid "$@" >>low.log 2>&1 3>&- </dev/null &
	for ((n = 0; n < 500; n++)); do
		[ ! -s low.pid ] || return 0
		sleep 0.02
	done
	return 1
}

over_low() {
	target_start nbd uri="nbd+unix:///?socket=$PWD/low" era-metadata=meta "${fresh[@]}" \
		era-socket=ctl
	nbdinfo --size "$uri" >/dev/null
}

# written_at BLOCK: sends a write, and doesn't wait.
sends_write() {
	"$python" -c '
import nbd, sys, time
h = nbd.NBD()
h.connect_unix("nbd")
h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b"X" * 4096)), int(sys.argv[1]) * 65536)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    h.poll(50)' "$1"
}

block_is() {
	[ "$(dd if="$1" bs=64k skip="$2" count=1 status=none | head -c 1 | tr '\0' 0)" = "$3" ]
}

@test "a cache below that belongs to the dead connection: what is in it is listed until a clean stop" {
	need qemu-io
	low --filter=multi-conn --filter=cache file disk cache=writeback multi-conn-mode=disable \
		multi-conn-track-dirty=connection
	over_low
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	[ "$(era_ctl ctl checkpoint)" = 3 ]
	qemu-io -t unsafe -f raw "$uri" -c "write -P 88 448k 4k" >/dev/null
	target_kill
	over_low
	for era in 5 6; do
		[ "$(era_ctl ctl checkpoint)" = $era ]
	done
	for era in 4 5 6; do
		nbdinfo --map "nbd+unix:///since=$era?socket=nbd" |
			awk '$3 == 0 { print $1, $2 }' >"live.$era"
		[ "$(cat "live.$era")" = "458752 65536" ]
	done
	target_stop
	[ "$(era_invalidate --written-since 6 --format ranges meta)" = "458752 65536" ]
	over_low
	[ "$(era_ctl ctl checkpoint)" = 8 ]
	target_stop
	[ "$(era_invalidate --written-since 7 --format ranges meta)" = "" ]
}

@test "a write that lands after the next target has given out an era is listed since then" {
	low eval get_size='echo 1048576' thread_model='echo parallel' can_multi_conn='exit 0' \
		pread="dd if=$PWD/disk iflag=skip_bytes,count_bytes skip=\$4 count=\$3 status=none" \
		pwrite="sleep 2; dd of=$PWD/disk conv=notrunc oflag=seek_bytes seek=\$4 status=none" \
		can_write='exit 0' can_flush='exit 0' flush='exit 0'
	over_low
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	[ "$(era_ctl ctl checkpoint)" = 3 ]
	sends_write 7
	target_kill
	over_low
	[ "$(era_ctl ctl checkpoint)" = 5 ]
	cp disk snapshot
	block_is snapshot 7 0
	sleep 2.5
	block_is disk 7 X
	nbdinfo --map "nbd+unix:///since=5?socket=nbd" | awk '$3 == 0 { print $1, $2 }' >live
	grep "^458752 65536" live
	target_stop
	[ "$(era_invalidate --written-since 5 --format ranges meta)" = "458752 65536" ]
}

@test "a plugin that leaves nothing: nothing is in doubt" {
	need qemu-io
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
	qemu-io -f raw "$uri" -c "write -P 88 448k 4k" >/dev/null
	target_kill
	target_start file disk era-metadata=meta era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 3 ]
	target_stop
	[ "$(era_invalidate --written-since 2 --format ranges meta)" = "" ]
}

# grows FROM TO: what is listed since the backup before.
grows() {
	rm -f meta
	truncate -s "$1" disk
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 2 ] || return
	target_stop
	truncate -s "$2" disk
	target_start file disk era-metadata=meta era-socket=ctl
	target_stop
	era_invalidate --written-since 2 --format ranges meta
}

@test "an old last block that may have been a partial one is listed when the device has grown" {
	need era_invalidate
	[ "$(grows 96k 192k)" = "65536 131072" ]
	[ "$(grows 96k 128k)" = "65536 65536" ]
	[ "$(grows 128k 192k)" = "131072 65536" ]
	[ "$(grows 128k 128k)" = "" ]
	# Smaller within the last block, and larger again.
	[ "$(grows 128k 96k)" = "" ]
	truncate -s 128k disk
	target_start file disk era-metadata=meta era-socket=ctl
	target_stop
	[ "$(era_invalidate --written-since 2 --format ranges meta)" = "65536 65536" ]
}
