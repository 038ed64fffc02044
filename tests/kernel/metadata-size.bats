#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What era_metadata_size prints is enough for the busiest history, and not more than twice what that
# history was seen to use; and what the kernel does when metadata run out.

load ../lib/common
load ../lib/truth
load ../lib/cases
load kernel

bats_require_minimum_version 1.5.0

# Block size, size of the tracked device, undigested writesets.
sizes="4k 1M 2
28k 255M 5
4k 1G 2
4k 1G 10"

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate era_metadata_size era_restore
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
}

# A line for each size: what busy.sh is to do, with LESS KiB of metadata less.
busy_cases() {
	local less=$1 block size writesets kib
	while read -r block size writesets; do
		kib=$(era_metadata_size --block-size "$block" --device-size "$size" \
			--writesets "$writesets" --unit k)
		echo "busy $((kib - less)) $(($(numfmt --from=iec "${size^^}") / 512))" \
			"$(($(numfmt --from=iec "${block^^}") / 512)) $writesets"
	done
}

# busy: all of "$work/cases", in one boot.
busy() {
	truncate -s 4K "$work/metadata"
	guest_boot "$work" "$kernel_dir/busy.sh" 1 cases="$work/cases"
}

# not_too_large KIB SECTORS BLOCK WRITESETS AT_REST PEAK TOTAL WHEN
not_too_large() {
	printf '# %d blocks of %d sectors, %d writesets: at rest %d, peak %d (%s), size %d: %d%%\n' \
		$((($2 + $3 - 1) / $3)) "$3" "$4" "$5" "$6" "$8" "$7" $(($7 * 100 / $6)) >&3
	[ $(($1 / 4)) = "$7" ] || wrong "the target has $7 blocks of $1 KiB"
	[ "$7" -le $((2 * $6)) ] || wrong "more than twice as many as were used"
}

@test "enough, and not more than twice what is used" {
	local words
	busy_cases 0 <<<"$sizes" >"$work/cases"
	busy
	grep -c '^case: ' "$work/console.1" | grep -x "$(wc -l <<<"$sizes")"
	while read -r _ words; do
		# shellcheck disable=SC2086
		not_too_large $words || touch "$work/failed"
	done < <(grep '^case: ' "$work/console.1")
	[ ! -e "$work/failed" ]
}

@test "a twelfth less is not enough" {
	busy_cases $((4 * 70)) <<<"4k 1G 2" >"$work/cases"
	run -1 busy
	[[ $output == *"unable to allocate new metadata block"* ]]
}

@test "metadata that run out: writes are refused, the last commit is whole, and can be moved" {
	truncate -s 344K "$work/metadata"
	run -1 guest_boot "$work" "$kernel_dir/busy.sh" 2
	[[ $output == *"the target complains"* ]]
	sed -n 's/^said: /# /p; s/^device-mapper/# &/p' "$work/console.2" | uniq >&3
	grep '^said: 1: .*Input/output error' "$work/console.2"
	grep '^said: 1: .*message .*No space left on device' "$work/console.2"
	guest_truth "$work"
	image_is_true "$work/metadata" "$work/truth"

	mkdir "$work/larger"
	era_dump -o "$work/xml" "$work/metadata"
	truncate -s "$(era_metadata_size --block-size 4k --device-size 256M --unit bytes)" \
		"$work/larger/metadata"
	era_restore -i "$work/xml" -o "$work/larger/metadata"
	works_on "$work/larger" "$work/truth"
	image_is_true "$work/larger/metadata" "$work/larger/truth"
}
