#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Witnesses on a real kernel: other lives are refused, whatever era they are in; and what a kernel's
# own life leaves never is, however its boots end. For other histories:
#	ERA_RANDOM_SEEDS="1 2 3" bats tests/kernel/witness.bats

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel
load random

setup() {
	need_kernel
	need_ours era_check era_dump era_invalidate era_repair era_restore
	scratch
}

# boot N: on the folder's metadata.
boot() {
	guest_boot "$PWD" "$kernel_dir/witness.sh" "$1" folder="$PWD"
}

# answers STATUS WITNESS METADATA [OPTION...]
answers() {
	status_is "$1" era_invalidate --written-since 1 --witness "$2" "${@:4}" "$3" >list
}

@test "an older copy, and metadata made anew, in earlier eras and in later ones" {
	local round era_then era_now
	mkdir life
	truncate -s 1M life/metadata
	cd life
	boot 1
	answers_with one metadata
	cp -r . ../copy
	boot 2
	[ "$(grep -c '^answer: 0 ' console.2)" = 2 ]
	answers_with two metadata
	answers 0 one metadata
	answers 0 live metadata
	era_then=$(superblock . 184)

	cd ../copy
	answers 4 ../life/two metadata
	grep -F "older than the witness" "$stderr"
	boot 3
	[ "$(superblock . 184)" -gt "$era_then" ]
	answers 0 one metadata
	answers 4 ../life/two metadata
	grep -F "other metadata than the witness's" "$stderr"
	answers 4 ../life/live metadata

	mkdir ../anew
	cd ../anew
	truncate -s 1M metadata
	era_now=0
	for ((round = 1; era_now <= era_then; round++)); do
		boot 4
		era_now=$(superblock . 184)
		answers 4 ../life/two metadata
		answers 4 ../life/one metadata
		[ ! -s list ]
	done
	[ "$round" -gt 3 ]
}

# answers_with WITNESS METADATA: makes it.
answers_with() {
	status_is 0 era_invalidate --written-since 0 --witness-out "$1" "$2" >list
}

# The smallest size that the device has had, by the log.
smallest() {
	awk '$2 == "load" && (!n++ || $3 < least) { least = $3 } END { print least }' "$dir/log"
}

has_shrunk() {
	awk '$2 == "load" { if ($3 < last) shrunk = 1; last = $3 } END { exit !shrunk }' "$dir/log"
}

# passes_as_later WITNESS METADATA [-m OPTION...]: the same life. A device that shrank has lost
# eras.
passes_as_later() {
	exit_status era_invalidate --written-since 0 --witness "$1" "${@:3}" "$2" >list
	nr_compared=$((nr_compared + 1))
	[ "$status" != 0 ] || return 0
	if [ $# -gt 2 ] && grep -q "older than the witness" "$stderr"; then
		return
	fi
	has_shrunk || { cat "$stderr"; return 1; }
	nr_shrunk=$((nr_shrunk + 1))
	status_is 0 era_invalidate --written-since 0 --witness "$1" --old-size "$(smallest)s" \
		"${@:3}" "$2" >list
}

# One that is accepted by a later one's witness must be the same in all that it says.
is_the_same_or_refused() {
	exit_status era_invalidate --written-since 0 --witness "$1" "$3/metadata" >list
	one_of 0 4 || return
	[ "$status" = 0 ] || return 0
	[ "$(truth_field nr_blocks "$2/truth")" = "$(truth_field nr_blocks "$3/truth")" ] ||
		return 0
	[ "$(truth_field nr_blocks "$2/truth")" -le 4096 ] || return 0
	sed 1d "$2/truth" >one
	sed 1d "$3/truth" >other
	same "what is older and passes" one other
}

passes() {
	local dir=$BATS_TEST_TMPDIR/$1 i j folders=()
	untraced random_history "$1" >"$dir.sh"
	guest_run "$dir.sh" "$dir" && settle "$dir" || return
	for ((i = 1; ; i++)); do
		[ -d "$dir/after.$i" ] || break
		folders+=("$dir/after.$i")
	done
	folders+=("$dir")
	for ((i = 0; i < ${#folders[@]}; i++)); do
		answers_with "w.$i" "${folders[i]}/metadata" || return
		for ((j = i; j < ${#folders[@]}; j++)); do
			passes_as_later "w.$i" "${folders[j]}/metadata" || return
			[ ! -e "${folders[j]}/truth.snap" ] ||
				passes_as_later "w.$i" "${folders[j]}/metadata" -m --snapshot-era \
				"$(truth_field era "${folders[j]}/truth.snap")" || return
		done
		for ((j = 0; j < i; j++)); do
			is_the_same_or_refused "w.$i" "${folders[i]}" "${folders[j]}" || return
		done
	done
}

@test "random histories pass" {
	nr_compared=0 nr_shrunk=0
	all_pass 94 349 5060 11 12 13 14 15
	echo "# $nr_compared comparisons, $nr_shrunk with --old-size" >&3
	[ "$nr_compared" -gt 20 ]
}
