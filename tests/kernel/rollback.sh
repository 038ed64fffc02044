# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era rollback, over the stack of cache.sh. The disk is rolled back by a copy of the vendor's
# snapshot, as a COMMAND. The host judges what read_all says: how much the cache holds, what reads
# wrong through it, and its hits.
#
#	mode		of the cache
#	steps		tests/lib/steps.so
#	first_step, every	which steps a run is killed before
#	cut		the step before which the power fails

. "${scenario%/*}/cache.sh"
export DM_DISABLE_UDEV=1

progress=/run/progress
backup=$spare_disk

rollback() {
	era_rollback --state $progress "$@"
}

# command NAME: makes the command /run/NAME of standard input.
command_of() {
	{
		echo '#!/bin/sh'
		echo set -e
		cat
	} >/run/"$1"
	chmod +x /run/"$1"
}

make_commands() {
	command_of back <<-E
		dd if=$vendor of=$disk bs=1M iflag=direct oflag=direct 2>/run/dd
	E
	command_of killed <<-E
		kill -9 \$(cat /run/pid)
	E
	command_of back_killed <<-E
		/run/back
		kill -9 \$(cat /run/pid)
	E
	command_of killed_slow <<-E
		kill -9 \$(cat /run/pid)
		sleep 4
		/run/back
	E
	command_of half <<-E
		dd if=$vendor of=$disk bs=1M count=1 iflag=direct oflag=direct 2>/run/dd
		exit 7
	E
	command_of barely <<-E
		/run/back
		dd if=/dev/zero of=$disk bs=512 seek=$((27 * 64 + 40)) count=1 oflag=direct 2>/run/dd
	E
	command_of barely_killed <<-E
		/run/barely
		kill -9 \$(cat /run/pid)
	E
	command_of left <<-E
		dmsetup create era --noudevsync --table "\$(cat /run/table.era)"
		dmsetup create cache --noudevsync --table "\$(cat /run/table.cache)"
		dmsetup mknodes
		for turn in 1 2 3 4; do
			dd if=/dev/mapper/cache of=/dev/null bs=64k iflag=direct 2>/run/dd
		done
		/run/back
	E
	command_of used <<-E
		/run/left
		dmsetup remove --noudevsync cache
		dmsetup remove --noudevsync era
	E
	command_of elsewhere <<-E
		/run/back
		dd if=/dev/zero of=$disk bs=4096 seek=1000 count=300 oflag=direct 2>/run/dd
	E
	command_of elsewhere_killed <<-E
		/run/back
		dd if=/dev/urandom of=$disk bs=4096 seek=1000 count=300 oflag=direct 2>/run/dd
		kill -9 \$(cat /run/pid)
	E
}

# in_use: the stack with mappings of all kinds, some stale; $since and $vendor are the snapshot.
in_use() {
	stack_create "$mode"
	snapshot_onto $vendor
	overwrite
	# In passthrough mode nothing new is cached.
	[ "$mode" = passthrough ] || use 4 put_blocks 140 8
	dmsetup table cache >/run/table.cache
	dmsetup table era >/run/table.era
	discards_off
	make_commands
}

discards_off() {
	echo 0 >"$(queue_file era discard_max_bytes)"
}

# discards_on: by a new load of the table; what is 0 can't be set in newer kernels.
discards_on() {
	dmsetup suspend cache
	dmsetup suspend era
	dmsetup load era --table "$(cat /run/table.era)"
	dmsetup resume era
	dmsetup resume cache
	[ "$(cat "$(queue_file era discard_max_bytes)")" != 0 ] || die "discards are off"
}

# as_before: both tables are.
as_before() {
	for name in cache era; do
		dmsetup table $name >/run/table
		/usr/bin/cmp /run/table /run/table.$name || die "another table of $name"
	done
	[ "$(cat "$(queue_file era discard_max_bytes)")" = 0 ] || die "discards are on"
}

# reads NAME: through the cache as it is.
reads() {
	figure "$1-mapped" "$(cache_status mapped)"
	hits=$(cache_status hits)
	figure "$1-stale" "$(differing /dev/mapper/cache $disk)"
	figure "$1-hits" $(($(cache_status hits) - hits))
}

# coherent NAME
coherent() {
	as_before
	[ "$mode" != passthrough ] || cache_mode writethrough
	reads "$1"
}

rolled_back() {
	[ "$(differing $disk $vendor)" = 0 ] || die "the disk is not the snapshot"
}

stop_all() {
	cache_remove
	era_remove
}

# What is written down must be sound, too.
sound() {
	stop_all
	cache_check -q $cache_meta || die "cache_check"
	era_check -q $metadata_dev || die "era_check"
}

# A backup of the disk, of the era $remembered.
back_up() {
	era_suspend
	copy $disk $backup
	era_resume
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	remembered=$6
}

# The next backup, incremental, of a stopped disk.
back_up_again() {
	era_invalidate --written-since "$remembered" --format ranges --unit sectors $metadata_dev \
		>/run/ranges || die era_invalidate
	while read -r first count; do
		dd if=$disk of=$backup bs=512 skip="$first" seek="$first" count="$count" \
			iflag=direct oflag=direct 2>/run/dd || die "$(cat /run/dd)"
	done </run/ranges
	figure backup-differs "$(differing $disk $backup)"
}

boot_rolled() {
	in_use
	figure before-mapped "$(cache_status mapped)"
	back_up
	put_blocks 30 2
	ends 0 rollback --dry-run --era "$since" --exec /run/back cache
	has "would: cache: "
	has "would: era: "
	as_before
	[ ! -e $progress ] || die "a dry run has written"
	dropped=$(sed -n 's/^would: cache: \([0-9]*\) of .* are dropped.*/\1/p' /run/out)
	figure dropped "$dropped"
	marked=$(sed -n 's/^would: era: \(.* are marked\).*/\1/p' /run/out)

	ends 0 rollback --era "$since" --exec /run/back cache
	# Cleaning writes to blocks, and so marks them and their neighbours.
	if [ "$mode" != writeback ]; then
		has "cache: $dropped of "
		has "era: $marked"
	fi
	[ ! -e $progress ] || die "the progress stays"
	rolled_back
	coherent rolled
	sound
	back_up_again
}

# hints FILE: of those that are mapped, as cache_dump has them.
hints() {
	grep -o '<hint .*' "$1"
}

# What the kernel writes down when it is stopped at once comes from the hints that it has read: it
# moves some blocks by some levels, of which there are 64, but without hints all are at random.
boot_hints() {
	in_use
	command_of dumped <<-E
		/run/back
		cache_check -q $cache_meta
		cache_dump $cache_meta >/run/new
	E
	export PATH
	ends 0 rollback --era "$since" --exec /run/dumped cache
	kept=$(sed -n 's/.* mappings are dropped, \([0-9]*\) stay$/\1/p' /run/out)
	[ "$(grep -c '<mapping ' /run/new)" = "$kept" ] || die "not $kept mappings"
	for block in 0 11 20 21 24 105 140 511; do
		! grep -q "origin_block=\"$block\"" /run/new || die "block $block is stale"
	done
	[ "$(hints /run/new | wc -l)" = "$kept" ] || die "not $kept hints"
	hints /run/new | sed 's/.*data=//' | sort -u >/run/levels
	[ "$(wc -l </run/levels)" -gt 4 ] || die "few levels"
	stop_all
	cache_dump $cache_meta >/run/kernel
	hints /run/new >/run/hints.new
	hints /run/kernel >/run/hints.kernel
	same=$(/bin/grep -cxFf /run/hints.new /run/hints.kernel)
	[ "$same" -ge $((kept / 4)) ] || die "only $same of $kept hints are the same"
	figure hinted "$kept"
}

# The origin fails while the cache is cleaned.
boot_unclean() {
	dmsetup create below --noudevsync --table "0 $disk_sectors linear $disk 0"
	dmsetup mknodes
	origin_dev=/dev/mapper/below
	in_use
	[ "$(cache_status dirty)" != 0 ] || die "nothing is dirty"
	dmsetup suspend --noflush below
	dmsetup load below --table "0 $disk_sectors error"
	dmsetup resume below
	dmesg -n 1
	ends 3 rollback --limit 1 --era "$since" --exec /run/back cache
	has "cache blocks are still dirty"
	dmesg -n 4
	dmsetup table cache >/run/table
	/usr/bin/cmp /run/table /run/table.cache || die "another table"
	[ ! -e $progress ] || die "progress"
	dmsetup suspend --noflush below
	dmsetup load below --table "0 $disk_sectors linear $disk 0"
	dmsetup resume below
	ends 0 rollback --era "$since" --exec /run/back cache
	has "dirty cache blocks are written"
	rolled_back
	coherent unclean
	sound
}

# On to a later snapshot, after a rollback to one before it, with the era that it was taken in.
boot_forward() {
	in_use
	copy $vendor $spare_data
	first=$since
	generation=3
	put_blocks 2 3
	put_blocks 145 4
	if [ "$mode" = writeback ]; then
		cache_mode writethrough cleaner
		clean_up
		cache_mode "$mode"
	fi
	snapshot_onto $vendor
	second=$since
	put_blocks 110 3
	copy $vendor $backup
	copy $spare_data $vendor
	ends 0 rollback --era "$first" --exec /run/back cache
	rolled_back
	reads first
	get_blocks 0 30
	get_blocks 100 20
	get_blocks 140 8
	copy $backup $vendor
	ends 0 rollback --era "$second" --exec /run/back cache
	rolled_back
	reads second
	sound
}

# Nothing is touched.
boot_refused() {
	in_use
	discards_on
	ends 4 rollback --era "$since" --exec /run/back cache
	has "passes discards to era"
	ends 0 rollback --era "$since" --exec /run/back --drop-all --dry-run cache
	has " mappings are dropped, 0 stay"
	has "era: 1024 of 1024 blocks"
	discards_off
	ends 3 rollback --era "$since" --exec /run/back era
	ends 3 rollback --era "$since" --exec /run/back none
	dmsetup create above --noudevsync --table "0 64 linear /dev/mapper/cache 0"
	ends 3 rollback --era "$since" --exec /run/back cache
	has "is in use"
	dmsetup remove --noudevsync above
	ends 4 rollback --era 4000000000 --exec /run/back cache
	has "the devices are as they were"
	as_before
	ends 0 rollback --status cache
	has "no rollback was interrupted"
	ends 0 rollback --cancel cache
	has "no rollback was interrupted"
	reads refused
	sound
}

# What COMMAND may do wrong.
boot_commands() {
	in_use
	ends 3 rollback --era "$since" --exec false cache
	has "ended with status 1"
	has "the devices are as they were"
	coherent failed
	ends 3 rollback --era "$since" --exec true cache
	has "has changed none of"
	[ ! -e /dev/mapper/cache ] || die "started"
	ends 3 rollback --era "$since" --exec true cache
	has "has changed none of"
	ends 0 rollback --status cache
	has "the storage has not been rolled back"
	ends 3 rollback --era $((since + 1)) --exec true cache
	has "a rollback to era $since was interrupted"
	ends 0 rollback --cancel cache
	coherent cancelled

	# Of a run that was killed it is known whether its command had done anything.
	run_killed killed
	ends 3 rollback --era "$since" --exec true cache
	has "has changed none of"
	ends 3 rollback --era "$since" --exec true cache
	has "has changed none of"
	ends 0 rollback --cancel cache
	coherent idle

	ends 3 rollback --era "$since" --exec /run/half cache
	has "after it had changed blocks"
	ends 0 rollback --era "$since" --exec /run/back cache
	rolled_back
	coherent half
	put_blocks 60 4
	run_killed back_killed
	ends 0 rollback --era "$since" --exec true cache
	has "the interrupted run had done it"
	rolled_back
	coherent done-before

	generation=3
	put_blocks 4 2
	ends 3 rollback --era "$since" --exec /run/elsewhere cache
	has "blocks have changed that were not written since era"
	has " 1024 of 1024 blocks "
	[ ! -e $progress ] || die "the progress stays"
	coherent elsewhere

	# One sector of another snapshot, which the cache holds.
	use 1 put_blocks 27 1
	snapshot_onto $vendor
	overwrite
	ends 3 rollback --era "$since" --exec /run/barely cache
	has "blocks have changed that were not written since era"
	coherent barely

	# The same, by a run that was killed: nothing was there to compare when that was gone.
	use 1 put_blocks 27 1
	snapshot_onto $vendor
	overwrite
	run_killed barely_killed
	ends 3 rollback --era "$since" --done cache
	has "blocks have changed that were not written since era"
	has " 1024 of 1024 blocks "
	coherent barely-done

	# Nor was it cached.
	for then in --done "--exec true" --cancel; do
		use 1 put_blocks 27 1
		snapshot_onto $vendor
		overwrite
		run_killed elsewhere_killed
		to=--era=$since
		[ "$then" != --cancel ] || to=
		# shellcheck disable=SC2086
		ends 3 rollback $to $then cache
		has "blocks have changed that were not written since era"
		has " 1024 of 1024 blocks "
		coherent "elsewhere-killed $then"
	done

	# What the command has read is in the cache once more.
	use 1 put_blocks 27 1
	snapshot_onto $vendor
	overwrite
	put_blocks 60 4
	ends 0 rollback --quick --era "$since" --exec /run/used cache
	has "the command has used the devices"
	rolled_back
	coherent used
	put_blocks 60 4
	ends 3 rollback --era "$since" --exec /run/left cache
	has "the command has left it active"
	discards_off
	ends 0 rollback --quick --era "$since" --done cache
	rolled_back
	coherent left
	put_blocks 60 4
	ends 3 rollback --era "$since" --exec /run/left cache
	discards_off
	ends 0 rollback --cancel cache
	coherent left-cancelled

	# Killed when another snapshot was there already, and put back: the cache is emptied.
	use 1 put_blocks 27 1
	snapshot_onto $vendor
	overwrite
	run_killed barely_killed
	ends 0 rollback --status cache
	has "the command was begun"
	ends 3 rollback --cancel cache
	has "blocks have changed that were not written since era"
	has " 1024 of 1024 blocks "
	coherent barely-cancelled
	sound
}

# run_killed COMMAND: which kills the run.
run_killed() {
	status=0
	# shellcheck disable=SC2016
	sh -c 'echo $$ >/run/pid; exec era_rollback "$@"' - --state $progress --era "$since" \
		--exec "/run/$1" cache 2>/run/out || status=$?
	[ $status = 137 ] || die "$1: status $status: $(cat /run/out)"
}

# stopped_at N HOW: a run that is stopped before its Nth step, as tests/lib/steps.c counts them, or
# before it removes the file N.
# False: it had no such step.
stopped_at() {
	rm -f /run/steps
	status=0
	LD_PRELOAD=$steps STEPS=$1:$2 STEPS_LOG=/run/steps era_rollback --state $progress \
		--era "$since" --exec /run/back cache 2>/run/out || status=$?
	[ $status != 0 ] || return
	[ $status = 137 ] || die "step $1: status $status: $(cat /run/out)"
	echo "stopped: before step $1, $(tail -n 1 /run/steps)"
	# What the kernel was doing for it comes to its end; and udev would make the node.
	usleep 20000
	dmsetup mknodes
}

# What to do next is said, and nothing is said to be there where nothing was begun.
advised() {
	ends 0 rollback --status cache
	if [ -e $progress ]; then
		has "run it again"
	else
		has "no rollback was interrupted"
		is_there cache || die "stopped, and nobody knows"
	fi
}

is_there() {
	[ "$(dmsetup table "$1" 2>/run/info)" ]
}

# by_boot_scripts: both are there as after any start, which finds nothing half made.
by_boot_scripts() {
	for name in cache era; do
		is_there $name || dmsetup resume $name 2>/run/info || :
		is_there $name || dmsetup remove --noudevsync $name 2>/run/info || :
	done
	is_there era || dmsetup create era --noudevsync --table "$(cat /run/table.era)"
	discards_off
	is_there cache ||
		dmsetup create cache --noudevsync --table "$(cat /run/table.cache)"
	dmsetup mknodes
}

# finished NAME: by running it again.
finished() {
	ends 0 rollback --era "$since" --exec /run/back cache
	rolled_back
	coherent "$1"
	generation=3
	put_blocks 3 2
	put_blocks 107 1
}

boot_killed() {
	in_use
	for kill in killed back_killed; do
		run_killed $kill
		ends 0 rollback --status cache
		has "the command was begun"
		by_boot_scripts
		reads $kill
		cache_remove
		era_remove
		ends 0 rollback --era "$since" --exec /run/back cache
		rolled_back
		coherent $kill-again
		generation=3
		put_blocks 3 2
	done
	# The command goes on, so nothing else is done meanwhile.
	run_killed killed_slow
	ends 3 rollback --era "$since" --exec /run/back cache
	has "cache: another rollback is being done, or the command"
	sleep 5
	ends 0 rollback --era "$since" --done cache
	rolled_back
	coherent after-slow
	generation=3
	put_blocks 3 2
	run_killed back_killed
	ends 0 rollback --era "$since" --done cache
	rolled_back
	coherent done
	put_blocks 3 2
	sound
}

# again_stale ROUND: one more of the blocks that the cache holds, and that were not written since
# the snapshot, is written.
again_stale() {
	generation=3
	# shellcheck disable=SC2046
	set -- "$1" $(seq 1 10) $(seq 12 19) 22 23 $(seq 25 29) $(seq 100 104) $(seq 109 119) \
		$(seq 236 254)
	shift "$1"
	put_blocks "$1" 1
}

# is_over: what is written down first is removed, so nothing is left to do.
is_over() {
	[ ! -e $progress ] && grep -q unlink /run/steps
}

# Killed before every step, or every so many. After every second kill the devices are started as
# they are, before it is run again.
boot_steps() {
	in_use
	step=$first_step round=0
	while stopped_at "$step" kill; do
		advised
		round=$((round + 1)) name=stopped-again
		if [ $((round % 2)) = 0 ]; then
			by_boot_scripts
			# What is dirty was not rolled back.
			[ "$(cache_status dirty)" != 0 ] || reads started
			name=started-again
		fi
		is_over || ends 0 rollback --era "$since" --exec /run/back cache
		rolled_back
		coherent $name
		again_stale $round
		step=$((step + every))
	done
	sed 's/^/step: /' /run/steps
	figure steps "$(wc -l </run/steps)"
	figure killed "$round"
	rolled_back
	coherent whole
	sound
}

# stopped_done: of a rollback nothing but the file is left, which is to be removed.
stopped_done() {
	generation=3
	put_blocks 3 2
	put_blocks 107 1
	stopped_at $progress kill || die "the progress was not removed"
	ends 0 rollback --status cache
	has "the storage has been rolled back"
	rolled_back
}

# used: as after days. The cache has taken in some of what is written.
used() {
	generation=2
	put_blocks 4 1
	use 2 put_blocks 150 4
	[ "$(differing /dev/mapper/cache $vendor)" != 0 ] || die "nothing was written"
}

# over NAME [WORD...]: the request is repeated, and nothing was written: no command runs.
over() {
	name=$1
	shift
	ends 0 rollback --era "$since" --exec false "$@" cache
	has "nothing was written since"
	[ ! -e $progress ] || die "the progress stays"
	rolled_back
	coherent "$name"
}

# A run is stopped when all but the removal of its file is done, and another one is asked for.
boot_over() {
	in_use
	stopped_done
	over at-once
	stopped_done
	get_blocks 0 30
	stop_all
	over stopped-unused
	for second in 2 10 18; do
		stopped_done
		stopped_at $second kill || die "no step $second"
		over stopped-again
	done

	stopped_done
	used
	ends 0 rollback --era "$since" --exec /run/back cache
	has "it is rolled back again"
	rolled_back
	coherent used

	stopped_done
	used
	ends 3 rollback --era "$since" --exec true cache
	has "has changed none of"
	ends 0 rollback --cancel cache
	as_before

	# Of a run that has not noted the era of its marks it is not known.
	stopped_done
	sed -i '/^marked-era /d' $progress
	ends 0 rollback --era "$since" --exec /run/back cache
	has "it is rolled back again"
	has "the command has changed nothing"
	rolled_back
	coherent unknown

	# By hand: what the cache holds of the writes is not what the disk has.
	stopped_done
	used
	[ "$mode" != writeback ] || clean_by_hand
	copy $vendor $disk
	ends 0 rollback --era "$since" --done cache
	[ ! -e $progress ] || die "the progress stays"
	rolled_back
	coherent by-hand

	stopped_done
	earlier=$since
	used
	snapshot_to_era
	overwrite
	ends 0 rollback --era "$since" --exec /run/back cache
	has "has rolled the storage back to era $earlier, and is over"
	rolled_back
	coherent another

	# By hand, to another snapshot, while nothing was written.
	stopped_done
	dd if=/dev/zero of=$disk bs=32k seek=12 count=18 oflag=direct 2>/run/dd
	dd if=/dev/zero of=$disk bs=32k seek=236 count=19 oflag=direct 2>/run/dd
	ends 3 rollback --era "$since" --done cache
	has "blocks have changed that were not written since era"
	coherent elsewhere
	sound
}

clean_by_hand() {
	cache_mode writethrough cleaner
	clean_up
	cache_mode "$mode"
}

# snapshot_to_era: what the disk has of a cache that is clean.
snapshot_to_era() {
	[ "$mode" != writeback ] || clean_by_hand
	snapshot_onto $vendor
}

boot_crash_before() {
	in_use
}

# at_host: the progress is where the next boot finds it.
at_host() {
	mkdir /run/host
	mount -t hostfs none /run/host -o "${ink%/*}"
	progress=/run/host/progress
}

# The power fails when COMMAND has done its work.
boot_power_cut() {
	in_use
	at_host
	command_of back_off <<-E
		/run/back
		sync
		/bin/busybox sh -c 'echo o >/proc/sysrq-trigger' || :
		sleep 100
	E
	sed "s,^,table: cache ," /run/table.cache
	sed "s,^,table: era ," /run/table.era
	echo "guest: done"
	rollback --era "$since" --exec /run/back_off cache
}

# Activated as at each start, with what the host has kept of the tables.
boot_power_back() {
	insert dm-cache-smq
	at_host
	make_commands
	dmsetup mknodes
	ends 0 rollback --status cache
	has "the machine was started since"
	ends 3 rollback --era "$since" --exec /run/back cache
	has "activate the devices as at each start"
	tail -n 1 /run/host/tables.cache >/run/table.cache
	tail -n 1 /run/host/tables.era >/run/table.era
	by_boot_scripts
	reads booted
	ends 0 rollback --era "$since" --done cache
	rolled_back
	coherent finished
	sound
}

# cut: the power fails before step $cut, or there is no such step.
cut() {
	for name in cache era; do
		sed "s,^,table: $name ," /run/table.$name
	done
	echo "guest: done"
	! stopped_at "$cut" off || die "the power is still on"
	figure whole "$(wc -l </run/steps)"
}

boot_cut_first() {
	in_use
	at_host
	cut
}

# After any start, run again; then the next one is cut.
boot_cut_next() {
	insert dm-cache-smq
	at_host
	make_commands
	dmsetup mknodes
	cp /run/host/tables.* /run
	for name in cache era; do
		mv /run/tables.$name /run/table.$name
	done
	by_boot_scripts
	advised
	# Before that, a writeback cache has what the disk has yet to get.
	[ "$(differing $disk $vendor)" != 0 ] || reads booted
	ends 0 rollback --era "$since" --exec /run/back cache
	rolled_back
	coherent finished
	again_stale "$round"
	cut
}

# What lies below is a volume with a snapshot, both without LVM; the snapshot is merged.
boot_merge() {
	insert dm-snapshot
	dmsetup create base --noudevsync --table "0 $disk_sectors linear $disk 0"
	dmsetup create volume --noudevsync --table "0 $disk_sectors linear $disk 0"
	dmsetup mknodes
	origin_dev=/dev/mapper/volume
	stack_create "$mode"
	copy $disk $vendor
	cat >/run/table.origin <<-E
		0 $disk_sectors snapshot-origin /dev/mapper/base
	E
	command_of take <<-E
		dmsetup suspend volume
		dmsetup create store --noudevsync \
			--table "0 $disk_sectors snapshot /dev/mapper/base $spare_disk P 16"
		dmsetup load volume /run/table.origin
		dmsetup resume volume
	E
	era_suspend
	era_resume
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	since=$6
	/run/take
	overwrite
	dmsetup table cache >/run/table.cache
	dmsetup table era >/run/table.era
	discards_off
	command_of merge <<-E
		dmsetup remove --noudevsync store
		dmsetup suspend volume
		echo "0 $disk_sectors snapshot-merge /dev/mapper/base $spare_disk P 16" |
			dmsetup load volume
		dmsetup resume volume
	E
	export PATH
	ends 0 rollback --era "$since" --exec /run/merge cache
	disk=/dev/mapper/volume
	rolled_back
	coherent merged
	for try in $(seq 100); do
		# shellcheck disable=SC2046
		set -- $(dmsetup status volume)
		[ "${4%/*}" != "$5" ] || break
		usleep 50000
	done
	[ "${4%/*}" = "$5" ] || die "not merged: $*"
	rolled_back
	sound
}

# COMMAND deactivates the volume and activates it again, with another number.
boot_renumbered() {
	cat >/run/volume <<-E
		0 $disk_sectors linear $disk 0
	E
	dmsetup create volume --noudevsync /run/volume
	dmsetup mknodes
	origin_dev=/dev/mapper/volume
	in_use
	command_of renumber <<-E
		/run/back
		dmsetup remove --noudevsync volume
		dmsetup create taken --noudevsync --table "0 64 zero"
		dmsetup create volume --noudevsync /run/volume
		dmsetup mknodes
	E
	ends 0 rollback --era "$since" --exec /run/renumber cache
	rolled_back
	dmsetup table era >/run/table
	fails_to=0
	/usr/bin/cmp /run/table /run/table.era >/run/cmp || fails_to=1
	[ $fails_to = 1 ] || die "the volume has its old number"
	reads renumbered
	sound
}

# LVM as distributed, but for a place where it can write.
start_lvm() {
	insert dm-snapshot
	insert dm-thin-pool
	mkdir -p /run/lvm /run/lock/lvm
	cp -r /etc/lvm /run/lvm-conf
	mount -o bind /run/lvm-conf /etc/lvm
	pvcreate -q $disk
	vgcreate -q -s 1M vg $disk
}

make_volume() {
	if [ "$storage" = thin ]; then
		lvcreate -q -y -T -l 20 --poolmetadatasize 2M -V 8M -n data vg/pool
	else
		lvcreate -q -y -Zn -Wn -L 8M -n data vg
	fi
	disk=/dev/vg/data
	origin_dev=$disk
}

make_snapshot() {
	era_suspend
	era_resume
	# shellcheck disable=SC2046
	set -- $(dmsetup status era)
	since=$6
	if [ "$storage" = thin ]; then
		lvcreate -q -s -n S1 -kn vg/data
	else
		lvcreate -q -s -n S1 -L 9M vg/data
	fi
	copy /dev/vg/S1 $vendor
}

# A merge of LVM: first one that is delayed, since the volume is open, then one that is not.
boot_lvm() {
	start_lvm
	make_volume
	stack_create "$mode"
	discards_off
	make_commands
	make_snapshot
	overwrite
	dmsetup table cache >/run/table.cache
	dmsetup table era >/run/table.era
	/bin/sleep 1000 <$disk &
	ends 3 rollback --era "$since" --exec "lvconvert --merge vg/S1" cache
	has "LVM has not merged the snapshot yet"
	[ ! -e /dev/mapper/era ] || die started
	ends 3 rollback --cancel cache
	has "LVM has not merged the snapshot yet"
	kill $!
	wait $! || :
	lvchange -an vg/data
	lvchange -ay vg/data
	ends 0 rollback --era "$since" --done cache
	reads delayed
	rolled_back
	generation=3
	make_snapshot
	put_blocks 3 2
	ends 0 rollback --era "$since" --exec "lvconvert --merge vg/S1" cache
	reads merged
	rolled_back
	sound
}

# Activated after the crash, and written to: in writethrough mode, too, these writes go to the cache
# alone, since the kernel takes all of it for dirty. Then it crashes again.
boot_crash_again() {
	insert dm-cache-smq
	dmsetup mknodes
	dmsetup create era --noudevsync --table "0 $disk_sectors era $metadata_dev $disk $era_block"
	dmsetup mknodes
	dmsetup create cache --noudevsync --table "$(cache_table writethrough | sed 's/20480/0/')"
	dmsetup mknodes
	dd if="$ink.3" of=/dev/mapper/cache bs=32k count=10 skip=110 seek=110 oflag=direct \
		2>/run/dd || die "write: $(cat /run/dd)"
	figure still-dirty "$(cache_status dirty)"
}

# disk_discards_off: user-mode Linux has them on again when a disk is opened that nobody had open.
disk_discards_off() {
	echo 0 >/sys/block/ubdb/queue/discard_max_bytes
}

# The cache is never activated: its tables come from a file, as an administrator keeps it.
boot_crash_after() {
	insert dm-cache-smq
	dmsetup mknodes
	make_commands
	tables=/run/tables
	{
		echo "cache: $(cache_table "$mode")"
		echo "era: 0 $disk_sectors era $metadata_dev $disk $era_block"
	} >$tables
	dmsetup mknodes
	disk_discards_off
	ends 3 rollback --era "$since" --exec /run/back cache
	has "give it by --tables"
	if [ "$mode" = writeback ]; then
		ends 4 rollback --era "$since" --exec /run/back --tables $tables cache
		has "writeback mode"
		[ ! -e /dev/mapper/cache ] || die "a crashed cache was activated"
		[ ! -e $progress ] || die "the progress stays"
		set -- --drop-all
	fi
	sed "/ era /s/ [0-9]*$/ $((era_block * 2))/" $tables >/run/tables.other
	ends 1 rollback --era "$since" --exec /run/back --tables /run/tables.other "$@" cache
	has "sectors, but the table has $((era_block * 2))"
	[ ! -e $progress ] || die "the progress stays"
	disk_discards_off
	ends 3 rollback --era "$since" --exec true --tables $tables "$@" cache
	has "has changed none of"
	figure differing "$(sed -n 's/.*: \([0-9]*\) cache blocks are not .*/\1/p' /run/out)"
	disk_discards_off
	ends 0 rollback --era "$since" --exec /run/back --tables $tables "$@" cache
	rolled_back
	reads crashed
	sound
}
