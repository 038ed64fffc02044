#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What systemd and udev are told of the table: units, their additions, and what a rule is answered.
# tests/kernel/boot.bats boots with them.

load ../lib/common
load ../lib/cases

boot=$abs_top_builddir/boot

setup() {
	need_ours era
	[ -x "$boot/era-setup-generator" ] || { echo "boot/ is not built"; false; }
	scratch
	printf '%s\n' 'data /dev/vg/da-ta vg-meta 64k' \
		'mail PARTUUID=5C2E-02 PARTUUID=5c2e-03 4k degraded,_netdev' \
		'own-er.x /dev/disk/by-id/a /dev/disk/by-id/b 4k noauto' >tab
	: >fstab
}

# generated STATUS: the units are in the folder units, what is said in the file said.
generated() {
	rm -rf units
	mkdir units
	ERA_KMSG=/nowhere/kmsg ERA_ERATAB=$PWD/tab ERA_FSTAB=$PWD/fstab \
		status_is "$1" "$boot/era-setup-generator" units units units || return
	cp "$stderr" said
}

# adds UNIT LINE...: these are what its addition says.
adds() {
	local unit=$1
	shift
	printf '%s\n' "$@" | diff -u - <(grep = "units/$unit.d/50-eratab.conf")
}

links() {
	(cd units && find . -type l | sed 's,^\./,,' | sort)
}

@test "a unit for each line, which waits for its devices, and for which mounts wait" {
	generated 0
	[ ! -s said ]
	adds 'era-setup@data.service' "SourcePath=$PWD/tab" \
		'Requires=dev-vg-da\x2dta.device' 'After=dev-vg-da\x2dta.device' \
		'Requires=dev-mapper-vg\x2dmeta.device' 'After=dev-mapper-vg\x2dmeta.device' \
		'Wants=local-fs-pre.target' 'Before=local-fs-pre.target'
	adds 'era-setup@mail.service' "SourcePath=$PWD/tab" \
		'Requires=dev-disk-by\x2dpartuuid-5c2e\x2d02.device' \
		'After=dev-disk-by\x2dpartuuid-5c2e\x2d02.device' \
		'Wants=dev-disk-by\x2dpartuuid-5c2e\x2d03.device' \
		'After=dev-disk-by\x2dpartuuid-5c2e\x2d03.device' \
		'After=network-online.target' 'Wants=network-online.target' \
		'Wants=remote-fs-pre.target' 'Before=remote-fs-pre.target'
	links | diff -u - <(cat <<-'END'
		dev-mapper-data.device.requires/era-setup@data.service
		dev-mapper-mail.device.requires/era-setup@mail.service
		dev-mapper-own\x2der.x.device.requires/era-setup@own\x2der.x.service
		local-fs.target.wants/era-setup@data.service
		remote-fs.target.wants/era-setup@mail.service
		sysinit.target.wants/era-setup-notes.service
	END
	)
	[ "$(readlink units/local-fs.target.wants/*)" = \
		"$(readlink units/remote-fs.target.wants/*)" ]
}

@test "no table, and an empty one: no units" {
	echo '# NAME' >tab
	generated 0
	[ -z "$(ls units)" ]
	rm tab fstab
	generated 0
	[ -z "$(ls units)" ]
	[ ! -s said ]
	printf 'data\0\n' >tab
	generated 1
	grep -q 'tab: is no text: it holds a zero byte' said
}

@test "a wrong line is said, has a unit that fails, and leaves the others" {
	sed -i -e '1i disk /dev/sda /dev/sdb 64k' -e '$a ../evil a b 4k' tab
	generated 0
	grep -q "^era-setup-generator: .*tab: line 1: '/dev/sda' may be another device" said
	grep -q "tab: line 5: '../evil' is no name" said
	links | grep -c '@\(data\|mail\|own\\x2der.x\|disk\)\.service$' | grep -qx 7
	links | grep -qx 'dev-mapper-disk.device.requires/era-setup@disk.service'
	[ "$(links | wc -l)" = 8 ]
	status_is 1 era setup --eratab tab activate disk
	grep -q "tab: line 1: '/dev/sda' may be another device" "$stderr"
	grep -q "disk: its line in tab is wrong" "$stderr"
}

@test "an origin that fstab mounts is said, and waits for the target that has it" {
	cat >fstab <<-'END'
		/dev/mapper/vg-da--ta /srv/a-b ext4 defaults 0 0
		/dev/mapper/data /srv/right ext4 defaults 0 0
		UUID=5c2e-02 /srv/uuid ext4 defaults 0 0
		PARTUUID=5c2e-02 / ext4 defaults 0 0
		none /proc proc defaults 0 0
	END
	generated 0
	grep -q "fstab: /dev/mapper/vg-da--ta is the origin of data, and can't be mounted on /srv/a-b:" \
		said
	grep -q "fstab: PARTUUID=5c2e-02 is the origin of mail, .* mount /dev/mapper/mail instead" \
		said
	[ "$(wc -l <said)" = 2 ]
	adds 'srv-a\x2db.mount' 'Requires=era-setup@data.service' 'After=era-setup@data.service'
	[ "$(ls -d units/*.mount.d)" = 'units/srv-a\x2db.mount.d' ]
}

# verified: systemd takes the unit with its additions.
verified() {
	rm -rf verify
	mkdir -p verify/bin
	sed "s,^\(Exec[A-Za-z]*=-\?\).*/,\1$PWD/verify/bin/," "$boot/era-setup@.service" \
		>"verify/era-setup@.service"
	sed "s,^\(ExecStart=\).*/,\1$PWD/verify/bin/," "$boot/era-setup-notes.service" \
		>verify/era-setup-notes.service
	ln -s "$(type -P era)" verify/bin/era
	cp -r units/*.d verify
	(cd verify && systemd-analyze verify --man=no ./era-setup@data.service \
		./era-setup@mail.service './era-setup@own\x2der.x.service' \
		./era-setup-notes.service) >found 2>&1 || return
	fails grep . found
}

@test "systemd finds nothing wrong with the units" {
	need systemd-analyze
	generated 0
	verified || { cat found; false; }
	grep -q 'Requires=dev-vg' verify/era-setup@data.service.d/50-eratab.conf
	sed -i 's/^Requires=dev/Reqiures=dev/' units/era-setup@data.service.d/50-eratab.conf
	fails verified
	grep -q Reqiures found
}

# backup_verified: systemd takes the units of backups, whose program is where this one is.
backup_verified() {
	rm -rf verify
	mkdir -p verify
	sed "s,/[^ ]*/era ,$(type -P era) ,g" "$boot/era-backup@.service" \
		>verify/era-backup@.service
	cp "$boot/era-backup@.timer" verify
	(cd verify && SYSTEMD_UNIT_PATH=$PWD: systemd-analyze verify --man=no \
		./era-backup@data.timer ./era-backup@data.service) >found 2>&1 || return
	fails grep . found
}

@test "systemd finds nothing wrong with the units of backups" {
	need systemd-analyze
	backup_verified || { cat found; false; }
	[ "$(grep -c "$(type -P era) " verify/era-backup@.service)" = 2 ]
	fails grep -nE '%[A-Z]+%' "$boot"/era-backup@.{service,timer}
	cp "$boot"/era-backup@.* .
	sed -i 's/^KillMode=.*/KillMode=guards/' era-backup@.service
	boot=$PWD
	fails backup_verified
	grep -qi "kill mode" found
	sed -i 's/^KillMode=.*/KillMode=process/' era-backup@.service
	sed -i 's/^OnCalendar=.*/OnCalendar=now and then/' era-backup@.timer
	fails backup_verified
}

@test "the unit and the generator say the same of where a boot may not wait" {
	grep -qx 'TimeoutStartSec=10min' "$boot/era-setup@.service"
	grep -qx 'TimeoutStopSec=2min' "$boot/era-setup@.service"
	grep -q '^ExecStart=.*/era setup activate %I$' "$boot/era-setup@.service"
	grep -q '^ExecStop=.*/era setup -q deactivate %I$' "$boot/era-setup@.service"
	fails grep -n % "$boot/62-era.rules"
}

# origin ARGUMENT...: what a rule is answered of a device.
origin() {
	ERA_ERATAB=$PWD/tab "$boot/era-origin" "$@"
}

@test "udev is told of origins, by each of their names, and of discards that pass" {
	[ "$(origin /dev/dm-7 vg-da--ta LVM-x vg/da-ta disk/by-uuid/1 disk/by-id/x \
		disk/by-label/y)" = $'ERA_TRACKED=data\n.ERA_LINKS=vg/da-ta disk/by-id/x' ]
	[ "$(origin /dev/dm-7 vg-da--ta)" = $'ERA_TRACKED=data\n.ERA_LINKS=' ]
	origin /dev/sda2 '' '' disk/by-path/x disk/by-partuuid/5c2e-02 | grep -qx ERA_TRACKED=mail
	[ -z "$(origin /dev/sda3 '' '' disk/by-partuuid/5c2e-03)" ]
	[ -z "$(origin /dev/dm-8 data ERA-data)" ]
	sed -i '1s/$/ discards=pass/' tab
	[ "$(origin /dev/dm-8 data ERA-data)" = ERA_DISCARDS=pass ]
	[ -z "$(origin /dev/dm-8 data LVM-data)" ]
	status_is 1 origin
	echo wrong >>tab
	origin /dev/dm-7 vg-da--ta | grep -qx ERA_TRACKED=data
}

@test "at shutdown, what the origins of targets that are left is remembered" {
	sh -n "$boot/era.shutdown"
	grep -q '/era setup -q --all remember ' "$boot/era.shutdown"
	sh -n "$boot/initramfs/hook"
	sh -n "$boot/initramfs/local-block"
	sh -n "$boot/dracut/module-setup.sh"
	sh -n "$boot/dracut/activate.sh"
	fails grep -rnE '%[A-Z]+%' "$boot" --include=hook --include=local-block --include='*.sh' \
		--include='era*e' --include=era.shutdown
}
