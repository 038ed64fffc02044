#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Who starts the server, and how: as another user, read-only, with a file that it makes, beside
# filters that count connections, over origins of odd sizes.

load ../lib/common
load target

setup() {
	target_setup disk 64M
	need_ours era_metadata_size
}

# A client of libnbd is refused while others wait to be accepted.
write() {
	"$python" -c '
import sys, nbd, time
for turn in range(50):
    h = nbd.NBD()
    try:
        h.connect_unix("nbd")
        break
    except nbd.Error:
        if turn == 49:
            raise
        time.sleep(0.1)
h.pwrite(b"x" * int(sys.argv[2]), int(sys.argv[1]))
h.shutdown()' "$@"
}

@test "era-format=yes era-first=1 makes the file, of the size that is recommended, and all its blocks" {
	local bytes
	target_start file disk era-metadata=meta era-block-size=4k era-format=yes era-first=1 \
		era-socket=ctl
	bytes=$(era_metadata_size --block-size 4k --device-size 64M --unit bytes)
	[ "$(stat -c %s meta)" = "$bytes" ]
	[ "$(($(stat -c %b meta) * 512))" -ge "$bytes" ]
	[ "$(stat -c %a meta)" = 600 ]
	write 0 512
	target_stop
	status_is 0 era_check meta
	[ "$(era_invalidate --written-since 1 --format ranges --unit blocks meta)" = "0 16384" ]

	# Once there are metadata nobody need say how large a block is.
	target_start file disk era-metadata=meta era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 3 ]
	target_stop
}

@test "a file that was made for a server that does not start is removed" {
	target_fails nbd socket=nowhere era-metadata=meta era-block-size=4k era-format=yes \
		era-first=1
	[ ! -e meta ]
	truncate -s 64k meta
	target_fails file disk era-metadata=meta era-block-size=4k era-format=yes era-first=1
	[ "$(stat -c %s meta)" = 65536 ]
	cmp meta <(head -c 65536 /dev/zero)
}

@test "a metadata file with holes gets its blocks at the start" {
	truncate -s 1M meta
	target_start file disk era-metadata=meta "${fresh[@]}"
	[ "$(($(stat -c %b meta) * 512))" -ge 1048576 ]
	target_stop
}

@test "-r begins no era, writes nothing, and tells what was written" {
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	write 65536 512
	target_stop
	cp -p meta before
	chmod 400 meta
	target_start -r file disk era-metadata=meta era-socket=ctl
	nbdinfo "nbd+unix:///?socket=nbd" | grep "is_read_only: true"
	nbdinfo --map "nbd+unix:///since=2?socket=nbd" | awk '$3 == 0 { print $1, $2 }' >got
	echo 65536 65536 | diff - got
	era_ctl ctl status | grep -x "8 [1-9][0-9]*/[1-9][0-9]* 2 -"
	[ "$(era_ctl ctl table)" = "$PWD/meta - 128" ]
	for request in checkpoint take_metadata_snap drop_metadata_snap "pause 10" stats; do
		printf '%s\n' "$request" | "$python" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("ctl")
s.sendall(sys.stdin.buffer.read())
print(s.makefile().readline())' | grep "Error: .*read-only"
	done
	target_stop
	cmp meta before
}

@test "-D era.*: marks, commits and digestion are told when asked for" {
	target_start -v -D era.marks=1 -D era.commits=1 -D era.digestion=1 file disk \
		era-metadata=meta \
		"${fresh[@]}" era-socket=ctl
	write 65536 512
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	timeout 30 sh -c "until grep 'a writeset is digested; 0 wait' log; do sleep 0.1; done"
	target_stop
	grep "mark 512 bytes at 65536: done" log
	grep "commit [0-9]*: [1-9][0-9]* blocks in [0-9]* us" log
	rm log
	target_start -v file disk era-metadata=meta era-socket=ctl
	write 65536 512
	target_stop
	fails grep -E "mark 512|commit [0-9]|is digested" log
}

@test "-u: the socket is the user's, goes at the end, and the metadata need not be his" {
	local n
	[ "$(id -u)" = 0 ] || skip "needs root"
	# The test's own folder is below one that others may not enter.
	cd "$(mktemp -d)" || return
	chmod 777 .
	truncate -s 64M disk
	target_start file disk era-metadata=meta "${fresh[@]}"
	target_stop
	chmod 600 meta
	chmod 666 disk
	target_start -u nobody file disk era-metadata=meta era-socket=ctl
	[ "$(stat -c %U:%a ctl)" = nobody:600 ]
	[ "$(era_ctl ctl take_metadata_snap)" = 3 ]
	write 0 512
	LD_PRELOAD=$ERA_PRELOAD nbdkit -f -U snap -P snap.pid -u nobody --filter="$ERA_FILTER" \
		file disk \
		era-metadata=meta era-snapshot=yes >>log 2>&1 3>&- &
	for ((n = 0; n < 500; n++)); do
		[ ! -s snap.pid ] || break
		sleep 0.02
	done
	nbdinfo --map "nbd+unix:///since=3?socket=snap"
	nbdinfo --map "nbd+unix:///since=2?socket=snap"
	kill "$(cat snap.pid)"
	target_stop
	[ ! -e ctl ]
	status_is 0 era_check meta
	rm -r "$PWD"
}

@test "beside filters that count connections" {
	local above
	for above in --filter=exitlast --filter=limit; do
		rm -f meta
		target_start file disk era-metadata=meta "${fresh[@]}"
		write 0 512
		[ "$above" = --filter=exitlast ] || write 0 512
		[ "$above" = --filter=exitlast ] || { target_stop && continue; }
		target_await
		status_is 0 era_check meta
	done
	unset above
	target_start --filter=limit file disk era-metadata=meta limit=1
	write 0 512
	write 0 512
	target_stop
}

@test "origins of odd sizes" {
	local size
	for size in 1 511 513 4097 1000001; do
		rm -f meta
		target_start memory "$size" era-metadata=meta era-block-size=4k era-format=yes \
			era-first=1 era-socket=ctl
		write $((size - 1)) 1
		[ "$(era_ctl ctl checkpoint)" = 2 ]
		write 0 1
		target_stop
		status_is 0 era_check meta
		[ "$(era_invalidate --written-since 2 --format ranges --unit blocks meta)" = "0 1" ]
	done
	rm -f meta
	target_fails null 9223372036854775807 era-metadata=meta "${fresh[@]}"
	grep -q "take larger" said
	[ ! -e meta ]
}

@test "the same error is told once a second, however often it comes" {
	local begin
	need prlimit
	target_start memory 64M era-metadata=meta era-block-size=4k era-format=yes era-first=1
	[ "$(nbdinfo --size "$uri")" = 67108864 ]
	prlimit --pid "$target_pid" --fsize=4096:
	begin=$SECONDS
	"$python" -c '
import nbd
h = nbd.NBD()
h.connect_unix("nbd")
for n in range(1000):
    try:
        h.pwrite(b"x", n * 4096)
        raise SystemExit("it was written")
    except nbd.Error as error:
        assert error.errno == "ENOSPC", error.errno'
	# Of one block and of several.
	[ "$(grep -c "meta: cannot write block" log)" -le $((2 * (SECONDS - begin + 2))) ]
	sleep 1.1
	"$python" -c '
import nbd
h = nbd.NBD()
h.connect_unix("nbd")
try:
    h.pwrite(b"x", 0)
except nbd.Error:
    pass'
	grep "meta: cannot write block.* (and [0-9]* times before, not told)" log
	prlimit --pid "$target_pid" --fsize=unlimited:
	target_stop
}
