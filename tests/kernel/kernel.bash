# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# The host's side of the real-kernel tests: runs scenarios in a guest (a Linux kernel that is an
# ordinary program) and learns from the guest's console what must be true of the metadata it left.
#
# A scenario is a file of shell functions, read by both sides:
#	metadata=256K			size of the metadata device
#	boot_1() boot_2() ...		run in the guest, one boot each, on the same metadata
#	before_1() before_2() ...	run here before that boot, in the scenario's folder
# The folder of a run holds metadata, console.N, log (the history, of all boots), truth and
# truth.snap. A before_N may write the file "start": what is true before the log begins.
#
# Another kernel than the system's is ERA_UML, a program by its absolute path, with its modules in
# ERA_UML_MODULES/VERSION. Other cache tools than the system's are in the folder ERA_CACHE_TOOLS,
# and run in the guest. Any kernel gets tests/lib/xstate.so: what it changes is only what the
# host would refuse, so it need not be known which kernels want it on which processors.

kernel_dir=${BASH_SOURCE[0]%/*}
kernel_dir=$(cd "$kernel_dir" && pwd)
guest_seconds=${ERA_GUEST_SECONDS:-400}
guest_megabytes=128

runs_from() {
	cp /bin/true "$1/true" && "$1/true"
}

# A folder for the guest's memory: its pages are mapped executable.
guest_memory_dir() {
	local dir probe free
	for dir in /dev/shm "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		probe=$(mktemp -d "$dir/era.XXXXXX" 2>/dev/null) || continue
		! runs_from "$probe" || free=$(df -Pm "$probe" | awk 'END { print $4 }')
		rm -rf "$probe"
		if [ "${free:-0}" -gt $((guest_megabytes * 2)) ]; then
			echo "$dir"
			return
		fi
		free=
	done 2>/dev/null
	return 1
}

# boot_probe: boots with nothing to do, and prints what is in the way of that, as one line: what
# came before a panic, and it, or the last that was heard.
boot_probe() {
	local dir
	dir=$(mktemp -d "$BATS_RUN_TMPDIR/probe.XXXXXX") || return
	if guest_run "$kernel_dir/probe.sh" "$dir" >"$dir/said" 2>&1; then
		return
	elif [ -s "$dir/console.1" ]; then
		sed '/Kernel panic/q' "$dir/console.1"
	else
		cat "$dir/said"
	fi | tail -n 2 | paste -s -d ';'
}

# need_kernel: one that boots. It is tried once in a run of the tests, and what came of it is in a
# file: that of "make check-long", or of this run of bats.
need_kernel() {
	local outcome=${ERA_BOOT_PROBE:-$BATS_RUN_TMPDIR/boot-probe} own obstacle
	if [ ! -e "$outcome" ]; then
		own=$(mktemp "$outcome.XXXXXX")
		boot_probe >"$own"
		mv "$own" "$outcome"
	fi
	obstacle=$(cat "$outcome")
	[ -z "$obstacle" ] || skip_test "no kernel boots here: $obstacle"
}

# What our programs do in a guest with device mapper.
need_device_mapper() {
	era --version | grep -q '^libdevmapper' || skip "built without libdevmapper"
	! sanitized era || skip "a guest has too little address space for the sanitizers"
}

# complains CONSOLE: the target does, of what it works on. That a table was refused is told to who
# loaded it; that of a program that is killed meanwhile is refused, too: it gets no workqueue.
complains() {
	grep '^device-mapper: ' "$1" |
		grep -qvE '^device-mapper: (table: |ioctl: error adding target to table)'
}

# guest_boot DIR SCENARIO N [WORD=VALUE...]: boots once on DIR/metadata; further words are variables
# in the guest. Fails unless the function boot_N came to its end and the target did not complain.
guest_boot() {
	local dir=$1 scenario=$2 boot=$3 console=$1/console.$3 memory era status=0
	if ! memory=$(guest_memory_dir); then
		echo "no folder has room for $guest_megabytes MB of guest memory" >&2
		return 1
	fi
	case $dir$scenario in
	*[[:space:]]*)
		echo "a guest can't be told of a path with blanks: $dir $scenario" >&2
		return 1
		;;
	esac
	touch "$dir/log"
	era=$({ cat "$dir/start" "$dir/log" 2>/dev/null || :; } |
		awk '/^#/ { era = $9 } $2 == "era" { era = $3 } END { print era + 0 }')

	(cd "$dir" && TMPDIR=$memory exec timeout -k 5 "$guest_seconds" \
		env LD_PRELOAD="${guest_preload:-$abs_top_builddir/tests/lib/xstate.so}" \
		"${ERA_UML:-linux.uml}" mem=${guest_megabytes}M rootfstype=hostfs rootflags=/ ro \
		quiet uml_dir="$PWD/" \
		con=null con0=null,fd:1 ubd0=metadata init="$kernel_dir/init.sh" \
		uml_modules="${ERA_UML_MODULES:-/usr/lib/uml/modules}" scenario="$scenario" \
		boot="$boot" era="$era" \
		tools="$era_path${ERA_CACHE_TOOLS:+:$ERA_CACHE_TOOLS}" "${@:4}") \
		</dev/null >"$console" 2>&1 || status=$?
	sed -i 's/\r$//' "$console"
	grep '^truth: ' "$console" >>"$dir/log" || :

	if ! grep -q '^guest: done' "$console"; then
		echo "boot $boot of ${scenario##*/} did not reach its end (status $status):" >&2
	elif complains "$console"; then
		echo "boot $boot of ${scenario##*/}: the target complains:" >&2
	else
		return 0
	fi
	tail -n 40 "$console" >&2
	return 1
}

guest_truth() {
	local old=()
	[ ! -e "$1/start" ] || old=("$1/start")
	awk -v out="$1/truth" -f "$kernel_dir/truth.awk" "${old[@]}" "$1/log"
}

# guest_run SCENARIO DIR: all boots of a scenario in the new folder DIR.
guest_run() (
	scenario=$(realpath "$1")
	mkdir -p "$2" && cd "$2" || exit
	# shellcheck source=/dev/null
	. "$scenario" || exit
	# shellcheck disable=SC2154
	truncate -s "$metadata" metadata || exit
	for ((n = 1; ; n++)); do
		declare -F "boot_$n" >/dev/null || break
		if declare -F "before_$n" >/dev/null; then
			"before_$n" || exit
		fi
		guest_boot "$PWD" "$scenario" "$n" || exit
	done
	guest_truth "$PWD"
)

# works_on DIR TRUTH [WORD=VALUE...]: the kernel resumes DIR/metadata, of which TRUTH is true, with
# an origin of the same size, works on all of it, and stops cleanly. DIR/truth is what is true then.
works_on() {
	local dir=$1 truth=$2 sectors block
	sectors=$(truth_field sectors "$truth")
	block=$(truth_field block "$truth")
	cp "$truth" "$dir/start"
	guest_boot "$dir" "$kernel_dir/work-on.sh" 1 sectors="$sectors" block="$block" \
		"${@:3}" || return
	guest_truth "$dir"
}

scenario() {
	local dir=$BATS_TEST_TMPDIR/$1
	need_kernel
	need_ours era_check era_dump era_invalidate era_restore
	guest_run "$kernel_dir/scenarios/$1.sh" "$dir" && outcome_is_true "$dir"
}

# outcome_is_true DIR: what a real kernel wrote is read right; what we restore from it, the kernel
# works on, and it is still sound and true.
outcome_is_true() {
	local dir=$1 copy=$1/copy
	image_is_true "$dir/metadata" "$dir/truth" || return

	mkdir "$copy"
	# What was never resumed doesn't say how much room the origin needs.
	[ "$(truth_field nr_blocks "$dir/truth")" != 0 ] ||
		truncate -s "$(stat -c %s "$dir/metadata")" "$copy/metadata"
	dump_is_restored "$dir/metadata" "$copy/metadata" || return
	works_on "$copy" "$dir/truth" || return
	image_is_true "$copy/metadata" "$copy/truth"
}
