# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Barriers on a device that is written to all the time. The stack is
#	era -> slow -> volume
# where slow (dm-delay) keeps each write for a while, and the volume has snapshots. Another program
# sends messages to the era device meanwhile.
#
# Answers go to the console as "answer: ..."; they are judged outside. Words of the kernel's command
# line: helpers, a folder of test programs, and those that the comment at a boot names.

metadata=256K
PATH=$tools:$helpers:$PATH
export PATH DM_DISABLE_UDEV=1

answer() {
	echo "answer: $*"
}

# device NAME TABLE
device() {
	dmsetup create "$1" --noudevsync --table "$2"
	dmsetup mknodes "$1"
}

# swap NAME TABLE
swap() {
	dmsetup load "$1" --table "$2"
	dmsetup suspend --nolockfs "$1"
	dmsetup resume "$1"
}

message() {
	dmsetup message era 0 "$1"
}

status_era() {
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	echo "$6"
}

# A volume: its device, how a snapshot of it is made, read and removed. Words are put between where
# it is made: the command may have to run it.
volume_dm() {
	insert dm-snapshot
	sectors=$(blockdev --getsz /dev/ubdb)
	device base "0 $sectors snapshot-origin /dev/ubdb"
	volume=/dev/mapper/base
	snapshot=/dev/mapper/snap
}

# What LVM does.
take_dm() {
	"$@" sh -ec '
		dmsetup create snap --noudevsync --notable
		dmsetup suspend base
		dmsetup load snap --table "0 $1 snapshot /dev/ubdb /dev/ubdc N 8"
		dmsetup resume snap
		dmsetup resume base
		dmsetup mknodes snap' take "$sectors"
}

remove_dm() {
	dmsetup remove --noudevsync snap
}

# LVM as distributed, but for a place where it can write.
open_lvm() {
	insert dm-snapshot
	insert dm-thin-pool
	mkdir -p /run/lvm /run/lock/lvm
	cp -r /etc/lvm /run/lvm-conf
	mount -o bind /run/lvm-conf /etc/lvm
}

start_lvm() {
	open_lvm
	pvcreate -q /dev/ubdb
	vgcreate -q -s 1M vg /dev/ubdb
	sectors=4096
	snapshot=/dev/vg/snap
}

volume_lvm() {
	start_lvm
	lvcreate -q -y -Zn -Wn -l 2 -n volume vg 2>/dev/null
	volume=/dev/vg/volume
}

take_lvm() {
	"$@" lvcreate -q -s -n snap -l "${snapshot_extents:-3}" vg/volume
}

volume_thin() {
	start_lvm
	lvcreate -q -y -T -l 8 --poolmetadatasize 2M -V 2M -n volume vg/pool
	volume=/dev/vg/volume
}

take_thin() {
	"$@" lvcreate -q -s -n snap -kn vg/volume
}

remove_lvm() {
	lvremove -q -f vg/snap
}

remove_thin() {
	remove_lvm
}

make_era() {
	insert dm-delay
	device slow "0 $sectors delay $volume 0 0 $volume 0 10"
	device era "0 $sectors era $metadata_dev /dev/mapper/slow 8"
	target=/dev/mapper/era
	era_node=dm-$(dmsetup info -c --noheadings -o minor era)
}

# slow_down MS
slow_down() {
	swap slow "0 $sectors delay $volume 0 0 $volume 0 $1"
}

seed=0
in_flight() {
	awk '{ print $2 }' "/sys/block/$era_node/inflight"
}

nr_written() {
	awk '{ print $5 }' "/sys/block/$era_node/stat"
}

# start_writers NR: ones that write what none before has written. All of them have begun.
start_writers() {
	before=$(nr_written)
	for n in $(seq "$1"); do
		seed=$((seed + 1))
		blocks write $target $seed &
		all="$all $!"
	done
	until [ $(($(nr_written) - before)) -gt $(($1 * 4)) ]; do
		usleep 50000
	done
}

stop_writers() {
	# shellcheck disable=SC2086
	kill -9 $all
	wait
	all=
}

# Another program, which begins eras as it likes, but not while somebody lists.
disturb() {
	while [ ! -e /run/quiet ]; do
		(
			flock 9
			message checkpoint
			message take_metadata_snap
			usleep 10000
			message drop_metadata_snap
		) 9>/run/messages
		usleep 20000
	done
}

# Ways to a snapshot and the era that goes with it. All but the first lose blocks.
with_barrier() {
	"take_$storage" era_ctl era snapshot -- >/run/era
}

# Each writer has one write on its way, for as long as it takes, and makes no more: what they write
# to does not go on.
hold_writes() {
	# shellcheck disable=SC2086
	kill -CONT $all
	dmsetup suspend --nolockfs slow
	# shellcheck disable=SC2046
	until [ "$(in_flight)" = $(echo $all | wc -w) ]; do
		usleep 20000
	done
	# shellcheck disable=SC2086
	kill -STOP $all
}

take_and_go_on() {
	message checkpoint
	status_era >/run/era
	"take_$storage"
	dmsetup resume slow
}

# What is on its way is in no snapshot, and not listed.
with_checkpoint() {
	hold_writes
	take_and_go_on
}

# So is what was written after the resume, and before another program began one more era.
with_status_after() {
	dmsetup suspend --nolockfs era
	dmsetup resume era
	hold_writes
	take_and_go_on
}

list_since() {
	(
		flock 9
		message take_metadata_snap
		era_invalidate -m --written-since "$1" --format ranges --unit blocks "$metadata_dev"
		message drop_metadata_snap
	) 9>/run/messages
}

# generation HOW: what differs from the one before must be listed since its era.
generation() {
	"with_$1"
	dd if="$snapshot" of=/run/new bs=64k iflag=direct 2>/dev/null
	"remove_$storage"
	if [ -e /run/old ]; then
		list_since "$since" >/run/list
		answer "$1 $(blocks lost /run/old /run/new </run/list)"
	fi
	mv /run/new /run/old
	since=$(cat /run/era)
}

# phase HOW ROUNDS WRITERS MS
phase() {
	slow_down "$4"
	start_writers "$3"
	rm -f /run/old /run/quiet
	disturb &
	round=0
	while [ $round -le "$2" ]; do
		generation "$1"
		round=$((round + 1))
	done
	touch /run/quiet
	stop_writers
}

# Words: storage, and phases, each as HOW:ROUNDS:WRITERS:MS, with commas between.
boot_1() {
	"volume_$storage"
	make_era
	for each in $(echo "$phases" | tr , ' '); do
		# shellcheck disable=SC2046
		phase $(echo "$each" | tr : ' ')
	done
	dmsetup remove --noudevsync era
}

# A device that can lose what was not flushed: dm-log-writes on /dev/ubdc. At each mark ERA the
# power might fail; /dev/ubdd gets what the device held then, one copy after the other, and the era.
power_round() {
	"$1"
	read -r power_era </run/era
	dmsetup message logged 0 mark "era-$power_era"
	dd if=/dev/mapper/logged of=/dev/ubdd bs=64k iflag=direct oflag=direct,seek_bytes \
		seek=$((round * sectors * 512)) 2>/dev/null
	answer "$1 $power_era $round"
	round=$((round + 1))
}

flushed() {
	era_ctl era barrier >/run/era
}

unflushed() {
	status_era >/run/era
	dmsetup suspend --nolockfs era
	dmsetup resume era
	echo $(($(cat /run/era) + 1)) >/run/era
}

# Words: rounds.
boot_2() {
	insert dm-log-writes
	sectors=$(blockdev --getsz /dev/ubdb)
	device logged "0 $sectors log-writes /dev/ubdb /dev/ubdc"
	volume=/dev/mapper/logged
	make_era
	disturb &
	start_writers 6
	round=0
	while [ $round -lt $((rounds - 1)) ]; do
		power_round flushed
	done
	power_round unflushed
	touch /run/quiet
	stop_writers
	dmsetup remove --noudevsync era
	dmsetup remove --noudevsync slow
	dmsetup remove --noudevsync logged
}
