#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Block devices that fail, in a real kernel: blocks that can't be read (dm-dust), writes that fail
# or are lost (dm-flakey), and the order in which writes reach the disk (dm-log-writes).

load ../lib/common
load ../lib/cases
load ../lib/damage
load ../lib/truth
load kernel

setup() {
	need_kernel
	need_ours "${programs[@]}"
	test_tool replay
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	zcat "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >"$dir/image"
	era_dump -o "$dir/new.xml" "$dir/image"
	era_invalidate --written-since 9 --format ranges --unit blocks "$dir/image" >"$dir/right"
}

boot() {
	guest_boot "$dir" "$kernel_dir/failing.sh" "$@"
	grep '^answer: ' "$dir/console.$1" >"$dir/answers"
}

# answers WORD: a line a status, "STATUS HOW-MANY", of the answers that begin so.
statuses() {
	awk -v of="$1" '$2 == of && $3 != "none" { n[$4]++ } END { for (s in n) print s, n[s] }' \
		"$dir/answers" | sort
}

# ranges_cover BLOCK: what was listed with that block missing holds all of $dir/right.
ranges_cover() {
	sed -n "s/^range: $1 //p" "$dir/console.1" | awk '
		NR == FNR { first[++n] = $1; end[n] = $1 + $2; next }
		{ while (at < n && end[at + 1] < $1 + $2) at++ }
		at == n || first[at + 1] > $1 { exit 1 }' - "$dir/right"
}

@test "a block that can't be read, whichever" {
	local nr used block status n=0
	used_blocks "$dir/image" | sort -n >"$dir/used"
	used=$(wc -l <"$dir/used")
	{ cat "$dir/used"; seq 250 253; } >"$dir/blocks"
	nr=$((used + 4))
	cp "$dir/image" "$dir/metadata"
	boot 1 blocks="$dir/blocks"
	grep -qx "answer: check none 0" "$dir/answers"
	# Each block in use, and no other, keeps the check from its end.
	diff <(statuses check) <(printf '%s\n' "0 4" "3 $used")
	diff <(awk '$2 == "check" && $4 == 3 { print $3 }' "$dir/answers") "$dir/used"
	[[ $(statuses dump) =~ ^"3 "[0-9]+$ ]]
	[[ $(statuses snapshot) =~ ^"0 "[0-9]+$'\n'"3 "[0-9]+$ ]]
	[[ $(statuses invalidate) =~ ^"0 "[0-9]+$'\n'"3 1"$'\n'"5 "[0-9]+$ ]]
	grep -qx "answer: invalidate 0 3" "$dir/answers"
	while read -r _ _ block status; do
		[ "$status" != 3 ] || continue
		ranges_cover "$block" ||
			{ echo "less than the truth without block $block"; return 1; }
		n=$((n + 1))
	done < <(grep '^answer: invalidate' "$dir/answers")
	[ "$n" = $((nr - 1)) ]
	cmp "$dir/metadata" "$dir/image"
}

# An old state on a device with room for the new one.
old_state() {
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >"$dir/before"
	truncate -s 1M "$dir/before"
	cp "$dir/before" "$dir/metadata"
}

@test "writes that fail, and writes that are lost" {
	old_state
	boot 2 xml="$dir/new.xml" before="$dir/before"
	diff "$dir/answers" - <<-'EOF'
		answer: no-writes 3
		answer: no-writes-check 0
		answer: no-writes-same 0
		answer: lost-writes 0
		answer: lost-writes-check 0
		answer: lost-writes-same 0
		answer: some-writes 3
		answer: some-writes-check 1
		answer: some-writes-same 1
	EOF
	grep -q 'said: .*cannot write block.*: Input/output error' "$dir/console.2"
	grep -q 'said: .*cannot flush: Input/output error' "$dir/console.2"
	[ "$(grep -c 'said: .*what it held before may be lost' "$dir/console.2")" = 2 ]
	status_is 1 era_dump "$dir/metadata"
	fails cmp -s -n 4096 "$dir/metadata" /dev/zero
}

# replayed: after each entry of the log it is the old state, none, or the new; at the end the new.
replayed() {
	local n nr state states=
	nr=$(replay "$dir/log.writes")
	for ((n = 0; n <= nr; n++)); do
		cp "$dir/before" "$dir/stopped"
		replay "$dir/log.writes" "$n" "$dir/stopped"
		if cmp -s "$dir/stopped" "$dir/before"; then
			state=old
		elif era_check -q "$dir/stopped"; then
			era_dump "$dir/stopped" | cmp - "$dir/new.xml" || return
			state=new
		else
			fails era_check -q --super-block-only "$dir/stopped" || return
			fails cmp -s -n 4096 "$dir/stopped" /dev/zero || return
			state=none
		fi
		[ "${states##* }" = $state ] || states="$states $state"
	done
	echo "# $nr entries:$states" >&3
	[ "$states" = " old none new" ]
}

@test "era_restore, stopped at each entry of the log" {
	old_state
	truncate -s 16M "$dir/log.writes"
	boot 3 xml="$dir/new.xml" ubd1="$dir/log.writes"
	grep -qx "answer: restore 0" "$dir/answers"
	replayed
}

@test "era_repair, stopped at each entry of the log" {
	old_state
	truncate -s 16M "$dir/log.writes"
	boot 4 before="$dir/image" ubd1="$dir/log.writes"
	grep -qx "answer: repair 0" "$dir/answers"
	replayed
}
