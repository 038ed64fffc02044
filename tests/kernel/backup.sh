# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Incremental backup of a device that is written to all the time. The barrier is the tutorial's own
# script, in $folder/page. The stack, from above:
#	era	the target; its metadata are on /dev/ubda
#	slow	a delay, so that some writes are always marked but not yet done; a flush does not
#		wait for them
#	storage	what can be stopped for an instant, as storage does that makes snapshots
#	disk
# What an administrator does in the guest is done here, in the same order; what a generation leaves
# in $store, a folder of the host:
#	snapshot.G	the storage snapshot
#	ranges.G	what was written since the storage snapshot before
#	era.G		the era that belongs to this storage snapshot
# The host, which plays the machine with the backups, copies the ranges and compares. On the
# console:
#	figure: GENERATION WRITES_IN_FLIGHT_BEFORE AFTER ERA

disk=/dev/ubdb
store=/run/store
origin_dev=/dev/mapper/slow
target=/dev/mapper/era
block=8
disk_sectors=16384
# Writes are in flight for so long. They must still be when a storage snapshot is made right after a
# checkpoint, however slow the machine is.
milliseconds=500
[ "$order" != checkpoint ] || milliseconds=2500
PATH=$tools:$PATH

make_stack() {
	insert dm-delay
	dmsetup create storage --noudevsync --table "0 $disk_sectors linear $disk 0"
	dmsetup mknodes
	dmsetup create slow --noudevsync --table "0 $disk_sectors delay \
		/dev/mapper/storage 0 0 /dev/mapper/storage 0 $milliseconds /dev/mapper/storage 0 0"
	dmsetup mknodes
	mkdir "$store"
	mount -t hostfs none "$store" -o "$folder"
	mount -t tmpfs none /usr/local/etc
	echo "origin=$origin_dev" >/usr/local/etc/era-disk
}

# make_target SECTORS
make_target() {
	dmsetup create era --noudevsync --table "0 $1 era $metadata_dev $origin_dev $block"
	dmsetup mknodes
}

# writer SEED SECTORS: random data, random places below SECTORS.
writer() {
	RANDOM=$1
	while [ ! -e /run/stop ]; do
		count=$((RANDOM % 64 + 1))
		at=$(((RANDOM * 32768 + RANDOM) % ($2 - count)))
		dd if=/dev/urandom of="$target" bs=$((count * 512)) count=1 iflag=fullblock \
			oflag=direct,seek_bytes seek=$((at * 512)) 2>/run/dd."$1" ||
			{ echo "guest: a write failed: $(cat /run/dd."$1")"; return; }
		echo >>/run/written
	done
}

# writers SECTORS
writers() {
	for seed in 1 2 3 4 5 6; do
		writer $seed$boot "$1" &
	done
}

stop_writers() {
	touch /run/stop
	wait
}

# Some time of a generation's life.
write_some() {
	: >/run/written
	while [ "$(wc -l </run/written)" -lt 6 ]; do
		usleep 100000
	done
}

# Sets $in_flight to the number of writes that are marked and not yet done: those that the delay
# holds.
count_in_flight() {
	# shellcheck disable=SC2046
	set -- $(dmsetup status slow)
	in_flight=$5
}

await_in_flight() {
	tries=0
	count_in_flight
	while [ "$in_flight" -lt 3 ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || die "nobody writes"
		usleep 20000
		count_in_flight
	done
}

# What the storage does for "make a snapshot": of one instant, whatever is going on above.
storage_snapshot() {
	dmsetup suspend --nolockfs storage
	dd if="$disk" of="$store/snapshot.$1" bs=1M iflag=direct conv=fsync 2>/run/dd ||
		die "snapshot: $(cat /run/dd)"
	dmsetup resume storage
}

current_era() {
	dmsetup status era | awk '{ print $6 }'
}

# generation G: a storage snapshot and the era that belongs to it. With order=checkpoint, how not to
# do it. Writes of the era that ends must be in flight.
generation() {
	await_in_flight
	before=$in_flight
	if [ "$order" = checkpoint ]; then
		dmsetup message era 0 checkpoint
		current_era >"$store/era.$1"
	else
		bash "$store/page/era-barrier" >"$store/era.$1"
	fi
	count_in_flight
	storage_snapshot "$1"
	echo "figure: $1 $before $in_flight $(cat "$store/era.$1")"
}

# written_since GENERATION RANGES [OPTION...]: asked on the active device.
written_since() {
	since=$(cat "$store/era.$1") list=$2
	shift 2
	dmsetup message era 0 take_metadata_snap
	status=0
	era_invalidate -m --written-since "$since" --format ranges "$@" "$metadata_dev" \
		>"$store/$list" 2>"$store/said" || status=$?
	dmsetup message era 0 drop_metadata_snap
}

# incremental G
incremental() {
	write_some
	generation "$1"
	written_since $(($1 - 1)) "ranges.$1"
	[ $status = 0 ] || die "era_invalidate: $status: $(cat "$store/said")"
}

# Generations $from to $to, the first one of all in full.
boot_1() {
	make_stack
	make_target $disk_sectors
	writers $disk_sectors
	generation=$from
	if [ "$generation" = 0 ]; then
		for n in 1 2 3 4; do
			dmsetup message era 0 checkpoint
		done
		write_some
		generation 0
		generation=1
	fi
	while [ "$generation" -le "$to" ]; do
		incremental "$generation"
		generation=$((generation + 1))
	done
	sync
	if [ "$end" = crash ]; then
		write_some
		await_in_flight
		echo "figure: crash $in_flight"
		target=/dev/dm-0 crash
	fi
	stop_writers
	era_remove
}

# The same after another boot.
boot_2() {
	boot_1
}

# resize SECTORS
resize() {
	dmsetup suspend era
	dmsetup load era --table "0 $1 era $metadata_dev $origin_dev $block"
	dmsetup resume era
}

# Between two generations the device shrinks, what waits is digested, and it grows: to more than it
# had. The host's words are the sizes.
boot_3() {
	make_stack
	make_target "$first"
	writers "$smallest"
	write_some
	generation 0
	dd if=/dev/urandom of="$target" bs=64K count=1 oflag=direct,seek_bytes \
		seek=$((smallest * 512)) 2>/run/dd || die "$(cat /run/dd)"
	resize "$smallest"
	era=$(current_era)
	era_digest
	resize $disk_sectors
	write_some
	generation 1
	written_since 0 ranges.none
	written_since 0 ranges.first --old-size "${first}s"
	written_since 0 ranges.smallest --old-size "${smallest}s"
	[ $status = 0 ] || die "era_invalidate: $status: $(cat "$store/said")"
	stop_writers
	era_remove
}

# New metadata, while generation 1 and its era are remembered. What is asked next comes too early;
# but the era comes again.
boot_4() {
	make_stack
	make_target $disk_sectors
	writers $disk_sectors
	write_some
	generation 2
	written_since 1 ranges.early
	echo "early: $status $(cat "$store/said")"
	while [ "$(current_era)" -le "$(cat "$store/era.1")" ]; do
		dmsetup message era 0 checkpoint
	done
	written_since 1 ranges.2
	echo "late: $status $(cat "$store/said")"
	stop_writers
	era_remove
}
