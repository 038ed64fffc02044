#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
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
	status_is 5 era_repair -q -i damaged -o metadata --block-size "${block}s" --nr-blocks "$nr_blocks" \
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
