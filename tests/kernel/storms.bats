#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Checkpoints faster than digestion, on metadata of the size that era_metadata_size recommends.
# However full ours leaves them, the kernel resumes them and goes on; and however full the kernel
# does, ours does, or says which size is enough.

load ../lib/common
load ../lib/truth
load ../target/driven
load kernel

bats_require_minimum_version 1.5.0

block=8
step=1

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate era_metadata_size era_restore drive
	scratch
}

# blank SIZE: blank metadata for an origin of that size.
blank() {
	sectors=$(($(numfmt --from=iec "$1") / 512))
	rm -f metadata before before.snap
	truncate -s "$(era_metadata_size --block-size 4k --device-size "$1" --unit bytes)" metadata
}

# resumed_by_ours: and every block can be marked, and what waited is digested.
resumed_by_ours() {
	driven "open metadata $block" "resume $sectors" "write 0 $sectors" digest checkpoint \
		'write 0 1' \
		digest checkpoint suspend
}

# boot N [WORD=VALUE...]: storms.sh in the kernel, from what "before" says.
boot() {
	local status=0
	cp before start
	: >log
	guest_boot "$PWD" "$kernel_dir/storms.sh" "$1" sectors="$sectors" block="$block" \
		step="$step" "${@:2}" \
		>said 2>&1 || status=$?
	guest_truth "$PWD"
	return "$status"
}

# kernel_resumes N: boot N, after which all is as true as before.
kernel_resumes() {
	boot "$1" || { cat said >&2; return 1; }
	[ ! -e before.snap ] || cp before.snap truth.snap
	image_is_true metadata truth || return
	mv truth before
	rm -f truth.snap
}

# goes_between N COMMAND...: ours leaves what these do, the kernel goes on in boot N, then ours
# again.
goes_between() {
	driven "open metadata $block format" "resume $sectors" "${@:2}" || return
	grep '^8 ' out | sed 's/^/# left: /' >&3
	kernel_resumes "$1" && resumed_by_ours
}

# crashes: right after a resume, which takes a bitset each time.
crashes() {
	local n
	for n in {1..30}; do
		again+=(crash "open metadata $block" "resume $sectors")
	done
}

# storms SIZE: each way to leave metadata full.
storms() {
	local all again=()
	blank "$1"
	all="write 0 $sectors"
	goes_between 2 exhaust status || return
	blank "$1"
	goes_between 1 "$all" exhaust "$all" status suspend || return
	blank "$1"
	goes_between 1 "$all" checkpoint digest take exhaust "$all" status || return
	blank "$1"
	goes_between 2 "$all" checkpoint "$all" take exhaust 'digest 3' exhaust "$all" 'digest 1' \
		status suspend || return
	blank "$1"
	crashes
	goes_between 1 "$all" exhaust "$all" "${again[@]}" "$all" status
}

# kernel_fills N [WORD=VALUE...]: boot N, on blank metadata, in which it finds no room.
kernel_fills() {
	echo '# sectors 0 block 8 nr_blocks 0 era 0' >before
	if boot "$@"; then
		echo "the kernel found room" >&2
		return 1
	fi
	grep '^filled: ' console."$1" | sed 's/^/# /' >&3
	grep -q '^guest: done' console."$1" || return
	mv truth before
	[ ! -e truth.snap ] || mv truth.snap before.snap
}

@test "the kernel resumes what ours left full" {
	storms 64M
}

@test "the kernel resumes what ours left full, on many blocks" {
	step=16
	blank 1G
	goes_between 2 exhaust status
}

# ours_resumes: or says how much it takes. Nothing is lost, and the kernel goes on from there.
ours_resumes() {
	image_is_true metadata before || return
	if resumed_by_ours 2>err; then
		cat err >&2
		kernel_resumes 1
	else
		sed 's/^/# /' err >&3
		is_moved "$(sed -n 's/.*wanted \([0-9]*\) metadata blocks in all$/\1/p' err)"
	fi
}

# is_moved BLOCKS: it is enough, and more than there were.
is_moved() {
	[ -n "$1" ] || return
	mv metadata full
	era_dump -o xml full || return
	truncate -s $(($1 * 4096)) metadata
	[ "$(stat -c %s metadata)" -gt "$(stat -c %s full)" ] || return
	era_restore -q -i xml -o metadata || return
	rm -f before.snap
	resumed_by_ours
}

filled_and_crashed() {
	local words
	for words in '' 'held=1 writes=1'; do
		blank "$1"
		# shellcheck disable=SC2086
		kernel_fills 3 $words || return
		ours_resumes || return
	done
}

@test "ours resumes what the kernel left full at a crash" {
	filled_and_crashed 64M
}

@test "ours resumes what the kernel left full at a crash, on many blocks" {
	step=16
	filled_and_crashed 512M
}

@test "a writeset that the kernel lost when it was stopped is said at the start" {
	blank 64M
	kernel_fills 4 writes=1
	status_is 1 era_check metadata
	printf '%s\n' "open metadata $block" "resume $sectors" >commands
	cp metadata left
	status_is 1 drive <commands
	grep 'root of a writeset: pointer out of range: found 0' "$stderr"
	grep 'is lost; era repair' "$stderr"
	cmp metadata left
}
