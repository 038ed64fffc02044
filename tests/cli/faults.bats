#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every call that a program makes of the C library fails once, for each program. What can't be done
# is status 3 with a message; what is said to be done is right; outputs are as they were, or whole,
# and nothing is left over.

load ../lib/common
load ../lib/cases
load ../lib/faults

setup_file() {
	need_ours "${programs[@]}" era_format blkedit
	cd "$BATS_FILE_TMPDIR"
	fault_inputs
}

setup() {
	faults_library
	cd "$BATS_FILE_TMPDIR"
	export TMPDIR=$PWD
	nr_struck=0
}

# The others have thousands of calls, all alike.
few_calls=${fault_cases/dump-logical/}
few_calls=${few_calls/cache-xml/}

# sweep_all LEAST: lines CALL | ERRNO | TEXT; that many calls or more failed.
sweep_all() {
	untraced sweep_untraced "$1"
}

sweep_untraced() {
	local call how text bad=0
	while read -r call how text; do
		# shellcheck disable=SC2086
		sweep "$call" "$how" "$text" ${cases:-$fault_cases} || bad=1
	done
	echo "# $nr_struck calls failed" >&3
	[ "$bad" = 0 ] && [ "$nr_struck" -ge "$1" ]
}

@test "reading and finding" {
	sweep_all 150 <<-'EOF'
		open 24 Too many open files
		stat 5 Input/output error
		lseek 5 Input/output error
		read 5 Input/output error
	EOF
}

@test "reading metadata" {
	cases=$few_calls
	sweep_all 200 <<-'EOF'
		pread 5 Input/output error
	EOF
}

@test "writing" {
	sweep_all 100 <<-'EOF'
		write 28 No space left on device
		pwrite 28 No space left on device
		pwrite 27 File too large
		ftruncate 27 File too large
		fsync 5 Input/output error
	EOF
}

@test "names, modes and locks" {
	sweep_all 40 <<-'EOF'
		rename 5 Input/output error
		linkat 28 No space left on device
		fchmod 5 Input/output error
		fchown 5 Input/output error
		fcntl 37 No locks available
		dup 24 Too many open files
	EOF
}

@test "memory" {
	! sanitized era_check || skip "a sanitizer has an allocator of its own"
	cases=$few_calls
	sweep_all 500 <<-'EOF'
		memory 12 Cannot allocate memory
	EOF
}

# disturbed CALL HOW STATUS...: with every such call.
disturbed() {
	untraced disturbed_untraced "$@"
}

disturbed_untraced() {
	local name bad=0 n=0
	for name in $fault_cases; do
		learn_case "$name" || return
		run_case "$1:0:$2"
		[ ! -s struck ] || n=$((n + 1))
		one_of "${@:3}" && judge_case "Interrupted system call" && continue
		echo "failed: $name, $1 $2" >&2
		bad=1
	done
	[ "$bad" = 0 ] && [ "$n" -ge 5 ]
}

@test "short transfers and interruptions change nothing" {
	disturbed pread short 0
	disturbed pwrite short 0
	disturbed write short 0
	disturbed read short 0
	disturbed pread 4 0
	disturbed pwrite 4 0
	# zlib doesn't try again.
	disturbed write 4 0 3
	disturbed read 4 0 3
}

# The order that makes a stop harmless, on a file that is there and on a new one.
@test "writes and flushes of new metadata come in the right order" {
	order() {
		rm -f trace
		(FAULT_TRACE=trace with_fault none:1:5 era_restore -q -i small.xml -o "$1")
		sed "s,$PWD,.,g; s,#[0-9]* (deleted),new," trace | awk '{ if ($1 == "pwrite") print $1, $3 ? "new" : "zero"; else print $1, $2 }'
	}
	cp old over
	diff <(order over) - <<-'EOF'
		pwrite zero
		fsync ./over
		pwrite new
		fsync ./over
		pwrite zero
		fsync ./over
	EOF
	diff <(order new) - <<-'EOF'
		pwrite zero
		fsync ./new
		pwrite new
		fsync ./new
		pwrite zero
		fsync ./new
		fsync .
	EOF
}
