# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era backup where files have clones: XFS with reflink on /dev/ubdb. Nothing is tracked here: a
# write is one to the file, and era mark. Answers go to the console.

PATH=$tools:$PATH
export PATH

answer() {
	echo "answer: $*"
}

# begin BLOCKS: the size of the disk.
begin() {
	mkdir /run/x
	mount -t xfs /dev/ubdb /run/x
	cd /run/x
	era_format -q --block-size 64k --device-size $(($1 * 64))k --era 100 meta
	dd if=/dev/urandom of=disk bs=64k count="$1" 2>/dev/null
}

# change FIRST COUNT
change() {
	dd if=/dev/urandom of=disk bs=64k seek="$1" count="$2" conv=notrunc 2>/dev/null
	echo "$1 $2" | era_mark --ranges - --unit blocks -q meta >/dev/null
}

backup() {
	era_backup --offline meta --source disk "$@" T >said 2>&1 || die "$?: $(cat said)"
	cmp disk T || die "T differs"
}

inode() {
	stat -c %i T
}

kept() {
	for each in T.era-*; do
		case $each in *.era | T.era-\*) ;; *) echo "$each" ;; esac
	done
}

# Whether each backup that was kept is one that there was, with its state.
check_kept() {
	for each in $(kept); do
		good=
		for one in old.*; do
			! cmp -s "$one" "$each" || good=$one
		done
		[ "$good" ] || die "$each is none that there was"
		era_apply --print-state "$each" >/dev/null || die "$each: no state"
	done
}

boot_1() {
	begin 128
	backup --keep 2
	chmod 600 T
	answer "kept $(kept | wc -l)"
	for n in 1 2 3 4; do
		cp T old.$n
		before=$(inode)
		exec 5<T
		change $((n * 7)) $((n + 1))
		backup --keep 2
		cat <&5 | cmp - old.$n || die "what was open has changed"
		exec 5<&-
		[ "$(inode)" != "$before" ] || die "$n: it was changed itself"
		[ "$(stat -c %a T)" = 600 ] || die "$n: its mode is another one"
	done
	check_kept
	answer "kept $(kept | wc -l) $(ls -d T.era-*.era | wc -l)"
	for n in 3 4; do
		found=
		for each in $(kept); do
			! cmp -s old.$n "$each" || found=$each
		done
		[ "$found" ] || die "$n is not kept"
		[ "$(stat -c %a "$found")" = 600 ] || die "$found: anybody may read it"
	done
	# A backup that is not kept leaves those that are.
	change 50 2
	before=$(inode)
	backup --in-place
	[ "$(inode)" = "$before" ] || die "it was not changed in place"
	answer "kept $(kept | wc -l)"
	change 60 2
	backup --keep 1 --in-place
	[ "$(inode)" = "$before" ] || die "it was not changed in place"
	answer "kept $(kept | wc -l)"
	check_space
	mkdir /run/none
	status=0
	era_backup --offline meta --source disk --keep 1 /run/none/T 2>said || status=$?
	answer "ended $status $(grep -c 'its filesystem has no clones' said)"
	[ -z "$(ls /run/none)" ] || die "there is something"
}

# Where there is no room for the clone's blocks, TARGET is the old backup, as its state says.
check_space() {
	cp T old.5
	change 0 100
	cp T.era before.era
	sync
	free=$(df -k . | awk 'END { print $4 }')
	fallocate -l $(((free - 10240) * 1024)) full
	status=0
	era_backup --offline meta --source disk T >/run/said 2>&1 || status=$?
	rm full
	[ $status = 3 ] || die "$status: $(cat /run/said)"
	grep -q "T: cannot write .*No space left" /run/said || die "$(cat /run/said)"
	cmp T old.5 || die "T was changed"
	cmp T.era before.era || die "its state was changed"
	backup --incremental-only
}

# In $left: what T is after a stop; it is never half way.
judge() {
	if cmp -s T old.now; then
		left=old
	elif cmp -s T disk; then
		left=new
	else
		die "$call $n $how: T is neither the old backup nor the new"
	fi
	check_kept
}

# The last backups there were.
remember() {
	nr=$(((nr + 1) % 12))
	cp T old.$nr
}

# strike CALL HOW: each call of that name in turn, and after each stop the next run finds its way.
strike() {
	call=$1 how=$2 n=0
	while :; do
		n=$((n + 1))
		cp T old.now
		remember
		change $((n * 5 % 20)) 2
		change $(((n * 5 + 10) % 20)) 2
		rm -f struck
		status=0
		FAULT=$call:$n:$how FAULT_LOG=struck LD_PRELOAD=$faults \
			era_backup --offline meta --source disk --keep 2 T >said 2>&1 || status=$?
		if [ ! -e struck ]; then
			[ $status = 0 ] || die "$call $n: $status: $(cat said)"
			return
		fi
		struck=$((struck + 1))
		judge
		[ $status != 0 ] || [ $left = new ] || die "$call $n $how: status 0: $left"
		echo $left >>/run/left
		remember
		backup --keep 2 --incremental-only
		remember
		[ "$(kept | wc -l)" -le 2 ] || die "$call $n $how: too many are kept"
	done
}

# Killed before each call that changes something; and each one fails. Words: faults.
boot_2() {
	begin 24
	backup
	struck=0 nr=0
	for each_call in pwrite rename linkat fsync unlink; do
		strike $each_call kill
		[ -z "$errors" ] || strike $each_call 5
	done
	answer "struck $struck $(grep -c old /run/left) $(grep -c new /run/left)"
}
