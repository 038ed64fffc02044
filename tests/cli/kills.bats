#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Programs that are killed at random times. What they were writing is then the old, the new, or, for
# metadata, something that nobody takes for metadata; a file that is made anew and renamed is never
# half there.
#
# ERA_KILLS is how many there are (60), ERA_SEED where their times come from.

load ../lib/common
load ../lib/cases
load ../lib/faults

setup_file() {
	need_ours "${programs[@]}" era_format blkedit
	cd "$BATS_FILE_TMPDIR"
	zcat "$abs_top_srcdir/tests/images/013-levels/image.gz" >levels
	era_dump --compact -o levels.xml levels
	era_format -q --block-size 4k --device-size 16G --era 9 large
	era_format -q --block-size 4k --device-size 32G --era 5 old
	head -c 9000 /dev/urandom >old.text
	cp large hidden
	blkedit hidden index.free.0=0
}

setup() {
	cd "$BATS_FILE_TMPDIR"
}

# victim NAME: sets $command, and $old, what out/file is before; $kind of the output.
victim() {
	local out=out/file
	old='' kind=metadata
	case $1 in
	restore-new) command=(era_restore -q -i levels.xml -o $out) ;;
	restore-over) command=(era_restore -q -i levels.xml -o $out) old=old ;;
	repair-new) command=(era_repair -q -i large -o $out) ;;
	repair-over) command=(era_repair -q -i large -o $out) old=old ;;
	format-over) command=(era_format -q --force --block-size 4k --device-size 24G \
		--era 7 $out) old=old ;;
	counts) command=(era_check -q --auto-repair $out) old=hidden ;;
	dump) command=(era_dump -o $out levels) old=old.text kind=text ;;
	dump-gz) command=(era_dump -o $out.gz levels) kind=text ;;
	invalidate) command=(era_invalidate --written-since 1 -o $out large) kind=text ;;
	witness) command=(era_invalidate --written-since 1 -o /dev/null --witness-out $out large) \
		old=old.text kind=text ;;
	esac
}

# wrapper: what commands are run by. has_names: and nameless files aren't known.
wrapper=() has_names=
victims=(restore-new restore-over repair-new repair-over format-over counts dump dump-gz \
	invalidate witness)

prepare() {
	rm -rf out
	mkdir out
	[ -z "$old" ] || cp "$old" out/file
}

# learn NAME: what it makes, and how many microseconds that takes.
learn() {
	local start
	victim "$1"
	prepare
	start=${EPOCHREALTIME//[!0-9]/}
	"${wrapper[@]}" "${command[@]}" || return
	took=$((${EPOCHREALTIME//[!0-9]/} - start))
	rm -rf right
	mv out right
}

draw() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 7 % $1))
}

refused_by_all() {
	local got=0
	era_check -q "$1" || got=$?
	[ "$got" = 1 ] && fails era_check --super-block-only -q "$1" || return
	! cmp -s -n 4096 "$1" /dev/zero
}

# What is left counts for $left.
is_whole() {
	local file
	left=nothing
	for file in out/*; do
		[ -e "$file" ] || continue
		if [ -n "$old" ] && cmp -s "$file" "$old"; then
			left=old
		elif cmp -s "$file" "right/${file##*/}"; then
			left=new
		elif [ "$old" = hidden ] && era_check -q --ignore-non-fatal-errors "$file" &&
			cmp -s <(era_dump -r --compact "$file" 2>/dev/null) \
				<(era_dump -r --compact hidden 2>/dev/null); then
			left=old
		elif [ $kind = metadata ] && [ "$file" = out/file ] && refused_by_all "$file"; then
			left=none
		elif [[ $file == out/*.tmp ]] &&
			{ [ -n "$has_names" ] || cmp -s "$file" right/*; }; then
			[ -z "$old" ] || left=old
		elif [ -n "$has_names" ] && [ -z "$old" ] && [ ! -s "$file" ]; then
			: # its name is taken, and no more
		else
			wrong "half done: $file" || return
		fi
	done
	[ -z "$old" ] || [ "$left" != nothing ]
}

# kill_one: somewhere in its time.
kill_one() {
	local delay
	prepare
	draw "$took"
	printf -v delay '%d.%06d' $((drawn / 1000000)) $((drawn % 1000000))
	status=0
	timeout --foreground -s KILL "$delay" "${wrapper[@]}" "${command[@]}" 2>stderr || status=$?
	# It may come to its end while the signal is on its way: 124.
	[ "$status" != 124 ] || status=0
	[ "$status" = 137 ] || [ "$status" = 0 ] || wrong "status $status" || return
	is_whole || wrong "${command[*]} killed after $delay s" || return
	[ "$status" = 0 ] || killed=$((killed + 1))
	[ "$status" != 0 ] || [ "$left" = new ]
}

kill_all() {
	local name n bad=0 each=$(((${ERA_KILLS:-60} + ${#victims[@]} - 1) / ${#victims[@]}))
	killed=0 seed=${ERA_SEED:-1}
	declare -A found=()
	for name in "${victims[@]}"; do
		learn "$name"
		for ((n = 0; n < each; n++)); do
			kill_one || bad=$((bad + 1))
			found[$left]=$((${found[$left]:-0} + 1))
		done
	done
	echo "# $killed of $((each * ${#victims[@]})) were killed; left: old ${found[old]:-0}, new ${found[new]:-0}, none ${found[none]:-0}, no file ${found[nothing]:-0}" >&3
	[ "$bad" = 0 ] && [ "$killed" -ge $((each * ${#victims[@]} / 2)) ] &&
		[ "${found[old]:-0}" -gt 0 ]
}

@test "killed at random times" {
	untraced kill_all
}

@test "killed at random times, where there are no nameless files" {
	faults_library
	wrapper=(env LD_PRELOAD="$faults" FAULT_NO_TMPFILE=1
		ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0")
	has_names=1
	victims=(restore-new repair-new repair-over dump dump-gz invalidate)
	ERA_KILLS=$((${ERA_KILLS:-60} / 2))
	untraced kill_all
}
