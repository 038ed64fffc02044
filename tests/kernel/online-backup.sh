# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era backup of a device that is written to all the time, on the stack of barrier.sh, to the file T
# in $folder, a folder of the host. Some runs are killed. TARGET is compared with the snapshot by
# the command that removes it, while there is one. On the console:
#	answer: KIND LISTED		a run that succeeded, and bytes
#	answer: same | differs		what the comparison came to
#	answer: ended STATUS WHAT	a run that did not

. "${scenario%/*}/barrier.sh"

store=/run/store

# What LVM has left running is a child of this shell, and no end of it is waited for.
stop() {
	for pid in $all; do
		kill -9 "$pid"
		wait "$pid" || :
	done
	all=
}

open_store() {
	mkdir "$store"
	mount -t hostfs none "$store" -o "$folder"
}

begin() {
	"volume_$storage"
	make_era
	open_store
	write_commands
}

write_commands() {
	# What a command of era backup is, and may begin with a leftover of a run that was killed.
	echo "sectors=$sectors storage=$storage snapshot=$snapshot scenario=$scenario
		tools=$tools helpers=$helpers metadata_dev=$metadata_dev
		snapshot_extents=$snapshot_extents" >/run/words
	cat >/run/take <<-'END'
		set -e
		. /run/words
		. "${scenario%/*}/barrier.sh"
		dmsetup info snap >/dev/null 2>&1 || [ -e "$snapshot" ] || none=1
		[ "$none" ] || "remove_$storage"
		"take_$storage"
	END
	cat >/run/remove <<-'END'
		. /run/words
		. "${scenario%/*}/barrier.sh"
		if dd if="$snapshot" bs=64k iflag=direct 2>/dev/null |
			cmp - /run/store/T >/dev/null; then
			echo same
		else
			echo differs
		fi >/run/compared
		"remove_$storage"
	END
}

# run [OPTION...]
run() {
	rm -f /run/compared
	era_backup --state "$store/T.era" --snapshot "sh /run/take" --source "$snapshot" \
		--release "sh /run/remove" --json "$@" era "$store/T" >/run/json 2>/run/said
}

# kind_and_bytes: of the JSON.
kind_and_bytes() {
	sed 's/.*"backup":"\([a-z]*\)".*"listed_bytes":\([0-9]*\).*/\1 \2/' /run/json
}

# backup [OPTION...]: it must succeed.
backup() {
	run "$@" || die "era backup: $?: $(cat /run/said)"
	answer "$(kind_and_bytes)"
	answer "$(cat /run/compared)"
}

# killed MS
killed() {
	run &
	pid=$!
	usleep $(($1 * 1000))
	# The shell's child is the program, or there is none any more.
	for child in $(cat /proc/$pid/task/$pid/children); do
		kill -9 "$child"
	done
	status=0
	wait $pid || status=$?
	# Its children, which end with it, have TARGET open.
	while pidof era_backup >/dev/null; do
		usleep 10000
	done
	answer "ended $status"
}

# refused TEXT [OPTION...]: a run that is refused with this message.
refused() {
	text=$1
	shift
	status=0
	run "$@" || status=$?
	grep -q "$text" /run/said || die "$status: $(cat /run/said)"
	answer "ended $status $text"
}

# Words: storage, folder, rounds, draw.
boot_1() {
	begin
	RANDOM=$draw
	start_writers 4
	backup
	round=0
	while [ $round -lt "$rounds" ]; do
		usleep $((RANDOM % 300 * 1000))
		[ $((RANDOM % 2)) = 0 ] || killed $((RANDOM % 400))
		backup --incremental-only
		round=$((round + 1))
	done
	# Somebody else's metadata snapshot, and one that a run has left.
	message take_metadata_snap
	refused "a metadata snapshot is held that is not this backup's"
	message drop_metadata_snap
	stop
	backup --verify
	dmsetup remove --noudevsync era
}

# The same metadata, after an end without a stop; what was written meanwhile is in the next backup.
boot_2() {
	begin
	backup --incremental-only
	era_remove
	# Metadata made anew: every block is listed.
	dd if=/dev/zero of="$metadata_dev" bs=4k count=1 2>/dev/null
	era_format -q --block-size 4k --device-size $((sectors * 512)) "$metadata_dev" >/run/era
	device era "0 $sectors era $metadata_dev /dev/mapper/slow 8"
	backup
	start_writers 2
	backup --incremental-only
	stop
	era_remove
}
