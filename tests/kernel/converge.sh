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
