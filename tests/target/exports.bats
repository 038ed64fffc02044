#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The exports: the tracked one, since=N, and those of a metadata snapshot; what is refused at the
# start and at a connection.

load ../lib/common
load target

setup() {
	target_setup disk 16M meta 1M
}

tracked=(file disk era-metadata=meta era-block-size=1M era-format=yes era-first=1 era-socket=ctl)

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

map() {
	nbdinfo --map "$(uri "$1")" | awk '{ print $1 / 1048576, $2 / 1048576, $3 }'
}

write_some() {
	"$python" - <<-'EOF'
	import nbd
	h = nbd.NBD()
	h.connect_unix("nbd")
	h.pwrite(b"x" * 512, 3 << 20)
	h.zero(3 << 20, (5 << 20) + 512)
	h.trim((1 << 20) + 2, (12 << 20) - 1)
	EOF
}

wanted_map() {
	printf '%s\n' "0 3 $1" "3 1 0" "4 1 $1" "5 4 0" "9 2 $1" "11 3 0" "14 2 $1"
}

@test "nbdinfo --list shows the plain export and an example of the others" {
	target_start "${tracked[@]}"
	era_ctl ctl checkpoint
	nbdinfo --list "$(uri '')" >list
	[ "$(grep -c '^export=' list)" = 2 ]
	grep -q '^export="":' list
	grep -q '^export="since=2":' list
	[ "$(grep -c 'description: .' list)" = 2 ]
}

@test "since=N: what was written is data, the rest a hole, or a hole of zeroes" {
	target_start "${tracked[@]}"
	[ "$(map since=1)" = "0 16 0" ]
	era_ctl ctl checkpoint
	write_some
	wanted_map 1 | diff - <(map since=2)
	wanted_map 3 | diff - <(map since=2,zero)
	[ "$(map since=3)" = "0 16 1" ]
	[ "$(map since=0)" = "0 16 0" ]
	era_ctl ctl checkpoint
	wanted_map 1 | diff - <(map since=2)
	[ "$(map since=3)" = "0 16 1" ]
}

@test "since=N is read-only, and of an era that was not yet it is refused" {
	target_start "${tracked[@]}"
	nbdinfo "$(uri since=1)" | grep 'is_read_only: true'
	fails nbdinfo "$(uri since=3)"
	grep -q "era 3 is after the current one, 1" log
	fails nbdinfo "$(uri other)"
	grep -q "no export has that name" log
}

@test "era-export: that one is tracked, and is the default" {
	target_start "${tracked[@]}" era-export=one
	[ "$(era_ctl ctl table)" = "$PWD/meta one 2048" ]
	era_ctl ctl checkpoint
	write_some
	nbdinfo "$(uri one)"
	wanted_map 1 | diff - <(map since=2)
	fails nbdinfo "$(uri two)"
}

@test "a metadata snapshot: read-only, beside the target that holds it" {
	local -a served
	target_start "${tracked[@]}"
	era_ctl ctl checkpoint
	write_some
	cp disk copy
	cp meta before
	served=(file copy era-metadata=meta era-snapshot=yes)
	fails env LD_PRELOAD="$ERA_PRELOAD" timeout -k 1 20 nbdkit -f -U snap -P snap.pid \
		--filter="$ERA_FILTER" \
		"${served[@]}" >said 2>&1
	grep -q "no current metadata snap" said

	[ "$(era_ctl ctl take_metadata_snap)" = 3 ]
	fails env LD_PRELOAD="$ERA_PRELOAD" timeout -k 1 20 nbdkit -f -U snap -P snap.pid \
		--filter="$ERA_FILTER" \
		"${served[@]}" era-block-size=64k >said 2>&1
	grep -q "data block size" said
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U snap --filter="$ERA_FILTER" "${served[@]}" \
		--run 'nbdinfo --list "$uri" >list && nbdinfo --map "nbd+unix:///since=2?socket=$unixsocket" >map &&
			nbdinfo "$uri" >plain && ! nbdinfo "nbd+unix:///since=4?socket=$unixsocket"' 3>&-
	awk '{ print $1 / 1048576, $2 / 1048576, $3 }' map | diff <(wanted_map 1) -
	grep -q 'is_read_only: true' plain
	grep -q '^export="since=3":' list
	era_ctl ctl drop_metadata_snap
}

# snapshot_refused WORDS ARGUMENT...: the start of a server of the metadata snapshot.
snapshot_refused() {
	fails env LD_PRELOAD="$ERA_PRELOAD" timeout -k 1 20 nbdkit -f -U snap -P snap.pid \
		--filter="$ERA_FILTER" \
		file copy era-metadata=meta era-snapshot=yes "${@:2}" >said 2>&1 || return
	grep -q -- "$1" said || { cat said; return 1; }
}

@test "a snapshot that was left over is refused at the start, unless its era is given" {
	local -a served=(file copy era-metadata=meta era-snapshot=yes)
	target_start "${tracked[@]}"
	cp disk copy
	era_ctl ctl checkpoint
	write_some
	[ "$(era_ctl ctl take_metadata_snap)" = 3 ]
	snapshot_refused "of era 3, wanted one of era 2" era-snapshot-era=2
	era_ctl ctl checkpoint
	snapshot_refused \
		"of era 3, the live metadata are in era 4: it was left over.*(era-snapshot-era=3)"
	snapshot_refused "of era 3, wanted one of era 4; the live metadata are in era 4" \
		era-snapshot-era=4
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U snap --filter="$ERA_FILTER" "${served[@]}" \
		era-snapshot-era=3 \
		--run 'nbdinfo --map "nbd+unix:///since=2?socket=$unixsocket" >map' 3>&-
	awk '{ print $1 / 1048576, $2 / 1048576, $3 }' map | diff <(wanted_map 1) -
}

# What is served was taken before the storage snapshot's backup began, and that goes on.
@test "a snapshot's server serves the snapshot of its start, and no other" {
	local n
	target_start "${tracked[@]}"
	cp disk copy
	era_ctl ctl checkpoint
	write_some
	[ "$(era_ctl ctl take_metadata_snap)" = 3 ]
	LD_PRELOAD=$ERA_PRELOAD nbdkit -f -U snap -P snap.pid --filter="$ERA_FILTER" file copy \
		era-metadata=meta \
		era-snapshot=yes >snap.log 2>&1 3>&- &
	for ((n = 0; n < 500; n++)); do
		[ ! -s snap.pid ] || break
		sleep 0.02
	done
	era_ctl ctl checkpoint
	write_some
	nbdinfo --map "nbd+unix:///since=2?socket=snap" |
		awk '{ print $1 / 1048576, $2 / 1048576, $3 }' |
		diff <(wanted_map 1) -
	era_ctl ctl drop_metadata_snap
	fails nbdinfo --map "nbd+unix:///since=2?socket=snap"
	[ "$(era_ctl ctl take_metadata_snap)" = 5 ]
	fails nbdinfo --map "nbd+unix:///since=2?socket=snap"
	grep -q "another one than at the start of this server, which was of era 3" snap.log
	fails nbdinfo --list "nbd+unix:///?socket=snap"
	nbdinfo "nbd+unix:///?socket=snap"
	kill "$(cat snap.pid)"
}

@test "a snapshot's server refuses a device of another size" {
	target_start "${tracked[@]}"
	era_ctl ctl take_metadata_snap
	truncate -s 15M copy
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U snap --filter="$ERA_FILTER" file copy era-metadata=meta \
		era-snapshot=yes --run '! nbdinfo "nbd+unix:///since=1?socket=$unixsocket"' >said \
		2>&1 3>&-
	grep -q "the metadata track 16 blocks" said
}

@test "an origin that has changed its size is refused to new clients" {
	target_start "${tracked[@]}"
	nbdinfo --size "$(uri '')"
	truncate -s 20M disk
	fails nbdinfo --size "$(uri '')"
	grep -q "the layer below has 20971520 bytes, wanted 16777216" log
	fails nbdinfo --size "$(uri since=1)"
	truncate -s 16M disk
	nbdinfo --size "$(uri '')"
}

@test "after a restart with a larger origin its new blocks count as written" {
	target_start "${tracked[@]}"
	era_ctl ctl checkpoint
	target_stop
	truncate -s 18M disk
	target_start "${tracked[@]}"
	[ "$(map since=3)" = "$(printf '%s\n' "0 16 1" "16 2 0")" ]
}

# refused WORDS ARGUMENT...
refused() {
	target_fails file disk "${@:2}"
	grep -q -- "$1" said && return
	cat said
	return 1
}

@test "what is refused at the start" {
	refused "era-metadata is missing" era-block-size=64k
	refused "era-block-size is missing" era-metadata=meta era-format=yes era-first=1
	refused "multiple of 4096" era-metadata=meta era-block-size=6k
	refused "multiple of 4096" era-metadata=meta era-block-size=0
	refused "parse" era-metadata=meta era-block-size=x
	refused "exports of another kind" era-metadata=meta era-block-size=64k era-export=since=2
	refused "neither era-socket nor era-format" era-metadata=meta era-snapshot=yes \
		era-socket=ctl
	refused "neither era-socket nor era-format" era-metadata=meta era-snapshot=yes \
		era-format=yes era-first=1
	refused "era-snapshot-era needs era-snapshot" era-metadata=meta era-block-size=64k \
		era-snapshot-era=1
	refused "era-snapshot-era: empty string" era-metadata=meta era-snapshot=yes \
		era-snapshot-era=x
	refused "formatting was not asked for" era-metadata=meta era-block-size=64k
	refused "era-metadata is given twice" era-metadata=meta era-block-size=64k era-metadata=meta
	refused "era-block-size is given twice" era-metadata=meta era-block-size=64k \
		era-block-size=128k
	refused 'no\\n\\x1b\[31m: ' era-metadata=$'no\n\e[31m' era-block-size=64k
	refused 'found since=\\x1b, but' era-metadata=meta era-block-size=64k era-export=$'since=\e'
	refused "No such file" era-metadata=none era-block-size=64k
	refused "No such file" era-metadata=none/none "${fresh[@]}"
	head -c 1M /dev/urandom >noise
	cp noise noise.before
	refused "bad checksum" era-metadata=noise "${fresh[@]}"
	cmp noise noise.before
	[ ! -e ctl ]

	target_start "${tracked[@]}"
	target_stop
	cp meta before
	refused "data block size" era-metadata=meta era-block-size=64k
	cmp meta before
}

@test "the metadata are locked from before the fork; read with -m, they are the kernel's" {
	target_start "${tracked[@]}"
	target_fails file disk era-metadata=meta era-block-size=1M
	grep -q "is in use" said
	status_is 3 era_invalidate --written-since 1 meta
	status_is 3 era_dump meta
	status_is 3 era_check meta
	status_is 4 era_invalidate -m --written-since 1 meta
	era_ctl ctl checkpoint
	write_some
	era_ctl ctl take_metadata_snap
	status_is 0 era_invalidate -m --written-since 2 --format ranges --unit blocks meta >got
	printf '%s\n' "3 1" "5 4" "11 3" | diff - got
	status_is 0 era_dump -m --logical meta >dump
	grep -q 'current_era="3"' dump
	status_is 0 era_check -m meta
}

# nbdkit lets a client that is connected finish.
@test "in the background, and stopped by SIGTERM with a client that stays for a while" {
	LD_PRELOAD=$ERA_PRELOAD nbdkit -U nbd -P pid --filter="$ERA_FILTER" "${tracked[@]}" 3>&-
	write_some
	"$python" - <<-'EOF'
	from target import *
	h = Target(1 << 20).connect()
	h.pwrite(b"y" * 512, 0)
	pid = int(open("pid").read())
	os.kill(pid, signal.SIGTERM)
	time.sleep(0.3)
	h.shutdown()
	until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the process")
	EOF
	[ ! -e ctl ]
	status_is 0 era_check meta | grep "sound: era 1, 16 blocks of 1 MiB (1048576 bytes), 1 archived"
}
