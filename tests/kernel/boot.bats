#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# A whole system boots with tracked devices, its power fails, and it boots again: boot.sh is what is
# done, and checked, in the guest.
#
# ERA_BOOTS=1 boots a system with a tracked root, too.

load ../lib/common
load ../lib/cases
load ../lib/image
load ../lib/truth
load kernel
load boot

setup() {
	need_ours era era_invalidate
	need_device_mapper
	need_boot
	scratch
}

make_disks() {
	truncate -s 20M plain
	mke2fs -q -F -t ext4 plain
	truncate -s 6M plain_era
	truncate -s 32M parts
	printf 'label: gpt\nsize=20M\nsize=8M\n' | sfdisk -q parts
	truncate -s 20M part
	mke2fs -q -F -t ext4 part
	dd if=part of=parts bs=1M seek=1 conv=notrunc status=none
	truncate -s 72M volumes
}

boot() {
	boot_system "$1" plain plain_era parts volumes
}

# Blocks of 64k in which two files differ.
differing() {
	{ cmp -l "$1" "$2" || :; } | awk '{ print int(($1 - 1) / 65536) }' | uniq
}

# listed ERA: the blocks of 64k that were written since then.
listed() {
	era_invalidate --written-since "$1" --format ranges plain_era |
		awk '{ for (b = $1; b < $1 + $2; b += 65536) print b / 65536 }'
}

@test "devices are tracked from boot on, through a power failure; what fails is not mounted" {
	local era
	make_root root
	make_disks
	cp "$kernel_dir/boot.sh" scenario.sh
	boot 1
	cp plain before
	boot 2
	era=$(sed -n 's/^era: //p' console.2)
	listed "$((era - 1))" | sort >list
	differing before plain | sort >truth
	[ "$(wc -l <truth)" -gt 36 ]
	[ -z "$(comm -13 list truth)" ]
	[ "$(wc -l <list)" -lt 200 ]
	boot 3
	boot 4
}

by_path=/dev/disk/by-path/platform-uml-blkdev

# make_initramfs TREE: and the table that it gets. $make_image makes it, with options and version.
make_initramfs() {
	local version
	version=$(ls "$1/lib/modules")
	echo "root $by_path.0 $by_path.1 64k" >"$1/etc/eratab"
	echo '/dev/mapper/root / ext4 defaults 0 0' >"$1/etc/fstab"
	echo CONFIG_RD_GZIP=y >"$1/boot/config-$version"
	chroot "$1" "${make_image[@]}" "$version" >initrd.log 2>&1 ||
		{ cat initrd.log; return 1; }
	mv "$1/initrd" .
}

# Boots it three times. What another system writes to it is noticed.
boot_tracked_root() {
	[ -n "${ERA_BOOTS:-}" ] || skip "a tracked root: only with ERA_BOOTS=1"
	local boot_words=(initrd=initrd root=/dev/mapper/root ro)
	make_root root make_initramfs
	truncate -s 8M root_era
	era format -q --block-size 64k --origin root root_era
	cp "$kernel_dir/boot.sh" scenario.sh
	boot_system root1 root_era
	grep -q 'root: nothing is known of the origin as it was before' console.root1
	boot_system root2 root_era
	fails grep 'count as written' console.root2
	era check -q root_era
	# Before the superblock there is room for others.
	printf x | dd of=root bs=1 seek=100 conv=notrunc status=none
	boot_system root3 root_era
	grep -q 'root: block 0 of the origin has changed' console.root3
	grep -q '9600 of 9600 blocks count as written' console.root3
}

@test "a tracked root filesystem, by initramfs-tools" {
	local make_image=(mkinitramfs -o /initrd)
	boot_tracked_root
}

@test "a tracked root filesystem, by dracut" {
	local make_image=(dracut --no-hostonly /initrd)
	boot_tracked_root
}
