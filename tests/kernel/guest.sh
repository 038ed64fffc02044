# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# What scenarios say inside the guest. Each call does one thing to the real target and puts what it
# did on the console as a line "truth: ..."; truth.awk on the host replays these lines. The era is
# counted here, never asked for: a status commits and wakes the target's worker, which would change
# the very history that is being made. Where that does no harm, era_status compares the two.
#
# There is one target. Its metadata are on the host's disk; its origin is a device that drops what
# is written: as large as anyone wants, and so fast that a scenario, not its disk, sets the pace.

metadata_dev=/dev/ubda
origin_dev=/dev/dm-0
target=/dev/dm-1

truth() {
	echo "truth: $*"
}

die() {
	echo "guest: failed: $*"
	exit 1
}

# insert MODULE [WORDS]: a module of the kernel, after those that it needs. What is there, is left.
insert() {
	needed=$(sed -n "s|^\(.*/$1\.ko\):|\1|p" "$modules/modules.dep")
	[ -n "$needed" ] || die "no module $1"
	shift
	inserted=
	for file in $needed; do
		inserted="$file $inserted"
	done
	for file in $inserted; do
		name=$(basename "$file" .ko | tr - _)
		[ -d "/sys/module/$name" ] || insmod "$modules/$file" "$@" || die "$file"
	done
}

# ends STATUS COMMAND...: what it prints goes to /run/out, and to the console.
ends() {
	want=$1 status=0
	shift
	"$@" >/run/out 2>&1 || status=$?
	echo "ran: $*"
	sed "s/^/said: /" /run/out
	[ "$status" = "$want" ] || die "status $status, wanted $want: $*"
}

# has WORDS: the last command has said them.
has() {
	grep -qF -e "$1" /run/out || die "not said: $1"
}

# random BELOW: in $number; $seed is where it comes from.
random() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	number=$((seed / 65536 % $1))
}

# queue_file NAME FILE: where the kernel says it of a device's queue.
queue_file() {
	echo "/sys/dev/block/$(dmsetup info -c --noheadings --separator : -o major,minor "$1")/queue/$2"
}

# An era has begun.
era_rolled() {
	era=$((era + 1))
	truth era "$era"
}

# era_load SECTORS BLOCK: load a table and don't resume it. This formats a blank device.
era_load() {
	sectors=$1 block=$2
	dmsetup create era --noudevsync --notable
	dmsetup load era --table "0 $1 era $metadata_dev $origin_dev $2"
	truth load "$1" "$2"
}

# era_create SECTORS BLOCK [PENDING]: an active target. Where its origin is smaller than the one
# before, blocks past its end lose the eras before PENDING, by default all; later eras are in
# writesets that are not digested, and come back when the origin grows.
era_create() {
	sectors=$1 block=$2
	dmsetup create era --noudevsync --table "0 $1 era $metadata_dev $origin_dev $2"
	truth load "$1" "$2"
	truth resume "${3:-}"
	era_rolled
}

# The oldest era of which the committed metadata hold a writeset, the current one included; the era
# to come when there is none. What is older is in the era array alone.
era_oldest() {
	root=$(le_words 0 200 4)
	if [ "$(era_writesets)" != 0 ]; then
		le_words "$((root))" 32 4
	elif [ $(($(le_words 0 192 4))) != 0 ]; then
		echo "$era"
	else
		echo $((era + 1))
	fi
}

# era_start SECTORS BLOCK: as era_create, after any history that ended with the target removed or a
# crash.
era_start() {
	era_look "$1" "$2"
	era_create "$1" "$2" "$oldest"
}

# era_look SECTORS BLOCK: which eras will be pending past the end of a smaller origin is seen from
# the metadata, as long as nobody changes them. Sets $oldest for era_create.
era_look() {
	oldest=$(($(era_oldest)))
	truth starting "$1" "$2" "$oldest"
}

# era_resize SECTORS [PENDING]: in place, with PENDING as above.
era_resize() {
	sectors=$1
	dmsetup suspend era
	dmsetup load era --table "0 $1 era $metadata_dev $origin_dev $block"
	dmsetup resume era
	truth load "$1" "$block"
	truth resume "${2:-}"
	era_rolled
}

era_suspend() {
	dmsetup suspend era
}

era_resume() {
	dmsetup resume era
	truth resume
	era_rolled
}

era_remove() {
	dmsetup remove --noudevsync era
}

# era_write_sectors FIRST COUNT: one direct write.
era_write_sectors() {
	dd if=/dev/zero of="$target" bs=$(($2 * 512)) count=1 oflag=direct,seek_bytes \
		seek=$(($1 * 512)) 2>/run/dd || die "write $1 $2: $(cat /run/dd)"
	truth write "$1" "$2"
}

# era_write BLOCK [COUNT]: whole data blocks, one direct write for all of them.
era_write() {
	era_write_sectors $(($1 * block)) $((${2:-1} * block))
}

# era_write_all "FIRST COUNT"...: these sectors, all at once.
era_write_all() {
	for write; do
		# shellcheck disable=SC2086
		era_write_sectors $write &
	done
	wait
}

# A read marks nothing.
era_read_sectors() {
	dd if="$target" of=/dev/null bs=$(($2 * 512)) count=1 iflag=direct,skip_bytes \
		skip=$(($1 * 512)) 2>/run/dd || die "read $1 $2: $(cat /run/dd)"
}

era_message() {
	dmsetup message era 0 "$1"
}

era_checkpoint() {
	era_message checkpoint
	era_rolled
}

era_take_snapshot() {
	era_message take_metadata_snap
	era_rolled
	truth snap
}

era_drop_snapshot() {
	era_message drop_metadata_snap
	truth drop
}

# Takes a metadata snapshot, or drops the one that is held.
era_toggle_snapshot() {
	if [ $(($(le_words 0 216 4))) = 0 ]; then
		era_take_snapshot
	else
		era_drop_snapshot
	fi
}

# Where a status does no harm.
era_status() {
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	[ "$6" = "$era" ] || die "the target is in era $6, counted $era"
}

# le_words BLOCK OFFSET LENGTH: u32 words of a metadata block, past the page cache as the target is.
le_words() {
	dd if="$metadata_dev" bs=4096 skip="$1" count=1 iflag=direct 2>/dev/null |
		od -A n -v -t u4 -j "$2" -N "$3"
}

# The entries in the root of the committed writeset tree: 0 when there is nothing to digest.
era_writesets() {
	root=$(le_words 0 200 4)
	echo $(($(le_words "$((root))" 16 4)))
}

# Let the target digest to the end.
era_digest() {
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		era_status
		if [ "$(era_writesets)" = 0 ]; then
			truth digested
			return
		fi
		usleep $((try * 20000))
	done
	die "$(era_writesets) writesets were not digested"
}

# From here on this shell and its children go before the target's worker, so that writesets pile up.
era_hurry() {
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	chrt -f -p 1 $$
}

era_expect_writesets() {
	[ "$(era_writesets)" -ge "$1" ] || die "$(era_writesets) writesets are left, wanted $1"
}

# The power fails: nothing is stopped or flushed.
crash() {
	[ -b "$target" ] || die "nothing is active that could crash"
	fail_power
}

fail_power() {
	echo "guest: done"
	poweroff -nf
	sleep 60
}

# crash_during USECONDS COMMAND...: the power fails that much later, while the commands are carried
# out one after the other. Of one of them it may not be known whether it was done.
crash_during() {
	delay=$1
	shift
	for work; do
		$work
	done &
	usleep "$delay"
	fail_power
}

# A write to one block that says what it is about to do.
era_write_maybe() {
	truth maybe "$1" 1
	era_write_sectors "$1" 1
}
