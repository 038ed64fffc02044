# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# What is done, and checked, when the system of boot.bats is up. $boot says which boot this is.
#
# Disks: ubdb the origin of plain, ubdc its metadata, ubdd partitions for part, ubde a physical
# volume for lv.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

die() {
	echo "guest: failed: $*"
	systemctl --no-pager --failed
	journalctl -b --no-pager -o cat -u 'era-setup@*' | tail -n 30
	journalctl -b --no-pager -o short | grep -i era | tail -n 30
	busybox poweroff -nf
	sleep 60
}

check() {
	"$@" || die "$*"
}

fails() {
	! "$@" || die "did not fail: $*"
}

# said WORDS [JOURNALCTL-ARGUMENT...]: in this boot.
said() {
	words=$1
	shift
	journalctl -b --no-pager -o cat "$@" >/run/journal
	grep -qF -e "$words" /run/journal
}

discards() {
	cat "/sys/block/$(basename "$(readlink -f "/dev/mapper/$1")")/queue/discard_max_bytes"
}

source_of() {
	findmnt -n -o SOURCE "$1"
}

era_of() {
	dmsetup status "$1" | awk '{ print $6 }'
}

# create NAME ORIGIN METADATA [OPTION]
create() {
	echo "creating $1"
	# shellcheck disable=SC2086
	check era setup create ${4:-} --origin "$2" --metadata "$3" "$1"
}

# Three devices are tracked from now on.
boot_1() {
	check pvcreate -q -y /dev/ubde
	check vgcreate -q vg /dev/ubde
	check lvcreate -q -y -W n -L 24m -n da-ta vg
	check lvcreate -q -y -W n -L 8m -n da-ta_era vg
	check mkfs.ext4 -q -L lv /dev/vg/da-ta
	check udevadm settle
	part=$(blkid -o value -s PARTUUID /dev/ubdd1)
	part_era=$(blkid -o value -s PARTUUID /dev/ubdd2)
	uuid=$(blkid -o value -s UUID /dev/ubdd1)
	create plain /dev/disk/by-id/test-ubdb /dev/disk/by-id/test-ubdc
	create part "PARTUUID=$part" "PARTUUID=$part_era"
	udevadm trigger /dev/ubdd1
	create lv /dev/vg/da-ta /dev/vg/da-ta_era --enable
	check test -e /run/systemd/generator/local-fs.target.wants/era-setup@part.service
	mkdir -p /srv/plain /srv/part /srv/lv /srv/wrong
	cat >>/etc/fstab <<-END
		/dev/mapper/plain /srv/plain ext4 defaults,nofail 0 2
		UUID=$uuid /srv/part ext4 defaults,nofail 0 2
		LABEL=lv /srv/lv ext4 defaults,nofail 0 0
		/dev/mapper/vg-da--ta /srv/wrong ext4 defaults,nofail 0 0
	END
	check udevadm settle
	# The origins have lost their links as soon as they were in the table.
	fails test -e "/dev/disk/by-uuid/$uuid"
	fails test -e /dev/disk/by-label/lv
}

all_mounted() {
	for name in plain part lv; do
		[ "$(source_of /srv/$name)" = /dev/mapper/$name ] ||
			die "/srv/$name: is not mounted"
		[ "$(discards $name)" = 0 ] || die "$name: discards are on"
	done
	fails mountpoint -q /srv/wrong
}

# They are there, and the power fails while they are written to.
boot_2() {
	all_mounted
	check said "fstab: /dev/mapper/vg-da--ta is the origin of lv, and can't be mounted" -k
	label=$(readlink -f /dev/disk/by-label/lv)
	check [ "$label" = "$(readlink -f /dev/mapper/lv)" ]
	# A backup on a device has the same label, and doesn't get the link.
	check lvcreate -q -y -W n -L 24m -n copy vg
	dd if=/dev/mapper/lv of=/dev/vg/copy bs=1M oflag=direct 2>/dev/null
	check udevadm trigger --settle /dev/vg/copy
	label=$(readlink -f /dev/disk/by-label/lv)
	check [ "$label" = "$(readlink -f /dev/mapper/lv)" ]
	check lvremove -q -y vg/copy
	# A table that is loaded by hand switches discards on, and the rule off again.
	dmsetup suspend plain
	dmsetup table plain | dmsetup load plain
	dmsetup resume plain
	check udevadm settle
	[ "$(discards plain)" = 0 ] || die "discards are on again"
	echo "era: $(era_of plain)"
	for n in 1 2 3 4 5 6 7 8; do
		dd if=/dev/urandom of=/srv/plain/file$n bs=64k count=$n 2>/dev/null
		sync
	done
	(while :; do dd if=/dev/urandom of=/srv/plain/more bs=64k count=20 conv=fsync; done) \
		2>/dev/null &
	sleep 1
	echo "guest: done"
	busybox poweroff -nf
	sleep 60
}

# Nothing was lost, and nothing changed behind the target's back.
boot_3() {
	all_mounted
	fails said "count as written" -u 'era-setup@*'
	check test -s /srv/plain/file8
	# By hand, while the target is not there.
	check umount /srv/plain
	check systemctl stop era-setup@plain.service
	fails test -e /dev/mapper/plain
	check mount -t ext4 /dev/ubdb /mnt
	fails systemctl start era-setup@plain.service
	check said "is mounted, or used by another device" -u era-setup@plain.service
	fails mount -t ext4 /dev/mapper/plain /srv/plain
	check umount /mnt
	check systemctl start era-setup@plain.service
	check said "320 of 320 blocks count as written" -u era-setup@plain.service
	# What lies above a tracked device has its links, as a cache.
	uuid=$(blkid -o value -s UUID /dev/mapper/plain)
	dmsetup create above --table "0 $(blockdev --getsz /dev/mapper/plain) linear /dev/mapper/plain 0"
	check udevadm trigger --settle /dev/mapper/plain
	check [ "$(readlink -f "/dev/disk/by-uuid/$uuid")" = "$(readlink -f /dev/mapper/above)" ]
	dmsetup remove above
	check udevadm trigger --settle /dev/mapper/plain
	check [ "$(readlink -f "/dev/disk/by-uuid/$uuid")" = "$(readlink -f /dev/mapper/plain)" ]
	check mount /srv/plain
	check_backups
	check_cgroup_kill
	# The metadata are damaged when the next boot looks at them.
	check umount /srv/part /srv/lv
	check systemctl stop era-setup@part.service era-setup@lv.service
	cp /dev/vg/da-ta_era /root/lv_era
	for disk in /dev/ubdd2 /dev/vg/da-ta_era; do
		dd if=/dev/urandom of=$disk bs=4096 count=1 conv=fsync 2>/dev/null
	done
	sed -i 's,^\(lv .*\) -$,\1 degraded,' /etc/eratab
	sed -i '/srv.part/s/nofail/nofail,x-systemd.device-timeout=5/' /etc/fstab
}

state_of() {
	cksum </root/$1.era
}

# conf NAME LINE...
conf() {
	name=$1
	shift
	mkdir -p /etc/era-tools/backup
	printf '%s\n' "$@" >/etc/era-tools/backup/$name.conf
}

back_up() {
	systemctl start "era-backup@$1.service" && return
	journalctl -b --no-pager -o cat -u "era-backup@$1.service" | tail -n 20
	die "no backup of $1"
}

# The units of backups: in use, then of what is not written to, and by the timer.
check_backups() {
	conf plain TARGET=/root/backup
	back_up plain
	check said "is now era-" -u era-backup@plain.service
	dd if=/dev/urandom of=/srv/plain/new bs=64k count=3 conv=fsync 2>/dev/null
	check umount /srv/plain
	back_up plain
	check said "(incremental)" -u era-backup@plain.service
	dd if=/dev/ubdb of=/root/now bs=64k iflag=direct 2>/dev/null
	check cmp /root/now /root/backup
	check mount /srv/plain
	old=$(state_of backup)
	mkdir -p /run/systemd/system/era-backup@plain.timer.d
	printf '%s\n' '[Timer]' OnCalendar= OnActiveSec=1 RandomizedDelaySec=0 \
		>/run/systemd/system/era-backup@plain.timer.d/now.conf
	systemctl daemon-reload
	check systemctl start era-backup@plain.timer
	tries=0
	while [ "$(state_of backup)" = "$old" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || die "the timer made no backup"
		sleep 0.1
	done
	check systemctl stop era-backup@plain.timer
	check_backup_options
}

# Options with blanks in them, on several lines; a name with a dash; and what is refused.
check_backup_options() {
	conf of-lv DISK=lv TARGET=/root/of-lv '# a comment' 'OPTIONS="--source=/dev/vg/now' \
		"--snapshot='lvcreate -q -y -s -n now -L 8m vg/da-ta'" \
		"--release='lvremove -q -y vg/now' --verify\""
	back_up of-lv
	check said "it was compared with the source" -u era-backup@of-lv.service
	fails test -e /dev/vg/now
	conf none DISK=plain TARGET=/root/none 'OPTIONS="--converge --incremental-only"'
	fails systemctl start era-backup@none.service
	check [ "$(systemctl show -P ExecMainStatus era-backup@none.service)" = 4 ]
	check said "no increment is possible: there is none yet" -u era-backup@none.service
	fails test -e /root/none
	fails systemctl start era-backup@missing.service
	systemctl reset-failed
	dd if=/dev/zero of=/srv/plain/after bs=4096 count=1 conv=fsync 2>/dev/null ||
		die "plain can't be written to"
}

is_suspended() {
	[ "$(cat "/sys/block/$(basename "$(readlink -f /dev/mapper/plain)")/dm/suspended")" = 1 ]
}

# All processes of a unit are killed while it has a device suspended, and its ExecStopPost resumes.
check_cgroup_kill() {
	cat >/run/systemd/system/suspends.service <<-'END'
		[Service]
		ExecStart=/bin/sh -c 'dmsetup suspend plain; sleep 1000'
		ExecStopPost=/usr/local/bin/era ctl plain resume
	END
	systemctl daemon-reload
	systemctl start suspends.service
	tries=0
	until is_suspended; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || die "is not suspended"
		sleep 0.1
	done
	systemctl kill -s KILL suspends.service
	while is_suspended; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || die "was not resumed"
		sleep 0.1
	done
	dd if=/dev/zero of=/srv/plain/after bs=4096 count=1 conv=fsync 2>/dev/null ||
		die "can't be written to"
}

has_target() {
	[ "$(dmsetup table "$1" | awk '{ print $3 }')" = "$2" ]
}

# It was mounted without its target, and is tracked again.
check_untracked() {
	check has_target lv linear
	check said "lv: is NOT TRACKED" -u era-setup@lv.service
	check [ "$(systemctl show -P Result era-setup-notes.service)" = success ]
	check test -s /var/lib/era-tools/lv.untracked
	fails test -e /run/era-tools/lv.untracked
	era setup status lv >/run/status
	check grep -q "^lv: NOT TRACKED since 2" /run/status
	fails era backup --json lv /run/backup
	fails era ctl lv barrier
	check umount /srv/lv
	check systemctl stop era-setup@lv.service
	fails test -e /dev/mapper/lv
	cp /root/lv_era /dev/vg/da-ta_era
	check systemctl start era-setup@lv.service
	check said "lv: was there without its target since 2" -u era-setup@lv.service
	check said "384 of 384 blocks count as written" -u era-setup@lv.service
	check has_target lv era
	era setup status lv >/run/status
	fails grep "NOT TRACKED" /run/status
}

# Two of the three fail. What mounts one of them fails, too, and the other is not tracked.
boot_4() {
	[ "$(source_of /srv/plain)" = /dev/mapper/plain ] || die "plain is not mounted"
	[ "$(source_of /srv/lv)" = /dev/mapper/lv ] || die "lv is not mounted"
	check has_target plain era
	# LVM's blkdeactivate may have stopped it at shutdown, before its unit did.
	fails said "320 of 320 blocks count as written" -u era-setup@plain.service
	fails mountpoint -q /srv/part
	fails test -e /dev/mapper/part
	check [ "$(systemctl is-failed era-setup@part.service)" = failed ]
	check said "checksum" -u era-setup@part.service
	check_untracked
}

# The root is tracked: what is written is in the list, and a change by another system is noticed.
boot_root() {
	[ "$(source_of /)" = /dev/mapper/root ] || die "the root is $(source_of /)"
	[ "$(discards root)" = 0 ] || die "discards are on"
	check systemctl is-active -q era-setup@root.service
	check has_target root era
	echo "era: $(era_of root)"
	dd if=/dev/urandom of=/root/written bs=64k count=4 conv=fsync 2>/dev/null
}

boot_root1() {
	boot_root
}

boot_root2() {
	boot_root
}

boot_root3() {
	boot_root
}

# Mounts that may fail are not waited for otherwise.
systemctl is-system-running --wait >/dev/null
"boot_$boot"
echo "guest: done"
systemctl --no-block poweroff
