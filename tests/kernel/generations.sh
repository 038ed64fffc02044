# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A mounted filesystem on the stack
#	era -> slow -> vg/volume
# is backed up again and again while several processes write to it, with the commands of
# online-backup.sh, and between two backups something happens: the functions event_*. The storage
# stays from one boot to the next, and so does what is in $folder, of the host:
#	T T.era			the backup
#	old old.era		one of its generations
#	other other.era		the backup of another disk
#	meta.old		metadata as they were before one of the backups
# On the console, beside what online-backup.sh says:
#	answer: event WHAT
# Words of the kernel's command line: storage, fs, first, events (with commas between), draw, end,
# folder, helpers.

. "${scenario%/*}/online-backup.sh"
TMPDIR=/run
export TMPDIR

data=/run/data
tab=$store/eratab
target=/dev/mapper/era
metadata_sectors=16384
volume_bytes=$((24 << 20))
block=8
nr_writers=4
# Of one MiB: what is written while a snapshot is there is not all that much.
snapshot_extents=16

# The storage.

make_volume() {
	start_lvm
	case $storage in
	lvm) lvcreate -q -y -Zn -Wn -l $((volume_bytes >> 20)) -n volume vg 2>/dev/null ;;
	thin) lvcreate -q -y -T -l 96 --poolmetadatasize 2M -V $((volume_bytes >> 20))M \
		-n volume vg/pool ;;
	esac
}

open_volume() {
	open_lvm
	vgchange -q -a y vg
	snapshot=/dev/vg/snap
}

slow_table() {
	sectors=$(blockdev --getsz $volume)
	echo "0 $sectors delay $volume 0 0 $volume 0 5"
}

make_filesystem() {
	case $fs in
	ext4) mkfs.ext4 -q -E nodiscard /dev/mapper/slow ;;
	# So small a one is made for tests only.
	xfs) TEST_DIR=x TEST_DEV=x QA_CHECK_FS=x mkfs.xfs -q -K /dev/mapper/slow ;;
	esac
}

# The target: started by era setup, or by somebody's own script.

setup() {
	era_setup --eratab $tab "$@" >/run/said 2>&1 || die "era setup $*: $(cat /run/said)"
}

start_plainly() {
	sectors=$(blockdev --getsz /dev/mapper/slow)
	device era "0 $sectors era /dev/mapper/meta /dev/mapper/slow $block"
	echo 0 >"/sys/block/$(era_node)/queue/discard_max_bytes"
}

era_node() {
	echo "dm-$(dmsetup info -c --noheadings -o minor era)"
}

start() {
	if [ $((RANDOM % 2)) = 0 ]; then
		setup activate era
	else
		start_plainly
	fi
	mount -t $fs $target $data
	load
}

# The load: files that come, change and go, some of them flushed.
writer() {
	RANDOM=$((draw + $1))
	while :; do
		file=$data/$1.$((RANDOM % 7))
		case $((RANDOM % 8)) in
		0) rm -f "$file" ;;
		1) [ ! -e "$file" ] || mv "$file" $data/$1.$((RANDOM % 7)) ;;
		2 | 3) dd if=/dev/urandom of="$file" bs=4k count=$((RANDOM % 48 + 1)) ;;
		4) dd if=/dev/urandom of="$file" bs=4k count=$((RANDOM % 8 + 1)) conv=fsync ;;
		5) dd if=/dev/zero of="$file" bs=4k count=$((RANDOM % 24 + 1)) conv=notrunc ;;
		*) dd if=/dev/urandom of="$file" bs=4k seek=$((RANDOM % 40)) count=1 \
			oflag=direct conv=notrunc ;;
		esac 2>/dev/null
		usleep $((RANDOM % 40 * 1000))
	done
}

load() {
	for n in $(seq $nr_writers); do
		writer "$n" &
		all="$all $!"
	done
}

leave() {
	stop
	until umount $data 2>/dev/null; do
		usleep 50000
	done
}

finish() {
	leave
	if [ $((RANDOM % 2)) = 0 ]; then
		setup deactivate era
	else
		dmsetup remove --noudevsync era
	fi
}

# What must be: after nothing but writes, an increment; after a mistake, everything.

next() {
	if [ -e $store/made ]; then
		backup --incremental-only "$@"
	else
		backup "$@"
		touch $store/made
	fi
}

# everything [OPTION...]: a full backup, or a list of all.
everything() {
	backup "$@"
	case $(kind_and_bytes) in
	full*) ;;
	*" $(blockdev --getsize64 $target)") ;;
	*) die "not everything was copied: $(kind_and_bytes) $(cat /run/said)" ;;
	esac
}

# full [OPTION...]
full() {
	backup "$@"
	case $(kind_and_bytes) in full*) ;; *) die "not a full backup: $(cat /run/said)" ;; esac
}

# is_refused STATUS TEXT COMMAND...: and TARGET stays as it is.
is_refused() {
	wanted=$1 text=$2 status=0
	shift 2
	cp $store/T /run/store/before
	"$@" || status=$?
	[ $status = "$wanted" ] || die "ended with $status: $(cat /run/said)"
	grep -q "$text" /run/said || die "$(cat /run/said)"
	cmp $store/T $store/before || die "T was changed"
	rm $store/before
}

# What happens.

event_nothing() {
	next
}

event_killed() {
	killed $((RANDOM % 1500))
	next
}

event_killed_often() {
	for n in 1 2 3; do
		killed $((RANDOM % 1500))
	done
	next
}

event_grow() {
	lvextend -q -l +1 vg/volume >/dev/null 2>&1 || lvextend -q -L +1M vg/volume
	swap slow "$(slow_table)"
	setup resize era
	case $fs in
	ext4) resize2fs $target ;;
	xfs) xfs_growfs $data ;;
	esac >/run/grown 2>&1 || die "$(cat /run/grown)"
	rm -f $store/meta.old
	next
}

# T is another generation than its state says.
event_swapped() {
	next
	cmp -s $store/T $store/old || full_after_swap
}

full_after_swap() {
	[ ! -e $store/old ] || cp $store/old $store/T
	[ -e $store/old ] || dd if=/dev/zero of=$store/T bs=64k conv=notrunc \
		count=$(($(stat -c %s $store/T) / 65536)) 2>/dev/null
	full
}

# A whole generation is remembered, and put back later.
event_remember() {
	next
	cp $store/T $store/old
	cp $store/T.era $store/old.era
}

# No increment leads on from a generation of other metadata.
forget() {
	rm -f $store/old $store/old.era
}

event_put_back() {
	if [ -e $store/old ]; then
		cp $store/old $store/T
		cp $store/old.era $store/T.era
	fi
	next
}

# The backup of another disk.
event_other() {
	next
	mv $store/T $store/T.own
	mv $store/T.era $store/T.era.own
	cp $store/other $store/T
	cp $store/other.era $store/T.era
	is_refused 4 "is a backup of another origin" run
	mv $store/T.own $store/T
	mv $store/T.era.own $store/T.era
	next
}

event_no_state() {
	next
	mv $store/T.era $store/T.era.own
	is_refused 4 "has no state" run
	mv $store/T.era.own $store/T.era
	next
}

event_damaged_state() {
	next
	cp $store/T.era $store/T.era.own
	printf x | dd of=$store/T.era bs=1 seek=30 conv=notrunc 2>/dev/null
	is_refused 1 "T.era" run
	mv $store/T.era.own $store/T.era
	next
}

event_cut() {
	next
	truncate -s $(($(stat -c %s $store/T) - 4096)) $store/T
	full
}

event_gone() {
	next
	rm $store/T
	full
}

event_held() {
	next
	message take_metadata_snap
	is_refused 4 "a metadata snapshot is held that is not this backup's" run
	message drop_metadata_snap
	next
}

# Somebody begins eras all the time.
event_messages() {
	rm -f /run/quiet
	while [ ! -e /run/quiet ]; do
		message checkpoint
		usleep 20000
	done &
	next
	touch /run/quiet
	wait $!
}

# Somebody takes and drops metadata snapshots, for which a backup may have to fail. What Linux says
# of messages that come too late is not for the console.
event_meddled() {
	next
	dmesg -n 1
	rm -f /run/quiet
	disturb 2>/dev/null &
	meddler=$!
	for n in 1 2; do
		status=0
		run || status=$?
		case $status in
		0) answer "$(cat /run/compared)" ;;
		3 | 4) answer "ended $status" ;;
		*) die "$status: $(cat /run/said)" ;;
		esac
	done
	touch /run/quiet
	wait $meddler || :
	! message drop_metadata_snap 2>/dev/null || answer "a metadata snapshot was left"
	dmesg -n 4
	next
}

event_full() {
	full --full
}

event_verified() {
	stop
	next --verify
	load
}

event_discard() {
	! fstrim $data 2>/dev/null || die "a discard has passed"
	next
}

# Metadata made anew: by era format, or by the kernel, which begins at era 1.
event_anew() {
	next
	finish
	if [ $((RANDOM % 2)) = 0 ]; then
		era_format -q --force --block-size $((block * 512)) \
			--device-size $(($(blockdev --getsz /dev/mapper/slow) * 512)) \
			/dev/mapper/meta >/run/era
	else
		dd if=/dev/zero of=/dev/mapper/meta bs=4k count=1 oflag=direct 2>/dev/null
		start_plainly
		dmsetup remove --noudevsync era
	fi
	rm -f $store/meta.old
	forget
	start
	everything
}

# Metadata are copied while the target is stopped, and put back after another backup.
event_copy() {
	finish
	dd if=/dev/mapper/meta of=$store/meta.old bs=64k iflag=direct 2>/dev/null
	start
	next
}

event_older() {
	[ -e $store/meta.old ] || event_copy
	usleep 500000
	next
	finish
	dd if=$store/meta.old of=/dev/mapper/meta bs=64k oflag=direct 2>/dev/null
	rm $store/meta.old
	forget
	start
	everything
}

# The target is stopped and started again.
event_restart() {
	finish
	start
	next
}

# The backup of another disk, of which nothing is left but that.
make_other() {
	dd if=/dev/urandom of=/run/disk bs=64k count=16 2>/dev/null
	era_format -q --block-size 4k --device-size 1M /run/meta >/run/era
	era_backup -q --offline /run/meta --source /run/disk $store/other
	rm /run/disk /run/meta
}

begin_generations() {
	insert dm-delay
	if [ "$first" = yes ]; then
		make_volume
	else
		open_volume
	fi
	volume=/dev/vg/volume
	open_store
	device slow "$(slow_table)"
	dmsetup remove --noudevsync origin
	device meta "0 $metadata_sectors linear $metadata_dev 0"
	mkdir $data
	mount -t tmpfs none /var/lib
	write_commands
	[ "$first" = yes ] || return 0
	make_other
	make_filesystem
	setup --origin /dev/mapper/slow --metadata /dev/mapper/meta \
		--block-size $((block * 512)) create era
}

boot_1() {
	begin_generations
	RANDOM=$draw
	start
	for event in $(echo "$events" | tr , ' '); do
		usleep $((RANDOM % 1000 * 1000))
		answer "event $event"
		"event_$event"
	done
	case $end in
	stop) finish ;;
	crash) crash ;;
	backup)
		run &
		usleep $((RANDOM % 2000 * 1000))
		crash
		;;
	esac
}
