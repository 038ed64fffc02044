#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era apply is killed before each call by which it changes something, or the call fails. TARGET is
# then the old backup, or the delta finishes it, and the state says which of them; a delta that came
# from a pipe need not come again.

load ../lib/common
load ../lib/cases
load ../lib/faults

setup_file() {
	need_ours era_apply mkdelta
	cd "$BATS_FILE_TMPDIR"
	head -c 400000 /dev/urandom >disk1
	truncate -s 600100 disk1
	cp disk1 disk2
	for at in 10000 310000 599000; do
		printf x | dd of=disk2 bs=1 seek=$at conv=notrunc status=none
	done
	dd if=/dev/zero of=disk2 bs=65536 count=1 seek=1 conv=notrunc status=none
	truncate -s 700000 disk2
	printf x | dd of=disk2 bs=1 seek=699999 conv=notrunc status=none
	mkdelta - 1 - disk1 >full
	mkdelta 1 2 disk1 disk2 >grows
	mkdelta 2 3 disk2 disk1 >shrinks
	mkdir old1 old2
	era_apply -q full old1/T
	cp -r old1/. old2
	era_apply -q grows old2/T
}

setup() {
	faults_library
	scratch
	ln -s "$BATS_FILE_TMPDIR"/{disk[12],full,grows,shrinks,old[12]} .
}

# victim NAME: sets $command, $input, $delta; $old, the folder with what there is before; $new, what
# TARGET becomes.
victim() {
	input=/dev/null
	case $1 in
	file) delta=grows old=old1 new=disk2 command=(era_apply grows out/T) ;;
	pipe) delta=shrinks old=old2 new=disk1 command=(era_apply - out/T) input=shrinks ;;
	no-stage) delta=grows old=old1 new=disk2 command=(era_apply --no-stage - out/T)
		input=grows ;;
	full) delta=full old='' new=disk1 command=(era_apply full out/T) ;;
	esac
}

prepare() {
	rm -rf out
	mkdir out
	[ -z "$old" ] || cp "$old"/* out
}

# learn NAME: what the state becomes.
learn() {
	victim "$1"
	prepare
	"${command[@]}" <"$input" 2>/dev/null || return
	cmp out/T "$new" || return
	cp out/T.era done
}

# What was under way is finished by the delta, from where it lies.
finish() {
	local from=$delta
	grep -q '^applying-to ' out/T.era || wrong "another state" || return
	if [ "$name" = pipe ]; then
		grep -qx 'applying-staged 1' out/T.era || wrong "it was not staged" || return
		cmp out/T.delta "$delta" || return
		from=out/T.delta
	fi
	era_apply "$from" out/T 2>said || wrong "cannot be finished: $(cat said)" || return
	grep -q 'is finished: it is now' said || wrong "said $(cat said)" || return
	[ ! -e out/T.delta ] || wrong "the staging file is left"
}

# What replaces another file has a name of its own for a moment.
is_temporary() {
	[ "$how" = kill ] && [[ $1 =~ ^out/T\.(era|delta)\.[0-9-]+\.tmp$ ]]
}

# Sets $left.
judge() {
	local file
	for file in out/*; do
		[[ $file =~ ^out/(T|T.era|T.delta|\*)$ ]] || is_temporary "$file" ||
			wrong "left over: $file" || return
	done
	if [ -e out/T.delta ]; then
		cmp out/T.delta "$delta" || wrong "half a delta is staged" || return
	fi
	if { [ -z "$old" ] && [ ! -e out/T.era ]; } ||
		{ [ -n "$old" ] && cmp -s out/T.era "$old/T.era"; }; then
		left=old
		[ -n "$old" ] || [ ! -e out/T ] || wrong "a TARGET without a state" || return
		[ -z "$old" ] || cmp out/T "$old/T" || return
		era_apply "$delta" out/T 2>said || wrong "cannot be begun: $(cat said)" || return
	elif cmp -s out/T.era done; then
		left=new
	else
		left=under-way
		finish || return
	fi
	cmp out/T "$new" && cmp out/T.era done
}

# struck_by FAULT
struck_by() {
	(with_fault "$1" "${command[@]}") <"$input" >stdout 2>stderr
}

ended_well() {
	case $how in
	kill) [ "$status" = 137 ] ;;
	*) [ "$status" = 0 ] || [ "$status" = 3 ] ;;
	esac
}

# strike CALL HOW: each call of that name in turn, in all victims.
strike() {
	local call=$1 how=$2 name n bad=0 status
	for name in "${victims[@]}"; do
		learn "$name" || return
		for ((n = 1; ; n++)); do
			prepare
			: >struck
			status=0
			{ struck_by "$call:$n:$how"; } 2>/dev/null || status=$?
			[ -s struck ] || break
			nr_struck=$((nr_struck + 1))
			if ended_well && judge && { [ "$status" != 0 ] || [ "$left" = new ]; }; then
				found[$left]=$((${found[$left]:-0} + 1))
				continue
			fi
			echo "failed: $name, $call $n $how, status $status: $(cat stderr)" >&2
			bad=$((bad + 1))
		done
		[ "$status" = 0 ] || wrong "$name, $call: status $status: $(cat stderr)" || return
	done
	[ "$bad" = 0 ]
}

strike_all() {
	local call
	declare -gA found=()
	nr_struck=0 victims=(file pipe no-stage full)
	for call in pwrite fallocate ftruncate fsync linkat rename unlink open; do
		strike "$call" "$1" || return
	done
	echo "# $nr_struck calls; left: old ${found[old]:-0}, under way ${found[under-way]:-0}, new ${found[new]:-0}" >&3
}

@test "killed before each call that changes something" {
	untraced strike_all kill
	[ "${found[old]}" -gt 20 ]
	[ "${found[under-way]}" -gt 20 ]
	[ "${found[new]}" -ge 1 ]
}

# kill_at_random: how far it comes depends on the machine; whatever is left must be right.
kill_at_random() {
	local n start took delay status bad=0 how=kill left name
	declare -A got=()
	for name in file pipe full; do
		learn "$name"
		start=${EPOCHREALTIME//[!0-9]/}
		prepare
		"${command[@]}" <"$input" 2>/dev/null
		took=$((${EPOCHREALTIME//[!0-9]/} - start))
		for ((n = 0; n < ${ERA_APPLY_KILLS:-10}; n++)); do
			prepare
			printf -v delay '0.%06d' $((took * n / ${ERA_APPLY_KILLS:-10} % 1000000))
			status=0
			{
				timeout --foreground -s KILL "$delay" "${command[@]}" <"$input"
			} 2>/dev/null || status=$?
			judge || bad=$((bad + 1))
			got[$left]=$((${got[$left]:-0} + 1))
			[ "$status" != 0 ] || [ "$left" = new ] || bad=$((bad + 1))
		done
	done
	echo "# left: old ${got[old]:-0}, under way ${got[under-way]:-0}, new ${got[new]:-0}" >&3
	[ "$bad" = 0 ]
}

@test "killed at random times" {
	rm disk1 disk2 full grows shrinks old1 old2
	head -c 40000000 /dev/urandom >disk1
	cp disk1 disk2
	for at in 0 9 18 27 36; do
		head -c 2000000 /dev/urandom |
			dd of=disk2 bs=1000000 seek=$at conv=notrunc status=none
	done
	truncate -s 42000000 disk2
	mkdelta - 1 - disk1 >full
	mkdelta 1 2 disk1 disk2 >grows
	mkdelta 2 3 disk2 disk1 >shrinks
	mkdir old1 old2
	era_apply -q full old1/T
	cp -r old1/. old2
	era_apply -q grows old2/T
	untraced kill_at_random
}

strike_others() {
	local call
	declare -gA found=()
	nr_struck=0 victims=(file pipe full)
	for call in read stat fcntl fchmod close; do
		strike "$call" 5 || return
	done
	strike memory 12 || return
	echo "# $nr_struck calls; left: old ${found[old]:-0}, under way ${found[under-way]:-0}, new ${found[new]:-0}" >&3
	[ "${found[old]}" -gt 10 ] || return
	found=()
	strike pwrite short && strike read short || return
	[ "${found[*]}" = "${found[new]}" ]
}

@test "other calls fail, or transfer less than they should" {
	untraced strike_others
}

@test "each call that changes something fails" {
	untraced strike_all 5
	[ "${found[old]}" -gt 20 ]
	[ "${found[under-way]}" -gt 20 ]
}
