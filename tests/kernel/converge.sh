# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era backup --converge of a mounted filesystem that several processes write to, on the stack of
# barrier.sh, to the file T in $folder, a folder of the host. What T must be is what a snapshot of
# the storage has that a hook takes while the device is suspended. On the console:
#	answer: KIND ROUNDS WAITED_US LAST_BYTES	a run that succeeded
#	answer: same | differs				T and the snapshot
#	answer: clean | dirty				the filesystem in T
#	answer: ended STATUS				a run that did not

. "${scenario%/*}/barrier.sh"

store=/run/store
data=/run/data

begin() {
	volume_dm
	make_era
	mkdir $store $data
	mount -t hostfs none $store -o "$folder"
	echo "sectors=$sectors scenario=$scenario tools=$tools helpers=$helpers
		metadata_dev=$metadata_dev snapshot=$snapshot" >/run/words
	cat >/run/take <<-'END'
		. /run/words
		. "${scenario%/*}/barrier.sh"
		! dmsetup info snap >/dev/null 2>&1 || remove_dm
		take_dm
		touch /run/taken
	END
}

# The load: files that are written, and flushed one by one. All of them, and the journal, are less
# than the limit below: so the rounds end, however slow the machine is.
writer() {
	n=0
	while :; do
		n=$((n + 1))
		dd if=/dev/urandom of=$data/"$1.$((n % 5))" bs=4k count=$((n % 4 + 1)) \
			conv=fsync 2>/dev/null
	done
}

# load NR MS: NR of them, on a disk that takes so long for each write. All have begun.
load() {
	slow_down "$2"
	before=$(nr_written)
	for n in $(seq "$1"); do
		writer "$n" &
		all="$all $!"
	done
	until [ $(($(nr_written) - before)) -gt $(($1 * 4)) ]; do
		usleep 50000
	done
}

stop_load() {
	[ ! "$all" ] || stop_writers
	slow_down 10
}

timeout=60

# A program that a writer has left may still have a file open.
leave() {
	until umount $data 2>/dev/null; do
		usleep 50000
	done
}

# run [OPTION...]
run() {
	rm -f /run/taken
	HOLD_HOOK=$hook LD_PRELOAD=$helpers/hold_hook.so \
		era_backup --state $store/T.era --converge --timeout $timeout --json "$@" \
		era $store/T >/run/json 2>/run/said
}

number() {
	sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p' /run/json
}

check() {
	dd if="$snapshot" of=/run/now bs=64k iflag=direct 2>/dev/null
	if cmp /run/now $store/T >/dev/null; then
		answer same
	else
		answer differs
	fi
	remove_dm
	if e2fsck -fn /run/now >/run/fsck 2>&1 && ! grep -q recovery /run/fsck; then
		answer clean
	else
		answer "dirty $(cat /run/fsck)"
	fi
}

# backup [OPTION...]: it must succeed.
backup() {
	hook="sh /run/take"
	run "$@" || die "era backup: $?: $(cat /run/said)"
	answer "$(sed 's/.*"backup":"\([a-z]*\)".*/\1/' /run/json) $(number rounds)" \
		"$(number waited_us) $(number last_bytes)"
	[ -e /run/taken ] || die "nothing was suspended"
	check
}

# refused STATUS TEXT [OPTION...]: it is, and leaves all as it was.
refused() {
	wanted=$1 text=$2 status=0
	shift 2
	cp $store/T /run/before
	cp $store/T.era /run/before.era
	run "$@" || status=$?
	[ $status = "$wanted" ] || die "ended with $status: $(cat /run/said)"
	grep -q "$text" /run/said || die "$(cat /run/said)"
	is_usable
	cmp /run/before $store/T && cmp /run/before.era $store/T.era || die "T was changed"
	answer "ended $status"
}

# Neither suspended nor frozen, and no metadata snapshot is left.
is_usable() {
	[ "$(dmsetup info -c --noheadings -o suspended era)" = Active ] || die "it is suspended"
	dd if=/dev/zero of=$data/usable bs=4k count=1 conv=fsync 2>/dev/null
	dmsetup status era | grep -q ' -$' || die "a metadata snapshot is held"
}

# Words: rounds, folder, phases as WRITERS:MS, with commas between.
boot_1() {
	begin
	mount -t ext4 $target $data
	for each in $(echo "$phases" | tr , ' '); do
		load "${each%:*}" "${each#*:}"
		round=0
		while [ $round -lt "$rounds" ]; do
			backup --converge-limit 4M
			round=$((round + 1))
		done
		stop_load
	done
	leave
	dmsetup remove --noudevsync era
}

# What fails leaves everything usable.
boot_2() {
	begin
	mount -t ext4 $target $data
	backup
	load 4 10
	hook=
	refused 4 "is written to faster than it is copied" --converge-limit 4k --converge-rounds 2
	hook="sleep 4"
	timeout=1
	refused 3 "was resumed by somebody\|was not suspended, worked on and resumed in 1 s"
	# The program stands still: the device goes on by itself.
	hook="for p in /proc/[0-9]*; do
		case \$(cat \$p/comm) in era_backup | era-suspend) kill -STOP \${p#/proc/} ;; esac
		done; sleep 100"
	stopped
	# Frozen by somebody else.
	stop_load
	fsfreeze --freeze $data
	backup
	fsfreeze --unfreeze $data
	backup --incremental-only
	leave
	dmsetup remove --noudevsync era
}

stopped() {
	timeout=2
	run &
	pid=$!
	until [ "$(dmsetup info -c --noheadings -o suspended era)" = Suspended ]; do
		usleep 10000
	done
	tries=0
	while [ "$(dmsetup info -c --noheadings -o suspended era)" = Suspended ]; do
		tries=$((tries + 1))
		[ $tries -lt 500 ] || die "it stays suspended"
		usleep 100000
	done
	for each in $pid $(pidof sleep) $(pidof era_backup); do
		kill -9 $each || :
	done
	wait $pid || answer "ended by force"
	is_usable
	timeout=60
}

# Two filesystems, on devices above the era device.
stack() {
	begin
	half=$((sectors / 2))
	mkdir $data/a $data/b
	device a "0 $half linear $target 0"
	device b "0 $half linear $target $half"
	mount -t ext4 /dev/mapper/a $data/a
	mount -t ext4 /dev/mapper/b $data/b
}

unstack() {
	for each in a b; do
		until umount $data/$each 2>/dev/null; do
			usleep 50000
		done
		dmsetup remove --noudevsync $each
	done
	dmsetup remove --noudevsync era
}

# load_both: files that are written all the time, on both.
load_both() {
	for each in a b; do
		(
			data=$data/$each
			writer 1
		) &
		all="$all $!"
	done
}

# Whether the two halves of T are clean.
check_halves() {
	for each in 0 1; do
		dd if=$store/T of=/run/half bs=512 skip=$((each * half)) count=$half 2>/dev/null
		if e2fsck -fn /run/half >/run/fsck 2>&1 && ! grep -q recovery /run/fsck; then
			answer clean
		else
			answer dirty
		fi
	done
}

# plain [OPTION...]: a run without a hook.
plain() {
	hook=
	run "$@" || die "era backup: $?: $(cat /run/said)"
	check_halves
}

both="--freeze $data/a --freeze $data/b"

# takes_writes: of both, in ten seconds.
takes_writes() {
	for each in a b; do
		dd if=/dev/zero of=$data/$each/usable bs=4k count=1 conv=fsync 2>/dev/null &
		tries=0
		while [ -e /proc/$! ] && [ $tries -lt 200 ]; do
			tries=$((tries + 1))
			usleep 50000
		done
		[ ! -e /proc/$! ] || return 1
	done
}

# /run/thaw begins to thaw b. It ends when that waits for the device, so nobody else thaws b first.
thaw_in_hook() {
	cat >/run/thaw <<-END
		fsfreeze --unfreeze $data/b &
		until grep -q '^State:.D' /proc/\$!/status; do
			usleep 10000
		done
	END
}

# Filesystems that are not on the device itself. What was not frozen needs recovery.
boot_3() {
	stack
	load_both
	slow_down 4
	plain
	plain $both
	status=0
	hook= run $both --freeze $data || status=$?
	answer "ended $status $(grep -c "no filesystem is mounted there" /run/said)"
	status=0
	hook= run --freeze $data/a --freeze $data/a || status=$?
	answer "ended $status $(grep -c "is frozen by somebody" /run/said)"
	hook="sleep 4"
	timeout=1
	status=0
	run $both || status=$?
	answer "ended $status"
	takes_writes || die "it is frozen or suspended"
	timeout=60
	hook="sh /run/thaw"
	thaw_in_hook
	status=0
	run $both || status=$?
	answer "ended $status $(grep -c "$data/b: was thawed too early" /run/said)"
	takes_writes || die "it is frozen or suspended"
	plain $both --incremental-only
	# A snapshot of the storage is made while both are frozen.
	rm $store/T $store/T.era
	echo 'dd if=/dev/ubdb of=/run/copy bs=64k iflag=direct 2>/dev/null' >/run/command
	era_backup $both --state $store/T.era --snapshot "sh /run/command" --source /run/copy \
		era $store/T 2>/run/said || die "era backup: $?: $(cat /run/said)"
	check_halves
	takes_writes || die "it is frozen or suspended"
	stop_load
	unstack
}

# find_processes NAME: those of that name, in $found.
find_processes() {
	found=
	for each in /proc/[0-9]*; do
		read -r name 2>/dev/null <"$each/comm" || continue
		[ "$name" != "$1" ] || found="$found ${each#/proc/}"
	done
}

# Of all that a backup starts, nothing is left.
until_quiet() {
	tries=0
	for each_name in era_backup era-suspend era-guard; do
		find_processes $each_name
		while [ "$found" ]; do
			tries=$((tries + 1))
			[ $tries -lt 400 ] || die "$each_name: $found is left"
			usleep 50000
			find_processes $each_name
		done
	done
}

# Kills of each process at random moments, most of them while writers are held. Words: kills, draw.
boot_4() {
	stack
	RANDOM=$draw
	load_both
	plain $both
	n=0 struck=0 held=0
	hook="touch /run/held; sleep 1"
	while [ $n -lt $((kills * 3)) ]; do
		for victim in era_backup era-suspend era-guard; do
			rm -f /run/held
			run $both &
			pid=$!
			if [ $((RANDOM % 3)) = 0 ]; then
				usleep $((RANDOM % 300 * 1000))
			else
				until [ -e /run/held ] || [ ! -e /proc/$pid ]; do
					usleep 5000
				done
			fi
			find_processes $victim
			[ ! -e /run/held ] || held=$((held + 1))
			for each in $found; do
				! kill -9 "$each" 2>/dev/null || struck=$((struck + 1))
			done
			wait $pid || :
			until_quiet
			takes_writes || die "after the kill of $victim: frozen or suspended"
			n=$((n + 1))
		done
	done
	answer "kills $n $struck $held"
	plain $both
	stop_load
	unstack
}

# A place in which TARGET and a delta of all that the disk has fit, and nothing more.
boot_5() {
	begin
	mount -t ext4 $target $data
	dd if=/dev/urandom of=$data/fill bs=1M count=8 2>/dev/null
	sync
	store=/run/small
	mkdir $store
	mount -t tmpfs -o size=22M none $store
	load 4 10
	backup --converge-limit 4M
	backup --converge-limit 4M
	stop_load
	answer "left $(ls $store | tr '\n' ' ')"
	leave
	dmsetup remove --noudevsync era
}
