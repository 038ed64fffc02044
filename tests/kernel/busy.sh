# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# As much metadata as a device can come to need: every metadata block changes in every era, eras
# wait to be digested, and a metadata snapshot holds what was, while all of it is rewritten and
# digested in one transaction. The metadata are in the guest's memory, of a size to the KiB, one
# case after the other in one boot; $cases is a file of calls of busy.
#
# A status first reads the numbers and then commits, so the one that follows a digestion counts
# the copies of that transaction, too. Nothing else shows them.
#
# In a boot of its own (boot_2) metadata on a disk run out.

metadata=4K
PATH=$tools:$PATH
array_block=1018

# One short write to this device is one to a data block of each block of the era array.
make_everywhere() {
	awk -v step=$((array_block * block)) -v end="$sectors" -v target="$target" 'BEGIN {
		for (at = 0; at < end; at += step)
			print n++ * 8, 8, "linear", target, at
	}' | dmsetup create everywhere --noudevsync
	dmsetup mknodes
	nr_everywhere=$(((sectors + array_block * block - 1) / (array_block * block)))
}

write_everywhere() {
	dd if=/dev/zero of=/dev/mapper/everywhere bs=$((nr_everywhere * 4096)) count=1 \
		oflag=direct 2>/run/dd || die "$sectors sectors of blocks of $block: $(cat /run/dd)"
}

# look WHEN: the highest number of blocks in use that a status showed, up to now.
look() {
	# shellcheck disable=SC2046
	set -- "$1" $(dmsetup status era)
	[ "$5" != Error ] || die "$1: the target can't tell"
	used=${6%/*} total=${6#*/}
	[ "$used" -le "$peak" ] || peak=$used when=$1
}

# digest WHEN: the status wakes the worker, which now gets a rest to work in.
digest() {
	chrt -o -p 0 $$
	look "$1"
	usleep 200000
	look "$1"
}

# pile_up COUNT: until COUNT writesets wait to be digested, the current one among them. The worker
# waits, too.
pile_up() {
	era_hurry
	write_everywhere
	waiting=1
	while [ $waiting -lt "$1" ]; do
		era_message checkpoint
		write_everywhere
		waiting=$((waiting + 1))
	done
	[ "$(era_writesets)" = $(($1 - 1)) ] ||
		die "$(era_writesets) writesets wait, wanted $(($1 - 1))"
}

# busy KIB SECTORS BLOCK WRITESETS: on KIB of metadata.
busy() {
	sectors=$2 block=$3 peak=0
	insert brd rd_nr=1 rd_size="$1"
	era_create "$sectors" "$block" >/dev/null
	make_everywhere
	pile_up "$4"
	era_message take_metadata_snap
	digest snapshot
	for round in 1 2; do
		pile_up "$4"
		era_message checkpoint
		digest "round$round"
	done
	write_everywhere
	era_message drop_metadata_snap
	digest dropped
	dmsetup remove everywhere
	era_remove
	era_check -q "$metadata_dev" || die "era_check"
	rmmod brd
	echo "case: $1 $2 $3 $4 $used $peak $total $when"
}

boot_1() {
	metadata_dev=/dev/ram0
	# shellcheck source=/dev/null
	. "$cases"
}

# said COMMAND...: what an administrator sees of it, with its exit status.
said() {
	status=0
	"$@" >/run/out 2>&1 || status=$?
	sed "s/^/said: $status: /" /run/out
	[ -s /run/out ] || echo "said: $status: "
}

# The metadata on the disk have room for what the target needs at rest, but not for a second copy of
# the era array, which a digestion takes.
boot_2() {
	era_create 524288 8
	make_everywhere
	era_write 1 10
	write_everywhere
	at=0
	while [ $at -lt $nr_everywhere ]; do
		truth write $((at * array_block * block)) 8
		at=$((at + 1))
	done
	era_checkpoint
	said dmsetup status era
	usleep 500000
	for at in 3 30 300; do
		said dd if=/dev/zero of="$target" bs=4096 count=1 seek=$at oflag=direct
	done
	said dmsetup status era
	said dmsetup message era 0 checkpoint
	said dmsetup message era 0 take_metadata_snap
	said dd if="$target" of=/dev/null bs=4096 count=1 skip=300 iflag=direct
	dmsetup remove everywhere
	said dmsetup remove --noudevsync era
}
