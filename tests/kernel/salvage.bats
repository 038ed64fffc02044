#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# A real kernel resumes salvaged metadata, works on all of them, and they stay sound and true.

load ../lib/common
load ../lib/truth
load ../lib/cases
load ../lib/damage
load kernel

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate era_repair
	scratch
}

# salvaged IMAGE: into metadata, with the era it had; all its eras are true.
salvaged() {
	local image=$abs_top_srcdir/tests/images/$1 block nr_blocks era
	block=$(truth_field block "$image/truth")
	nr_blocks=$(truth_field nr_blocks "$image/truth")
	era=$(truth_field era "$image/truth")
	gzip -dc "$image/image.gz" >damaged
	head -c 4096 /dev/urandom | dd of=damaged conv=notrunc status=none
	truncate -s "$(stat -c %s damaged)" metadata
	status_is 5 era_repair -q -i damaged -o metadata --block-size "${block}s" \
		--nr-blocks "$nr_blocks" \
		--current-era "$era" || return
	answers_are_true metadata "$image/truth"
}

@test "the kernel works on salvaged metadata" {
	salvaged 002-crash
	works_on "$PWD" "$abs_top_srcdir/tests/images/002-crash/truth"
	image_is_true metadata truth
}

@test "the kernel works on salvaged metadata of several array blocks and many eras" {
	salvaged 004-undigested
	works_on "$PWD" "$abs_top_srcdir/tests/images/004-undigested/truth"
	image_is_true metadata truth
}

# since_all IMAGE: what was written since each era.
since_all() {
	local n
	for n in 1 2 3 4; do
		echo "since $n"
		era_invalidate --written-since "$n" --format ranges --unit blocks "$1" || return
	done
}

@test "a space map of two bitmaps, filled by an array of 17 million blocks" {
	cat >large.sh <<-'EOF'
		metadata=128M
		boot_1() {
			era_create $((17500000 * 8)) 8
			for round in 1 2 3; do
				for write in 1 2 3 4 5 6 7 8 9 10 11 12; do
					era_write $(((round * 1234567 + write * 1400007) % 17500000))
				done
				era_checkpoint
				era_digest
			done
			for write in 1 2 3 4 5 6 7 8 9 10; do
				era_write $((write * 1400017))
			done
			crash
		}
	EOF
	mkdir run
	truncate -s 128M run/metadata
	guest_boot "$PWD/run" "$PWD/large.sh" 1
	mv run/metadata damaged
	since_all damaged >right
	grep -qx 14000170\ 1 right
	head -c 4096 /dev/urandom | dd of=damaged conv=notrunc status=none
	truncate -s 256M fixed
	status_is 5 era_repair -i damaged -o fixed --block-size 4k --current-era 4
	since_all fixed >got
	cmp right got
}
