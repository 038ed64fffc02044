# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# era revert: a device is written to and reverted to its backup, again and again; what is on the
# device then is compared. T is in $folder, a folder of the host. On the console:
#	answer: reverted LISTED		and the device is what T is
#	answer: refused STATUS TEXT
#	answer: backup KIND LISTED

store=/run/store
PATH=$tools:$helpers:$PATH
export PATH DM_DISABLE_UDEV=1

answer() {
	echo "answer: $*"
}

begin() {
	sectors=$(blockdev --getsz /dev/ubdb)
	make_era
	mkdir $store
	mount -t hostfs none $store -o "$folder"
	state="--state $store/T.era"
}

make_era() {
	dmsetup create era --noudevsync --table "0 $sectors era $metadata_dev /dev/ubdb 8"
	dmsetup mknodes era
	discards 0
}

# The disks of this kernel may have none.
discards() {
	echo "$1" >"$(queue_file era discard_max_bytes)" 2>/dev/null || :
}

# write FIRST COUNT: blocks, random.
write() {
	dd if=/dev/urandom of=$target bs=4k seek="$1" count="$2" oflag=direct 2>/dev/null
}

number() {
	sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p' /run/json
}

# shellcheck disable=SC2086
backup() {
	era_backup --converge --timeout 60 $state --json era $store/T >/run/json 2>/run/said ||
		die "era backup: $(cat /run/said)"
	answer "backup $(sed 's/.*"backup":"\([a-z]*\)".*/\1/' /run/json) $(number listed_bytes)"
	same
}

same() {
	dd if=$target of=/run/now bs=64k iflag=direct 2>/dev/null
	cmp /run/now $store/T || die "they differ"
	rm /run/now
	dmsetup status era | grep -q ' -$' || die "a metadata snapshot is held"
}

# shellcheck disable=SC2086
revert() {
	era_revert --never-discarded $state --json "$@" era $store/T >/run/json 2>/run/said ||
		die "era revert: $(cat /run/said)"
	same
	answer "reverted $(number listed_bytes)"
}

# refused STATUS TEXT [OPTION...]: it is, and the device stays as it was.
# shellcheck disable=SC2086
refused() {
	wanted=$1 text=$2 status=0
	shift 2
	dd if=$target of=/run/before bs=64k iflag=direct 2>/dev/null
	era_revert $state "$@" era $store/T >/run/out 2>/run/said || status=$?
	[ $status = "$wanted" ] || die "ended with $status: $(cat /run/said)"
	grep -q "$text" /run/said || die "$(cat /run/said)"
	dd if=$target of=/run/now bs=64k iflag=direct 2>/dev/null
	cmp /run/before /run/now || die "it was changed"
	rm /run/before /run/now
	answer "refused $status $text"
}

# Rounds of write and revert; each copies back what this round wrote, and not more.
boot_1() {
	begin
	target=/dev/mapper/era
	write 0 500
	backup
	for n in 1 2 3 4 5; do
		write $((n * 20)) $n
		write $((n * 20 + 300)) 1
		# Zeroes, too, and through the page cache.
		dd if=/dev/zero of=$target bs=4k seek=$((n * 30 + 100)) count=2 2>/dev/null
		revert
		cp /run/json $store/document.$n
	done
	revert -n
	cp /run/json $store/document.6
	era_revert --json none $store/T >$store/document.7 2>/dev/null || :
	# A backup after that has only what was written since.
	write 40 3
	backup
	write 40 4
	era_remove
	make_era
	write 60 1
	revert
	# One that was killed while it copied is finished by the next.
	write 0 512
	# shellcheck disable=SC2086
	era_revert -q --never-discarded --limit 512k $state era $store/T &
	pid=$!
	usleep 500000
	kill -9 "$pid"
	wait "$pid" || answer "killed"
	revert
	# Somebody writes meanwhile, elsewhere: that is seen, and the next one reverts it, too.
	write 0 100
	# shellcheck disable=SC2086
	era_revert --never-discarded --limit 128k --progress-fd=3 $state era $store/T \
		3>/run/progress >/run/said 2>&1 &
	pid=$!
	until grep -q '"copy"' /run/progress; do
		usleep 20000
	done
	write 500 2
	status=0
	wait $pid || status=$?
	grep -q "something else has written to it meanwhile" /run/said || die "$(cat /run/said)"
	answer "status $status, since somebody wrote"
	revert
	era_remove
}

boot_2() {
	begin
	target=/dev/mapper/era
	write 0 500
	backup
	write 7 7
	yes="--never-discarded"
	refused 4 "so it is not known whether discards ever passed"
	# Whoever has it open, even without a claim.
	sleep 1000 <$target &
	sleeper=$!
	refused 3 "is in use: stop what has it open; it is opened 1 times" $yes
	kill $sleeper
	wait $sleeper || :
	mkdir -p /run/data
	message=$(dmsetup message era 0 take_metadata_snap)
	refused 4 "a metadata snapshot is held that is not this backup's" $yes
	dmsetup message era 0 drop_metadata_snap
	# TARGET was changed.
	cp $store/T /run/kept
	dd if=/dev/zero of=$store/T bs=4k seek=3 count=200 conv=notrunc 2>/dev/null
	refused 4 "it was changed since it was made" $yes
	cp /run/kept $store/T
	rm /run/kept
	# The state is not there, or is of another disk.
	mv $store/T.era $store/kept
	refused 4 "it has no state, so it is no backup" $yes
	mv $store/kept $store/T.era
	revert
	# Metadata made anew: as many eras, and other ones.
	write 9 9
	era_remove
	dd if=/dev/zero of=$metadata_dev bs=4k count=1 2>/dev/null
	make_era
	refused 4 "what differs from it is not known" $yes
	era_remove
}
