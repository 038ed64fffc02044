# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Our programs on devices that fail, made by the kernel's own targets for that. No era target is
# active. Answers go to the console as "answer: ..."; they are judged outside.

metadata=4K
PATH=$tools:$PATH
export TMPDIR=/run
device=/dev/dm-1

sectors_of() {
	blockdev --getsz "$metadata_dev"
}

make_device() {
	dmsetup create failing --noudevsync
	dmsetup mknodes
}

# answer WORD... COMMAND: its status.
answer() {
	text=$1 got=0
	shift
	"$@" >/run/out 2>/run/err || got=$?
	echo "answer: $text $got"
}

# One block after the other can't be read: those of the file $blocks.
boot_1() {
	insert dm-dust
	echo "0 $(sectors_of) dust $metadata_dev 0 4096" | make_device
	dmsetup message failing 0 enable >/dev/null
	n=0
	while read -r block; do
		dmsetup message failing 0 addbadblock "$block" >/dev/null
		answer "check $block" era_check -q $device
		answer "invalidate $block" era_invalidate -r --written-since 9 --format ranges \
			--unit blocks $device
		sed "s/^/range: $block /" /run/out
		if [ $((n % 6)) = 0 ]; then
			answer "dump $block" era_dump -o /run/dump $device
			answer "snapshot $block" era_dump -m -o /run/dump $device
		fi
		dmsetup message failing 0 removebadblock "$block" >/dev/null
		n=$((n + 1))
	done <"$blocks"
	answer "check none" era_check -q $device
}

# restore_on NAME TABLE: with the table on standard input.
restore_on() {
	make_device
	answer "$1" era_restore -i "$xml" -o $device
	sed 's/^/said: /' /run/err
	dmsetup remove --noudevsync failing
	answer "$1-check" era_check -q "$metadata_dev"
	answer "$1-same" cmp "$metadata_dev" "$before"
}

# Writes fail, or are lost without a word: all, or from block 5 on. $xml is restored, $before is
# what the device held.
boot_2() {
	insert dm-flakey
	all=$(sectors_of)
	echo "0 $all flakey $metadata_dev 0 0 3600 1 error_writes" | restore_on no-writes
	echo "0 $all flakey $metadata_dev 0 0 3600 1 drop_writes" | restore_on lost-writes
	printf '%s\n' "0 40 linear $metadata_dev 0" \
		"40 $((all - 40)) flakey $metadata_dev 40 0 3600 1 error_writes" |
		restore_on some-writes
}

# What reaches the disk, in which order: the log is /dev/ubdb.
boot_3() {
	insert dm-log-writes
	echo "0 $(sectors_of) log-writes $metadata_dev /dev/ubdb" | make_device
	answer restore era_restore -q -i "$xml" -o $device
	dmsetup remove --noudevsync failing
}

# The same of era_repair, of the metadata $before.
boot_4() {
	insert dm-log-writes
	echo "0 $(sectors_of) log-writes $metadata_dev /dev/ubdb" | make_device
	answer repair era_repair -q -i "$before" -o $device
	dmsetup remove --noudevsync failing
}
