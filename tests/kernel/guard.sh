# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# What makes a barrier is killed, at random moments, and the device is not left suspended. The
# metadata are on a device that keeps each write for a while, so that the kernel takes long from the
# suspend to the resume.
#
# Answers go to the console as "answer: ..."; they are judged outside. Words: kills, how many, and
# seed.

metadata=256K
PATH=$tools:$PATH
export PATH

answer() {
	echo "answer: $*"
}

# make_stack [MS]: what a write of the metadata takes.
make_stack() {
	insert dm-delay
	dmsetup create meta --noudevsync \
		--table "0 512 delay $metadata_dev 0 0 $metadata_dev 0 ${1:-20}"
	dmsetup create slow --noudevsync --table "0 8192 delay $origin_dev 0 0 $origin_dev 0 20"
	dmsetup mknodes
	dmsetup create era --noudevsync --table "0 8192 era /dev/mapper/meta /dev/mapper/slow 8"
	dmsetup mknodes
	node=dm-$(dmsetup info -c --noheadings -o minor era)
}

# Without a program, which would take longer than a suspend.
is_suspended() {
	read -r state <"/sys/block/$node/dm/suspended"
	[ "$state" = 1 ]
}

# In $found: the newest process of that name.
find_process() {
	found=
	for each in /proc/[0-9]*; do
		read -r name 2>/dev/null <"$each/comm" || continue
		[ "$name" != "$1" ] || found=${each#/proc/}
	done
}

write_for_ever() {
	while :; do
		dd if=/dev/zero of=/dev/mapper/era bs=4096 count=64 oflag=direct 2>/dev/null
	done
}

# All that has to do with barriers has ended, and the device goes on.
is_quiet() {
	for name in era_ctl era-suspend era-guard; do
		find_process $name
		[ -z "$found" ] || return 1
	done
	! is_suspended
}

until_quiet() {
	tries=0
	until is_quiet; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		usleep 50000
	done
}

# strike VICTIM: while a shell in a process group of its own makes a barrier. Half of the time the
# device is waited for to be suspended, the other half any moment will do.
strike() {
	setsid sh -c 'era_ctl era barrier; :' >/dev/null 2>&1 &
	shell=$!
	random 2
	waits=$number
	random 250
	usleep $((number * 1000))
	tries=0
	while [ $waits = 1 ] && ! is_suspended && [ $tries -lt 2000 ]; do
		tries=$((tries + 1))
	done
	case $1 in
	child) find_process era-suspend ;;
	guard) find_process era-guard ;;
	program) find_process era_ctl ;;
	group) found=-$shell ;;
	shell) found=$shell ;;
	esac
	! is_suspended || suspended=$((suspended + 1))
	[ -z "$found" ] || ! kill -9 "$found" 2>/dev/null || struck=$((struck + 1))
}

go_on() {
	left=$((left + 1))
	dmsetup resume era
}

boot_1() {
	make_stack
	write_for_ever &
	writer=$!
	n=0 struck=0 suspended=0 left=0
	while [ $n -lt "$kills" ]; do
		for victim in child guard program group shell; do
			strike $victim
			until_quiet || go_on
			n=$((n + 1))
		done
	done
	kill $writer
	answer "$n $struck $suspended $left"
	answer "barrier $(era_ctl era barrier)"
	answer "status $(dmsetup status era | cut -d ' ' -f 6)"
}

# The two that resume are killed while the device is suspended: what made the barrier resumes it. A
# kill that comes too late hits nothing, so there are some tries.
boot_5() {
	make_stack 300
	write_for_ever &
	hit=0
	for try in $(seq 50); do
		status=0
		era_ctl era barrier >/run/out 2>&1 &
		until is_suspended || [ ! -e /proc/$! ]; do
			:
		done
		find_process era-suspend
		child=$found
		find_process era-guard
		[ -z "$child" ] || [ -z "$found" ] ||
			kill -9 "$child" "$found" 2>/run/kill || continue
		! is_suspended || hit=1
		wait $! || status=$?
		[ $hit = 0 ] || break
	done
	[ $hit = 1 ] || die "nothing was hit"
	[ $status = 3 ] || die "status $status"
	sed 's/^/said: /' /run/out
	grep -q "the process that suspends it was killed" /run/out || die "not said"
	! is_suspended || die "is left suspended"
	answer "barrier $(era_ctl era barrier)"
}

# All that has to do with it is killed at once: here the device may be left suspended, and
# "era ctl resume" is what a unit does after that.
boot_2() {
	make_stack
	group=/sys/fs/cgroup/unit
	mount -t cgroup2 none /sys/fs/cgroup
	mkdir $group
	write_for_ever &
	n=0 left=0
	while [ $left = 0 ] && [ $n -lt 50 ]; do
		sh -c "echo 0 >$group/cgroup.procs; exec era_ctl era barrier" >/dev/null &
		until is_suspended || [ ! -e /proc/$! ]; do
			:
		done
		echo 1 >$group/cgroup.kill
		wait $! || :
		until grep -q "populated 0" $group/cgroup.events; do
			usleep 20000
		done
		! is_suspended || left=1
		era_ctl era resume >/dev/null
		if is_suspended; then
			die "it does not go on"
		fi
		n=$((n + 1))
	done
	answer "left $left"
	answer "barrier $(era_ctl era barrier)"
}

mount_data() {
	dmsetup create era --noudevsync --table \
		"0 $(blockdev --getsz /dev/ubdb) era $metadata_dev /dev/ubdb 8"
	dmsetup mknodes
	mkdir /run/data
	mount -t ext4 /dev/mapper/era /run/data
}

# takes_writes: is the filesystem thawed?
takes_writes() {
	touch "/run/data/$1" &
	tries=0
	while [ -e /proc/$! ] && [ $tries -lt 40 ]; do
		tries=$((tries + 1))
		usleep 50000
	done
	[ ! -e /proc/$! ]
}

thawed() {
	takes_writes "$1" || die "$1: it is frozen"
	answer "thawed"
}

frozen() {
	era_ctl --freeze /run/data "$@" 2>&1
}

# A copy of a mounted filesystem, made while it is frozen, needs no recovery.
boot_3() {
	mount_data
	echo data >/run/data/file
	answer "made $(frozen era snapshot -- dd if=/dev/ubdb of=/dev/ubdc bs=64k iflag=direct \
		oflag=direct status=none)"
	thawed one

	frozen era snapshot -- false || answer "failed $?"
	thawed two

	frozen --timeout 1 era snapshot -- sleep 3 || answer "late $?"
	thawed three

	frozen era snapshot -- sleep 20 &
	until [ "$(pidof sleep)" ]; do
		usleep 20000
	done
	takes_writes four || answer "frozen"
	frozen era snapshot -- true || answer "twice $?"
	find_process era_ctl
	kill -9 "$found"
	wait || :
	thawed five
	umount /run/data
	dmsetup remove --noudevsync era
}
