#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# A whole system boots with tracked devices, its power fails, and it boots again: boot.sh is what is
# done, and checked, in the guest.

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
	truncate -s 48M volumes
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
