#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Incremental backup end to end, on a device that is written to all the time. backup.sh is what is
# done in the guest; here the ranges are copied from the storage snapshots into the backups, and
# each backup must equal its storage snapshot. What is known to lose something must be seen to lose
# it.

load ../lib/common
load ../lib/truth
load ../lib/cases
load kernel

bats_require_minimum_version 1.5.0

block_bytes=4096
disk_bytes=$((2048 * block_bytes))

setup() {
	need_kernel
	need jq
	need_ours era_check era_dump era_format era_invalidate era_restore
	scratch
	mkdir page
	awk -v out=page -f "$abs_top_srcdir/tests/lib/page.awk" "$abs_top_srcdir/doc/by-hand.md"
	head -c $disk_bytes /dev/urandom >disk
	truncate -s 1M metadata
}

# boot N WORD=VALUE...
boot() {
	guest_boot "$PWD" "$kernel_dir/backup.sh" "$1" ubd1=disk folder="$PWD" "${@:2}" || return
	fails grep "a write failed" "console.$1"
}

# add_ranges RANGES SNAPSHOT BACKUP: what a backup program does.
add_ranges() {
	local offset length
	while read -r offset length; do
		dd if="$2" of="$3" bs=1M iflag=skip_bytes,count_bytes oflag=seek_bytes \
			skip="$offset" count="$length" seek="$offset" conv=notrunc status=none
	done <"$1"
}

# nr_different FILE FILE: in data blocks.
nr_different() {
	awk -v bytes=$block_bytes '
		{ seen[int(($1 - 1) / bytes)] }
		END { for (b in seen) n++; print n + 0 }' < <(cmp -l "$1" "$2")
}

# backup G: generation G from the one before; sets $lost to how many blocks of it are wrong.
backup() {
	local gen=$1 words
	cp "backup.$((gen - 1))" "backup.$gen"
	add_ranges "ranges.$gen" "snapshot.$gen" "backup.$gen"
	lost=$(nr_different "snapshot.$gen" "backup.$gen")
	words=$(awk -v bytes=$block_bytes '
		{ n += $2 / bytes }
		END { print n + 0, "blocks in", NR, "ranges copied" }' "ranges.$gen")
	echo "# generation $gen: $words, $lost wrong; writes in flight: $(figure "$gen")" >&3
}

# What the guest counted for a generation.
figure() {
	local before after
	read -r before after _ < <(sed -n "s/^figure: $1 //p" console.*)
	echo "${before:-none}, at the storage snapshot ${after:-none}"
}

# full G: the first one.
full() {
	cp "snapshot.$1" "backup.$1"
}

# nothing_lost G...: these generations from the ones before.
nothing_lost() {
	local gen
	for gen; do
		backup "$gen"
		[ "$lost" = 0 ] || return
		# It would be no proof if all or nothing was copied, or nobody wrote.
		[ "$(wc -l <"ranges.$gen")" -gt 5 ] || return
	done
}

# writes_in_flight G...: when the barrier began, there were some.
writes_in_flight() {
	local gen
	for gen; do
		sed -n "s/^figure: $gen //p" console.* | awk '$1 < 1 { exit 1 }' || return
	done
}

@test "three generations, each storage snapshot after a barrier: nothing is lost" {
	boot 1 from=0 to=3 order=barrier
	full 0
	nothing_lost 1 2 3
	writes_in_flight 0 1 2 3
	image_is_sound metadata
}

@test "the same with a checkpoint loses writes that were in flight" {
	local gen total=0
	boot 1 from=0 to=2 order=checkpoint
	full 0
	for gen in 1 2; do
		backup "$gen"
		total=$((total + lost))
	done
	[ "$total" -gt 0 ]
}

# offline G: a generation of a device that nobody has active. The next resume begins the era that
# belongs to it.
offline() {
	cp disk "snapshot.$1"
	era_invalidate --written-since "$(cat "era.$(($1 - 1))")" \
		--format ranges metadata >"ranges.$1"
	era_check --json metadata | jq '.live.current_era + 1' >"era.$1"
}

@test "a crash between generations; one of them taken before the device is active again" {
	boot 1 from=0 to=1 order=barrier end=crash
	full 0
	nothing_lost 1
	[ "$(era_check --json metadata | jq .live.clean)" = false ]
	offline 2
	nothing_lost 2
	boot 2 from=3 to=3 order=barrier
	nothing_lost 3
}

@test "a resize: all that is past the smallest size is written" {
	local way first=12288 smallest=8192
	boot 3 first=$first smallest=$smallest order=barrier
	truncate -s $((first * 512)) snapshot.0
	full 0
	truncate -s $disk_bytes backup.0
	for way in none first smallest; do
		cp "ranges.$way" ranges.1
		backup 1
		echo "# --old-size $way: $lost wrong" >&3
		case $way in
		smallest) [ "$lost" = 0 ] ;;
		*) [ "$lost" -gt 0 ] ;;
		esac
	done
}

# lost_metadata: generation 1 is remembered, and the metadata are gone.
lost_metadata() {
	boot 1 from=0 to=1 order=barrier
	full 0
	nothing_lost 1
	rm metadata
	truncate -s 1M metadata
}

# all_up_to ERA: each era to this one is answered with all blocks, and the next one is not.
all_up_to() {
	local era
	for ((era = 0; era <= $1 + 1; era++)); do
		era_invalidate --written-since $era --format ranges metadata >got || return
		if [ $era -le "$1" ]; then
			echo "0 $disk_bytes" | cmp - got || return
		else
			[ "$(wc -l <got)" -gt 1 ] || return
		fi
	done
}

@test "lost metadata: a remembered era is refused until it comes again; era_format lists all" {
	local era
	lost_metadata
	era=$(cat era.1)
	boot 4 order=barrier
	grep '^early: 4 .*treat every block as written' console.4
	[ ! -s ranges.early ]

	# Nothing can tell any more: these metadata know an era of that number.
	grep '^late: 0 ' console.4
	backup 2
	[ "$lost" -gt 0 ]

	era_format -q --force --block-size $block_bytes --device-size $disk_bytes \
		--era $((era + 10)) metadata
	image_is_sound metadata
	boot 2 from=2 to=3 order=barrier
	[ "$(cat ranges.2)" = "0 $disk_bytes" ]
	backup 2
	[ "$lost" = 0 ]
	nothing_lost 3
	image_is_sound metadata
	all_up_to $((era + 10))
}

# resumes BLOCK_SECTORS SECTORS ERA
resumes() {
	local nr=$((($2 + $1 - 1) / $1)) dir
	dir=$PWD/$1-$2
	mkdir "$dir"
	truncate -s 8M "$dir/metadata"
	era_format -q --block-size "$1s" --device-size "$2s" --era "$3" "$dir/metadata" || return
	printf '# sectors %d block %d nr_blocks %d era %d\n0 %d %d\n' "$2" "$1" "$nr" "$3" \
		$((nr - 1)) "$3" >"$dir/formatted"
	image_is_true "$dir/metadata" "$dir/formatted" && works_on "$dir" "$dir/formatted" &&
		image_is_true "$dir/metadata" "$dir/truth"
}

@test "the kernel works on what era_format writes" {
	cases 1 resumes <<-'EOF'
		56 | 100003 | 7
	EOF
}
