#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The exports frozen and frozen,since=N: one moment of a device, read while it is written.

load ../lib/common
load target

setup() {
	target_setup meta 2M
}

tracked=(file disk era-metadata=meta "${fresh[@]}" era-socket=ctl)

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

@test "frozen: every read equals the copy of the moment, while others write, over checkpoints" {
	play frozen exact "${ERA_FROZEN_SEED:-2}" "${ERA_FROZEN_ROUNDS:-2}"
	rm meta
	play frozen exact "$((${ERA_FROZEN_SEED:-2} + 1))" "${ERA_FROZEN_ROUNDS:-1}"
}

@test "frozen: a moment that nobody was held for is one moment of writes in order" {
	play frozen ordered 1 "${ERA_FROZEN_ROUNDS:-8}"
}

@test "frozen,since=N: incremental backups equal the frozen device, generation after generation" {
	play frozen since 1 3
}

@test "frozen: without space for old contents reads fail, and the guest's writes go on" {
	play frozen full
}

@test "frozen: after a kill nothing is frozen, and nothing is left" {
	play frozen killed
}

marks() {
	era_ctl ctl stats | awk '$1 == "marks_total" { print $2 }'
}

# written_since COUNT: waits until more requests have been marked than that.
written_since() {
	local n
	for ((n = 0; n < 1000; n++)); do
		[ "$(marks)" -le "$1" ] || return 0
		sleep 0.02
	done
	return 1
}

@test "frozen,since=N, qemu-img: three generations of qcow2 overlays of a device that is written" {
	need qemu-img fio
	local n era next before writer last=full.qcow2
	head -c 48M /dev/urandom >disk
	target_start "${tracked[@]}" era-cow=cow
	fio --name=x --ioengine=nbd --uri="$(uri '')" --rw=randwrite --bsrange=512-96k --size=48M \
		--bs_unaligned --rate=4m --time_based --runtime=60 >fio.log 2>&1 3>&- &
	writer=$!
	era=$(era_ctl ctl freeze)
	qemu-img convert -O qcow2 "$(uri frozen)" "$last"
	for n in 1 2 3; do
		before=$(marks)
		[ "$(era_ctl ctl thaw)" = ok ]
		sleep 0.5
		written_since "$before"
		next=$(era_ctl ctl freeze)
		era_ctl ctl checkpoint
		qemu-img create -q -f qcow2 -F qcow2 -b "$last" "gen$n.qcow2"
		qemu-img convert -n -B "$last" -O qcow2 "$(uri "frozen,since=$era")" "gen$n.qcow2"
		qemu-img compare -q "gen$n.qcow2" "$(uri frozen)"
		fails qemu-img compare -q "$last" "$(uri frozen)"
		era=$next
		last=gen$n.qcow2
	done
	kill "$writer"
	wait "$writer" || :
}

@test "frozen: reads while old contents are being copied see what they were" {
	local tracer n
	need strace
	head -c 1M /dev/urandom >disk
	cp disk old
	target_start "${tracked[@]}" era-cow=cow
	era_ctl ctl freeze
	strace -f -qq -o traced -e trace=pwrite64 -e inject=pwrite64:delay_enter=300000 \
		-p "$target_pid" 3>&- &
	tracer=$!
	for ((n = 0; n < 500; n++)); do
		! grep -q "TracerPid:[[:space:]]*[1-9]" "/proc/$target_pid/status" || break
		sleep 0.02
	done
	"$python" -c '
import nbd, threading
old = open("old", "rb").read(65536)
def write():
    h = nbd.NBD()
    h.connect_unix("nbd")
    h.pwrite(b"new" * 100, 0)
writer = threading.Thread(target=write)
h = nbd.NBD()
h.set_export_name("frozen")
h.connect_unix("nbd")
writer.start()
nr = 0
while writer.is_alive():
    assert h.pread(65536, 0) == old, "what was read is not what it was"
    nr += 1
assert h.pread(65536, 0) == old and nr > 10, nr'
	[ "$(grep -c pwrite64 traced)" -ge 3 ]
	kill "$tracer"
	wait "$tracer" || :
	target_stop
	[ "$(head -c 3 disk)" = new ]
}

# refused WORDS ARGUMENT...
refused() {
	target_fails file disk era-metadata=meta "${fresh[@]}" "${@:2}"
	grep -q -- "$1" said && return
	cat said
	return 1
}

@test "frozen: what is refused" {
	truncate -s 4M disk
	echo precious >cow
	refused "must be a new file" era-socket=ctl era-cow=cow
	[ "$(cat cow)" = precious ]
	ln -s none link
	refused "must be a new file" era-socket=ctl era-cow=link
	[ -L link ]
	refused "No such file" era-socket=ctl era-cow=none/cow
	refused "era-cow needs era-socket" era-cow=new
	refused "an export of another kind" era-socket=ctl era-cow=new era-export=frozen,1
	[ ! -e new ]

	target_start "${tracked[@]}"
	status_is 3 era_ctl ctl freeze
	fails nbdinfo "$(uri frozen)"
	target_stop
	target_start eval get_size='echo 4194304' pread='head -c $3 /dev/zero' \
		pwrite='cat >/dev/null' \
		can_write='exit 0' can_multi_conn='exit 3' "${tracked[@]:2}" era-cow=new
	fails era_ctl ctl freeze 2>said
	grep -q "need not see what another one has written" said
	fails nbdinfo "$(uri frozen)"
}
