#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Real clients: what they write is tracked, and incremental backups with them are equal to the
# device, generation after generation. Each generation has old blocks that become zero: zeroed,
# trimmed, or written with zero bytes, in stretches smaller and larger than a data block, 64 KiB and
# 2 MiB.

load ../lib/common
load target

setup() {
	target_setup meta 2M
}

uri() {
	echo "nbd+unix:///$1?socket=nbd"
}

start() {
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
}

# changed_mib N: what is listed since era N, in MiB.
changed_mib() {
	nbdinfo --map "$(uri "since=$1")" | awk '$3 == 0 { n += $2 } END { print n / 1048576 }'
}

# generation N: some old blocks change, some become zero, in one of three ways.
generation() {
	"$python" - "$1" <<-'EOF'
	import sys
	import nbd
	number = int(sys.argv[1])
	h = nbd.NBD()
	h.connect_unix("nbd")
	K, M = 1 << 10, 1 << 20
	ways = [h.zero, h.trim, lambda length, at: h.pwrite(bytes(length), at),
	        lambda length, at: h.zero(length, at, nbd.CMD_FLAG_NO_HOLE)]
	at = number * M
	for length in (512, 4 * K, 60 * K, 64 * K, 100 * K, 2 * M - 512, 2 * M, 3 * M):
	    for way in ways:
	        way(length, at)
	        at += 4 * M - 13 * 512 * number
	for n in range(10):
	    at = (number * 37 + n * 41) % 160 * M + n * 700
	    h.pwrite(bytes([65 + number]) * 3000, at)
	h.shutdown()
	EOF
}

full() {
	openssl rand -out disk $((160 << 20)) 2>/dev/null || head -c 160M /dev/urandom >disk
}

# changes_are_few N: the list is what was touched, and no full copy.
changes_are_few() {
	local mib
	mib=$(changed_mib "$1")
	awk -v mib="$mib" 'BEGIN { exit !(mib > 20 && mib < 80) }' && return
	echo "$mib MiB are listed since era $1"
	return 1
}

@test "qemu-img, since=N: three generations of qcow2 overlays" {
	need qemu-img
	local n era next last=full.qcow2
	full
	start
	era=$(era_ctl ctl checkpoint)
	qemu-img convert -O qcow2 "$(uri '')" "$last"
	for n in 1 2 3; do
		generation $n
		next=$(era_ctl ctl checkpoint)
		changes_are_few "$era"
		qemu-img create -q -f qcow2 -F qcow2 -b "$last" "gen$n.qcow2"
		qemu-img convert -n -B "$last" -O qcow2 "$(uri "since=$era")" "gen$n.qcow2"
		qemu-img compare -q "gen$n.qcow2" "$(uri '')"
		[ "$(stat -c %s "gen$n.qcow2")" -lt $((100 << 20)) ]
		era=$next
		last=gen$n.qcow2
	done
	target_stop
	qemu-img compare -q -F raw "$last" disk
}

@test "nbdcopy, since=N,zero: three generations into a copy" {
	need nbdcopy
	local n era next
	full
	start
	era=$(era_ctl ctl checkpoint)
	cp disk copy
	for n in 1 2 3; do
		generation $n
		next=$(era_ctl ctl checkpoint)
		fails cmp -s disk copy
		nbdcopy --destination-is-zero --sparse=0 -- "$(uri "since=$era,zero")" \
			[ nbdkit file copy ]
		cmp disk copy
		era=$next
	done
}

# Why the manual warns of it: should it pass one day, the warning can go.
@test "qemu-img --target-is-zero loses blocks that have become zero, as the manual says" {
	need qemu-img
	local era
	full
	start
	era=$(era_ctl ctl checkpoint)
	cp disk copy
	cp disk sparse
	generation 1
	qemu-img convert -n --target-is-zero -O raw "$(uri "since=$era,zero")" copy
	fails cmp -s disk copy
	nbdcopy --destination-is-zero -- "$(uri "since=$era,zero")" [ nbdkit file sparse ]
	fails cmp -s disk sparse
	nbdcopy --destination-is-zero --sparse=0 -- "$(uri "since=$era,zero")" [ nbdkit file copy ]
	cmp disk copy
}

# blocks_since N: a line a range of blocks.
blocks_since() {
	nbdinfo --map "$(uri "since=$1")" | awk '$3 == 0 { print $1 / 65536, $2 / 65536 }'
}

@test "qemu-io, nbdcopy and fio: what they write is listed" {
	need qemu-io nbdcopy fio
	truncate -s 64M disk
	start
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	qemu-io -f raw -c 'write 1M 64k' -c 'write -z 3M 128k' -c 'discard 5M 64k' \
		-c 'write -zu 7M 64k' -c 'aio_write 9M 4k' -c aio_flush "$(uri '')" >/dev/null
	printf '%s\n' "16 1" "48 2" "80 1" "112 1" "144 1" | diff - <(blocks_since 2)

	[ "$(era_ctl ctl checkpoint)" = 3 ]
	head -c 200k /dev/urandom >small
	truncate -s 64M small
	nbdcopy small "$(uri '')"
	blocks_since 3 | grep '^0 '
	cmp small disk

	[ "$(era_ctl ctl checkpoint)" = 4 ]
	fio --name=x --ioengine=nbd --uri="$(uri '')" --rw=randwrite --bs=4k --size=32M \
		--io_size=4M \
		--offset=32M --iodepth=16 --verify=crc32c >fio.log
	blocks_since 4 | awk '$1 < 512 { exit 1 } { n += $2 } END { exit !(n > 200) }'
}

@test "the origin behind another NBD server" {
	need qemu-nbd
	truncate -s 64M disk
	target_start nbd command=qemu-nbd arg=-f arg=raw arg="$PWD/disk" era-metadata=meta \
		"${fresh[@]}" era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 2 ]
	qemu-io -f raw -c 'write -P 7 1M 64k' -c 'write -z 3M 128k' "$(uri '')" >/dev/null
	printf '%s\n' "16 1" "48 2" | diff - <(blocks_since 2)
	target_stop
	[ "$(od -An -tu1 -j1M -N1 disk)" -eq 7 ]
}
