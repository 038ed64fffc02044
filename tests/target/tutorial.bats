#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The chapters without the kernel of the tutorial and of the recipes by hand: their own scripts and
# commands, with other paths.

load ../lib/common
load target

setup() {
	need_target
	need qemu-img nbdcopy flock
	scratch
	mkdir page bin backup
	awk -v out=page -f "$abs_top_srcdir/tests/lib/page.awk" "$abs_top_srcdir/doc/by-hand.md"
	for name in era-backup-nbd without-the-kernel.2; do
		here "page/$name" >"bin/$name"
	done
	printf '#!/bin/sh\nLD_PRELOAD="%s" exec %s "$@"\n' "$ERA_PRELOAD" "$(command -v nbdkit)" \
		>bin/nbdkit
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
	head -c 8M /dev/urandom >disk.img
	status_is 0 era_format --era 1000 --block-size 64k --origin disk.img disk.meta
	serve
}

serve() {
	target_start file disk.img era-metadata=disk.meta era-socket=disk.ctl era-cow=disk.cow
}

# here FILE: what is on the page, with the paths and the filter of this test.
here() {
	sed "/^PATH=/d; s,^disk=.*,disk=../nbd,; s,/run/disk.nbd,/run/nbd,
		s,^\([a-z]*=\|cd \)/\(srv\|run\)/\(.*\),\1'$PWD/\3',; s,/srv/,,g; s,/run/,,g
		s,--filter=era,--filter=$ERA_FILTER,; s/--reflink=always/--reflink=auto/" "$1"
}

# use BLOCK [COUNT]: these blocks get new contents, by way of the target.
use() {
	head -c $((${2:-1} * 65536)) /dev/urandom >new
	"$python" - "$uri" "$1" <<-'EOF'
		import nbd, sys
		handle = nbd.NBD()
		handle.connect_uri(sys.argv[1])
		handle.pwrite(open("new", "rb").read(), 65536 * int(sys.argv[2]))
	EOF
}

# is_backed_up BACKUPS: so many there are, and the last one is the disk, which nobody has written
# since.
is_backed_up() {
	qemu-img compare -f raw -F qcow2 disk.img backup/last/disk.qcow2
	[ "$(find backup -name disk.qcow2 | wc -l)" = "$1" ]
	[ "$(era_ctl disk.ctl status | cut -d ' ' -f 4)" = - ]
}

# nr_changed: of 64 KiB each, what the last image holds by itself.
nr_changed() {
	qemu-img map --output=json backup/last/disk.qcow2 |
		jq '[.[] | select(.depth == 0 and .data) | .length] | add / 65536'
}

@test "backups by freeze: a full one, changes on top of it, and full again for other metadata" {
	need jq
	bash bin/era-backup-nbd 2>said
	grep "a full one" said
	is_backed_up 1
	target_stop
	cp disk.meta older.meta
	serve
	use 5 3
	use 127
	bash bin/era-backup-nbd
	is_backed_up 2
	[ "$(nr_changed)" = 4 ]

	# An older copy of the metadata comes to later eras.
	target_stop
	mv older.meta disk.meta
	serve
	for n in 1 2 3 4; do
		era_ctl disk.ctl checkpoint
	done
	use 9
	bash bin/era-backup-nbd 2>said
	grep "a full one" said
	is_backed_up 3
}

@test "backups by freeze: what fails leaves the last one, and nothing held" {
	bash bin/era-backup-nbd
	use 7
	printf '#!/bin/sh\nexit 3\n' >bin/qemu-img
	chmod +x bin/qemu-img
	status_is 3 bash bin/era-backup-nbd
	rm bin/qemu-img
	fails qemu-img compare -f raw -F qcow2 disk.img backup/last/disk.qcow2
	[ "$(era_ctl disk.ctl status | cut -d ' ' -f 4)" = - ]
	bash bin/era-backup-nbd
	is_backed_up 2

	# Somebody else's metadata snapshot is not read.
	use 8
	era_ctl disk.ctl take_metadata_snap
	use 9
	fails bash bin/era-backup-nbd
	[ "$(find backup -name disk.qcow2 | wc -l)" = 2 ]
	[ "$(era_ctl disk.ctl status | cut -d ' ' -f 4)" != - ]
	era_ctl disk.ctl drop_metadata_snap
	bash bin/era-backup-nbd
	is_backed_up 3
}

@test "a storage snapshot in a second server" {
	local first
	cp disk.img copy
	first=$(era_ctl disk.ctl checkpoint)
	era_ctl --output=last.witness disk.ctl witness
	use 3
	use 100 2
	sed -n 's/^# //p' bin/without-the-kernel.2 | sed "s/since=[0-9]*/since=$first/" >typed
	bash -e typed
	cmp disk.img copy
	[ -s new.witness ]

	# A witness of what these metadata were not.
	cp new.witness last.witness
	target_stop
	status_is 0 era_format --force --block-size 64k --origin disk.img --era 1000 disk.meta
	serve
	for n in 1 2 3; do
		era_ctl disk.ctl checkpoint
	done
	sed -i 's/since=[0-9]*/since=1002/' typed
	fails bash -e typed >said 2>&1
	grep "last.witness" said
	fails grep -q 'since=1795862401' typed
}

# typed N: the commands of this session of the tutorial's chapter, and what it prints.
typed() {
	awk -v out=page -f "$abs_top_srcdir/tests/lib/page.awk" "$abs_top_srcdir/doc/tutorial.md"
	here "page/without-the-kernel.$1" >session
	sed -n 's/^# //p' session >commands
	bash -e commands >said 2>&1 3>&- || { cat said; return 1; }
	sed '/^# /d' session | alike >want
	alike <said >got
	diff -u want got
}

# alike: without what differs each time.
alike() {
	sed -E "s,$PWD/,,g; s/era-[0-9]+-[0-9a-f]{32}/era/; s/waited [0-9.]+ s/waited/"
}

@test "the tutorial without the kernel: from nothing to a backup, an increment and a delta" {
	target_stop
	rm -f disk.meta nbd
	head -c 3M /dev/urandom >disk.img
	truncate -s 64M disk.img
	sed -i 's/ "\$@"/ -P pid& era-first=1000/' bin/nbdkit
	typed 1
	target_pid=$(cat pid)
	typed 2
	cmp disk.img backup/disk
	use 100 16
	typed 3
	cmp disk.img backup/copy
	fails cmp -s disk.img backup/disk
	use 7
	here page/without-the-kernel.2 | sed -n 's/^# //p' >commands
	bash -e commands 2>said 3>&-
	grep -F '(incremental): 1.1 MiB of data and 0 bytes of zeroes' said
	cmp disk.img backup/disk
}
