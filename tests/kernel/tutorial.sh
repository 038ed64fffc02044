# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The tutorial, as a reader would go through it: its scripts and its commands, which
# tests/lib/page.awk took out of it into $folder/page. What is printed goes to the console, as
# "SESSION| LINE"; the host compares that with the page. In between somebody uses the device, as the
# page says.
#
# LVM is not needed. A volume is a linear device over a disk of the host, and its snapshots are
# copies, made and merged by programs of LVM's names, which know of LVM no more than the page tells:
# a snapshot of the volume below a suspended era device hangs, and an open volume is not merged,
# with status 0.

PATH=/usr/local/sbin:$PATH
export PATH DM_DISABLE_UDEV=1 TMPDIR=/run

# volume NAME DISK SECTORS
volume() {
	dmsetup create "vg-$1" --table "0 $3 linear $2 0"
	ln -s "/dev/mapper/vg-$1" "/dev/vg/$1"
}

# The machine as the reader finds it.
make_machine() {
	era=$(PATH=$tools command -v era)
	for dir in /usr/local/sbin /usr/local/etc /srv /var/lib; do
		mount -t tmpfs none $dir
	done
	ln -s "$era" /usr/local/sbin/era
	ln -s "$era" /usr/local/sbin/era_invalidate
	mkdir /dev/vg /srv/backup /srv/snapshots /srv/work /srv/data
	volume data /dev/ubdb 16384
	ln -s /dev/ubda /dev/vg/era_meta
	ln -s /dev/ubdd /dev/vg/cache_meta
	ln -s /dev/ubde /dev/vg/cache_data
	make_lvm
}

make_lvm() {
	cat >/usr/local/sbin/lvm <<-'EOF'
		#!/bin/bash
		set -eu
		copy() { dd if="$1" of="$2" bs=1M iflag=direct oflag=direct status=none; }
		spare=/dev/ubdc
		if [ -e /proc/$$/fd/9 ]; then
			echo "File descriptor 9 leaked on ${0##*/} invocation." >&2
		fi
		for word; do name=${word#vg/}; done
		case ${0##*/} in
		lvcreate)
			[ "$name" = data ]
			name=$(echo "$*" | sed 's/.* -n \([^ ]*\).*/\1/')
			if [ -e "/dev/vg/$name" ]; then
				echo "  Logical Volume \"$name\" already exists in volume group \"vg\"" >&2
				exit 5
			fi
			if [ "$(dmsetup info -c --noheadings -o suspended era 2>/dev/null)" = Suspended ]; then
				echo "lvcreate and the resume wait for each other" >&2
				exit 5
			fi
			dmsetup suspend vg-data
			copy /dev/ubdb $spare
			dmsetup resume vg-data
			ln -s $spare "/dev/vg/$name" ;;
		lvremove)
			rm "/dev/vg/$name" ;;
		lvconvert)
			if [ "$(dmsetup info -c --noheadings -o open vg-data)" != 0 ]; then
				echo "  Delaying merge since origin is open."
				echo "  Merging of snapshot vg/$name will occur on next activation of vg/data."
				touch /run/merging
				exit
			fi
			copy $spare /dev/ubdb
			rm "/dev/vg/$name"
			echo "  Merging of volume vg/$name started."
			echo "  vg/data: Merged: 100.00%"
			echo "  Merge of snapshot into logical volume vg/data has finished."
			echo "  Logical volume \"$name\" successfully removed." ;;
		lvs)
			if [ -e /run/merging ]; then echo "  Owi-aos---"; else echo "  -wi-a-----"; fi ;;
		esac
	EOF
	chmod +x /usr/local/sbin/lvm
	for name in lvcreate lvremove lvconvert lvs; do
		ln -s lvm /usr/local/sbin/$name
	done
}

# save NAME [N]: as the reader does with a script or with settings; of several the N-th.
save() {
	file="$folder/page/$1${2:+.$2}"
	path=$(sed -n "s/^# \(\/[^ ]*\)\$/\1/p" "$file" | head -n 1)
	cp "$file" "$path"
	! head -n 1 "$path" | grep -q '^#!' || chmod +x "$path"
}

# clock_eras FILE: the eras in it that come from a clock; the first one is that of the format.
clock_eras() {
	grep -o '\<1[6-9][0-9]\{8\}\>' "$1"
}

# typed NAME: the commands, with eras that are as much later than the first one as on the page.
typed() {
	sed -n 's/^# //p' "$folder/page/$1" | awk -v shift="${shift:-0}" '{
		while (match($0, /[0-9]+/)) {
			number = substr($0, RSTART, RLENGTH)
			if (RLENGTH == 10 && number ~ /^1[6-9]/)
				number = sprintf("%.0f", number + shift)
			printf "%s%s", substr($0, 1, RSTART - 1), number
			$0 = substr($0, RSTART + RLENGTH)
		}
		print
	}'
}

# session NAME: what was typed, and what it printed.
session() {
	typed "$1" >/run/typed
	(cd /srv/work && bash -v /run/typed) >/run/said 2>&1 || :
	sed "s/^/$1| /" /run/said
}

# make_metadata: the first era is the clock's, here and on the page.
make_metadata() {
	session the-metadata.1
	shift=$(($(clock_eras /run/said | head -n 1) - $(clock_eras "$folder/page/the-metadata.1" | head -n 1)))
}

# use DEVICE BLOCK [COUNT]: data blocks get something new.
use() {
	dd if=/dev/urandom of="$1" bs=64K count="${3:-1}" seek="$2" iflag=fullblock oflag=direct \
		2>/run/dd || die "$(cat /run/dd)"
}

# is_backed_up: the newest backup is equal to the storage snapshot that it was made of, and to what
# the device holds, which nobody has written to since.
is_backed_up() {
	/bin/dd if=/dev/mapper/era bs=1M iflag=direct status=none | cmp - /srv/backup/last/disk ||
		die "the backup differs"
	echo "backed up: $1"
}

save_scripts() {
	for name in era-activate era-no-discards era-barrier era-backup era-snapshot era-rollback \
		era-resize era-drop-stale; do
		save $name
	done
}

# flushes: of the disk below, so far.
flushes() {
	awk '{ print $16 }' /sys/block/ubdb/stat
}

boot_backup() {
	make_machine
	save_scripts
	save era-disk
	save era-storage
	session which-program-answers.1
	session the-settings.1
	make_metadata
	blkdiscard -o 0 -l 64K /dev/vg/data || die "there are no discards to switch off"
	use /dev/vg/data 0
	session the-metadata.2
	! blkdiscard -o 0 -l 64K /dev/mapper/era 2>/run/error || die "discards are not switched off"

	session incremental-backup.1
	is_backed_up first
	use /dev/mapper/era 5 3
	use /dev/mapper/era 25
	use /dev/mapper/era 127
	session incremental-backup.2
	is_backed_up second
	use /dev/mapper/era 90
	session by-hand.1
	session by-hand.2
	session without-an-active-target.1
	VERIFY=1 era-backup
	is_backed_up third
	dmsetup remove era
}

# What era setup and era backup do.
boot_programs() {
	make_machine
	mount -t tmpfs none /etc
	mount -t tmpfs none /var/lib
	ln -s /dev/ubda /dev/vg/data_era
	/sbin/mke2fs -q -t ext4 -J size=1 /dev/vg/data 2>/run/error || die "$(cat /run/error)"
	session set-up-a-tracked-volume.1
	session set-up-a-tracked-volume.2
	shift=$(($(clock_eras /run/said | head -n 1) - $(clock_eras "$folder/page/set-up-a-tracked-volume.2" | head -n 1)))
	session set-up-a-tracked-volume.3
	session back-it-up.1
	echo more >/srv/data/file
	sync
	session back-it-up.2
	echo more >/srv/data/other
	session back-it-up.3
	echo lost >/srv/data/file
	session reset-it.1
	[ "$(cat /srv/data/file)" = more ] || die "not reset"
	umount /srv/data
	session back-it-up.2 >/dev/null
	cmp /dev/mapper/data /srv/backup/data || die "the backup differs"
	/sbin/e2fsck -fn /srv/backup/data >/run/said 2>&1 || die "the backup: $(cat /run/said)"
}

# make_target: with metadata, in the era that the page has behind its first chapter.
make_target() {
	make_metadata >/dev/null
	sed -n '$p' /run/said
	era-activate
	for n in 2 3 4 5 6 7 8 9; do
		dmsetup message era 0 checkpoint
	done
}

make_stack() {
	make_machine
	insert dm-cache-smq
	save_scripts
	save era-disk 2
	save era-storage
	make_target
}

# fill FIRST COUNT: these blocks are written through the cache, which takes them in at once in
# writeback mode.
fill() {
	dd if=/dev/urandom of=/dev/mapper/cache bs=32K count="$2" seek="$1" iflag=fullblock \
		oflag=direct 2>/run/dd || die "$(cat /run/dd)"
}

# sum DEVICE
sum() {
	/bin/dd if="$1" bs=32K iflag=direct status=none | md5sum
}

# cache_mode OPTIONS
cache_mode() {
	dmsetup suspend cache
	dmsetup load cache --table "0 16384 cache /dev/vg/cache_meta /dev/vg/cache_data /dev/mapper/era $1"
	dmsetup resume cache
}

# fill_cache: as after some time of use.
fill_cache() {
	cache_mode '64 1 writeback smq 2 migration_threshold 0'
	fill 0 30
	fill 100 40
	cache_mode '64 1 writethrough cleaner 0'
	until [ "$(dmsetup status cache | cut -d ' ' -f 14)" = 0 ]; do
		usleep 100000
	done
	cache_mode '64 1 writethrough smq 2 migration_threshold 20480'
}

# is_rolled_back SUM: the disk is, and what the cache serves, with nothing of it in the page cache.
is_rolled_back() {
	kept=$(dmsetup status cache | cut -d ' ' -f 7)
	[ "$(sum /dev/vg/data)" = "$1" ] || die "not rolled back"
	[ "$(sum /dev/mapper/cache)" = "$1" ] || die "the cache has something stale"
	echo "rolled back: ${kept%/*} kept"
}

# marked_since ERA: with the cache removed, the first MiB has blocks that count as written since
# then, though they were written before.
marked_since() {
	era invalidate --written-since "$1" --format ranges "$metadata" >/run/ranges ||
		die "no list since $1"
	awk '$1 < 1048576 { n++ } END { exit !n }' /run/ranges || die "not marked since $1"
	echo "marked: since $1"
}

boot_rollback() {
	make_stack
	fill_cache
	session the-snapshot.1
	before=$(sum /dev/vg/S1)
	fill 2 5
	fill 110 3
	fill 220 20
	later=$(era-barrier)
	session the-rollback.1
	is_rolled_back "$before"
	metadata=/dev/vg/era_meta
	dmsetup remove cache
	dmsetup remove era
	marked_since "$later"
	era-activate
	rm -r /srv/snapshots/S*

	era-snapshot S1
	fill 3 8
	before=$(sum /dev/mapper/cache)
	rolls_not_back
	[ "$(sum /dev/mapper/cache)" = "$before" ] || die "rolled back"
	before=$(sum /dev/vg/S1)
	later=$(era-barrier)
	era-barrier
	era-barrier
	fill 100 5
	keep_files
	echo "$later" >/run/host/later
	echo "$before" >/run/host/before
	target=/dev/mapper/cache crash
}

# keep_files: where the next boot finds them; there /srv is new.
keep_files() {
	mkdir /run/host
	mount -t hostfs none /run/host -o "$folder"
	cp -r /srv/snapshots /run/host
}

# rolls_not_back: with the cache's options changed, without its list, and while the volume is open.
rolls_not_back() {
	cache_mode '64 1 writethrough smq 0'
	fails_as "other options" era-rollback S1
	cache_mode '64 1 writethrough smq 2 migration_threshold 20480'
	broken era 'case $1 in check) exec /run/era "$@" ;; esac; exit 3'
	fails_as "era invalidate" era-rollback S1
	mended era
	[ -e /dev/vg/S1 ] || die "merged"
	era-activate
	# The power could fail here, too: what is kept is right without the merge.
	broken lvconvert
	fails_as "lvconvert" era-rollback S1
	mended lvconvert
	era-activate
	[ "$(dmsetup status cache | cut -d ' ' -f 7)" != 0/96 ] || die "the cache was emptied"
}

# drops_stale: messages, of which one that is refused is not passed over.
drops_stale() {
	printf 'invalidate_cblocks %s\n' 1 2-4 >/run/messages
	printf 'invalidate_cblocks %s\n' 5000 1 >/run/wrong
	dmesg -n 1
	fails_as "messages in another mode" era-drop-stale /run/messages
	cache_mode '64 1 passthrough smq 0'
	fails_as "a wrong message" era-drop-stale /run/wrong
	dmesg -n 4
	held=$(dmsetup status cache | cut -d ' ' -f 7)
	era-drop-stale /run/messages
	[ "$(dmsetup status cache | cut -d ' ' -f 7)" != "$held" ] || die "still $held"
	held=
}

# A cache that crashed; and then one that is dirty when the snapshot is made.
boot_after_crash() {
	make_machine
	insert dm-cache-smq
	save_scripts
	save era-disk 2
	cp -r "$folder/snapshots" /srv
	ln -s /dev/ubdc /dev/vg/S1
	sed -i s/writethrough/writeback/ /usr/local/etc/era-disk
	fails_as "a writeback cache that crashed" era-rollback S1
	save era-disk 2
	era-rollback S1 >/run/said 2>&1 || die "after a crash: $(cat /run/said)"
	is_rolled_back "$(cat "$folder/before")"

	drops_stale
	dmsetup remove cache
	dmsetup remove era
	metadata=/dev/vg/era_meta
	marked_since "$(cat "$folder/later")"
	sed -i '/^cache_options/s/writethrough/writeback/' /usr/local/etc/era-disk
	era-activate
	fill 50 5
	[ "$(dmsetup status cache | cut -d ' ' -f 14)" != 0 ] || die "nothing is dirty"
	era-snapshot S2
	[ "$(sum /dev/vg/S2)" = "$(sum /dev/mapper/cache)" ] || die "what was dirty is missing"
	[ "$(dmsetup table cache | cut -d ' ' -f 9)" = writeback ] || die "the mode is another one"

	fill 50 5
	fails_as "dirty blocks" era-rollback S2
	era-activate
	sed -i 's/^cache_cleaner=.*/&; cache_options=$cache_cleaner/' /usr/local/etc/era-disk
	cache_mode '64 1 writethrough cleaner 0'
	until [ "$(dmsetup status cache | cut -d ' ' -f 14)" = 0 ]; do
		usleep 100000
	done
	/bin/sleep 100 </dev/vg/data &
	fails_as "an open volume" era-rollback S2
	[ ! -e /dev/mapper/era ] || die "active before the merge"
	kill $!
}

# The power fails while a backup is made: behind the era in which it took its metadata snapshot.
boot_crash() {
	make_machine
	save_scripts
	save era-disk
	make_target
	use /dev/mapper/era 3
	dmsetup message era 0 take_metadata_snap
	use /dev/mapper/era 4
	target=/dev/mapper/era crash
}

# fill_up: metadata that were formatted on a device that is too small, which only the kernel does.
fill_up() {
	dd if=/dev/zero of=/dev/ubda bs=64K count=1 oflag=direct 2>/run/error
	dmsetup create vg-small --table "0 128 linear /dev/ubda 0"
	ln -sf /dev/mapper/vg-small /dev/vg/era_meta
	ln -s /dev/ubdd /dev/vg/new_meta
	dmsetup create era --table "0 16384 era /dev/vg/era_meta /dev/vg/data 128"
	dmesg -n 1
	n=0
	while dmsetup message era 0 checkpoint 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 100 ] || die "the metadata device does not become full"
		dd if=/dev/zero of=/dev/mapper/era bs=64K count=1 seek=$n oflag=direct \
			2>/dev/null || :
	done
	session a-full-metadata-device.1
	! era-barrier 2>/run/error || die "a barrier of a target that failed"
	session a-full-metadata-device.2
	sed 's,era_meta,new_meta,' /usr/local/etc/era-disk >/run/settings
	cp /run/settings /usr/local/etc/era-disk
	era-activate
	dmsetup remove era
}

# tell_first_era: of metadata that were made before this boot.
tell_first_era() {
	echo "the current era is $(($(clock_eras "$folder/page/the-metadata.1" | head -n 1) + shift)) at first"
}

boot_wrong() {
	make_machine
	tell_first_era
	save_scripts
	save era-disk
	save era-storage
	session a-crash.1
	# What is refused here the target complains of.
	dmesg -n 1
	session a-metadata-snapshot-that-was-left-over.1
	dmesg -n 4
	session a-metadata-snapshot-that-was-left-over.2
	session a-metadata-snapshot-that-was-left-over.3
	session lost-metadata.1
	use /dev/mapper/era 1
	session lost-metadata.2
	VERIFY=1 era-backup
	use /dev/mapper/era 33 2
	session a-resize.1
	session a-resize.2
	session metadata-in-use.1
	dmsetup remove era
	fill_up
}

# keep_writing: somebody appends to a file until /run/stop is there.
keep_writing() {
	while [ ! -e /run/stop ]; do
		date >>/srv/data/log
		sync /srv/data/log
	done
}

# is_clean: the newest backup is a filesystem that was not in use.
is_clean() {
	/sbin/e2fsck -fn /srv/backup/last/disk >/run/said 2>&1 || die "the backup: $(cat /run/said)"
	! grep -q 'recovering journal' /run/said || die "$(cat /run/said)"
	echo "clean: $1 $(/sbin/debugfs -R 'cat mark' /srv/backup/last/disk 2>/dev/null)"
}

# A mounted filesystem that is written to, with both of the ways that freeze it.
boot_frozen() {
	make_machine
	save_scripts
	save era-disk
	make_target
	/sbin/mke2fs -q -t ext4 -J size=1 /dev/mapper/era 2>/run/error || die "$(cat /run/error)"
	mount -t ext4 /dev/mapper/era /srv/data || die "no ext4"
	# This stays in the page cache, and a copy by way of that would be an old one.
	cat /dev/vg/data >/run/cached
	keep_writing &
	for way in 2 3; do
		save era-storage $way
		echo $way >/srv/data/mark
		VERIFY=1 era-backup
		is_clean $way
	done
	[ "$(wc -w </srv/backup/last/ranges)" -gt 2 ] || die "all or nothing was copied"

	# What fails leaves nothing frozen, and nobody else's freeze is ended.
	dmesg -n 1
	mv /usr/local/sbin/lvcreate /run/
	for way in 2 3; do
		save era-storage $way
		dmsetup message era 0 take_metadata_snap
		! era-backup 2>/run/error || die "the backup did not fail"
		dmsetup message era 0 drop_metadata_snap
		echo $way >/srv/data/mark
		/sbin/fsfreeze -f /srv/data
		! era-backup 2>/run/error || die "the backup did not fail"
		/sbin/fsfreeze -u /srv/data
	done
	dmesg -n 4
	echo "as it was: $(/sbin/debugfs -R 'cat mark' /srv/backup/last/disk 2>/dev/null)"
	touch /run/stop
	wait
	umount /srv/data
	dmsetup remove era
}

# fails_as WHAT COMMAND...: a script stops, and "last" is what it was; nothing is held or suspended.
fails_as() {
	what=$1 last=$(readlink /srv/backup/last || :)
	shift
	! "$@" >/run/said 2>&1 || die "$what: did not fail: $(cat /run/said)"
	[ "$(readlink /srv/backup/last || :)" = "$last" ] || die "$what: there is another backup"
	[ ! -e /dev/vg/backup ] || die "$what: the storage snapshot is still there"
	if [ -e /dev/mapper/era ]; then
		[ "$(dmsetup info -c --noheadings -o suspended era)" = Active ] ||
			die "$what: suspended"
		[ "$(dmsetup status era | cut -d ' ' -f 7)" = "${held:--}" ] ||
			die "$what: $(dmsetup status era)"
	fi
	echo "fails: $what: $(tail -n 1 /run/said)"
}

# broken NAME [COMMANDS]: a program that fails, or is made of these commands, until it is mended.
broken() {
	printf '#!/bin/bash\n%s\n' "${2:-exit 3}" >"/usr/local/sbin/$1.broken"
	chmod +x "/usr/local/sbin/$1.broken"
	mv "/usr/local/sbin/$1" "/run/$1" 2>/run/error || :
	mv "/usr/local/sbin/$1.broken" "/usr/local/sbin/$1"
}

mended() {
	rm "/usr/local/sbin/$1"
	mv "/run/$1" "/usr/local/sbin/$1" 2>/run/error || :
}

# backs_up WHAT BLOCK: the next one is right, and has this block.
backs_up() {
	use /dev/mapper/era "$2"
	VERIFY=1 era-backup 2>/run/said || die "$1: $(cat /run/said)"
	is_backed_up "$1"
}

# What must stop a script does, at each of its steps.
boot_stops() {
	make_machine
	save_scripts
	save era-disk
	save era-storage
	make_target
	dmesg -n 1
	backs_up first 1

	use /dev/mapper/era 2
	ln -s /dev/ubdc /dev/vg/backup
	fails_as "a left-over storage snapshot" era-backup
	use /dev/mapper/era 4
	dmsetup message era 0 take_metadata_snap
	held=$(dmsetup status era | cut -d ' ' -f 7)
	fails_as "somebody's metadata snapshot" era-backup
	held=
	dmsetup message era 0 drop_metadata_snap
	broken era 'case $1 in check) exec /run/era "$@" ;; esac; exit 3'
	fails_as "era invalidate" era-backup
	mended era
	use /dev/mapper/era 40
	broken dd 'case $* in *skip=2621440*) exit 1 ;; esac; exec /bin/dd "$@"'
	fails_as "dd" era-backup
	mended dd
	backs_up "after these" 5

	next=$(($(dmsetup status era | cut -d ' ' -f 6) + 1))
	before=$(flushes)
	[ "$(era-barrier)" = $next ] || die "the barrier's era is not $next"
	[ "$(flushes)" -gt "$before" ] || die "a barrier does not flush"

	# What goes past the device is not listed, and VERIFY finds it.
	use /dev/vg/data 77
	fails_as "a write past the device" env VERIFY=1 era-backup
	use /dev/mapper/era 77

	dmsetup remove era
	cat /dev/ubda >/run/older
	era-activate
	backs_up "before an older copy" 6
	dmsetup remove era
	dd if=/run/older of=/dev/ubda bs=1M oflag=direct 2>/run/error
	era-activate
	for n in 1 2 3 4 5; do
		dmsetup message era 0 checkpoint
	done
	backs_up "with an older copy" 7
	grep -q "a full one" /run/said || die "an older copy: $(cat /run/said)"

	dmsetup remove era
	broken era-no-discards
	fails_as "discards stay" era-activate
	mended era-no-discards
	[ ! -e /dev/mapper/era ] || die "active with discards"
	dd if=/dev/zero of=/dev/ubda bs=4096 count=1 oflag=direct 2>/run/error
	fails_as "no metadata" era-activate
	[ ! -e /dev/mapper/era ] || die "active without metadata"
	dd if=/dev/ubda of=/run/first bs=4096 count=1 iflag=direct 2>/run/error
	[ "$(tr -d '\0' </run/first | wc -c)" = 0 ] || die "formatted"
	echo stopped
}
