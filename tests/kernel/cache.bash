# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What the tests of dm-cache over dm-era share: the disks of the stack that cache.sh makes, in $dir.

# shellcheck disable=SC2034
disk_bytes=$((8 << 20))
# shellcheck disable=SC2034
cache_sectors=64

# make_stack_disks: all but spare_data, whose size depends on the test.
make_stack_disks() {
	local tool
	for tool in cache_check cache_dump cache_restore; do
		need "$PEER_DIR/$tool"
	done
	dir=$BATS_TEST_TMPDIR/stack
	mkdir "$dir"
	cd "$dir" || return
	truncate -s 1M metadata cache_meta spare_meta
	truncate -s 3M cache_data
	truncate -s $disk_bytes vendor spare_disk
	generation 1 >disk
	generation 2 >ink.2
	generation 3 >ink.3
	cp disk ink.1
}

# generation N: a whole disk of it, each sector with its number.
generation() {
	awk -v n="$1" -v sectors=$((disk_bytes / 512)) '
		BEGIN { for (i = 0; i < sectors; i++) printf "%-511s\n", "sector " i " generation " n }'
}

# boot_stack SCENARIO BOOT [WORD=VALUE...]
boot_stack() {
	guest_boot "$dir" "$kernel_dir/$1" "$2" ubd1=disk ubd2=cache_meta ubd3=cache_data \
		ubd4=vendor ubd5=spare_meta ubd6=spare_data ubd7=spare_disk ink="$dir/ink" "${@:3}"
}

# figure NAME: of any boot.
figure() {
	sed -n "s/^figure: $1 //p" console.*
}
