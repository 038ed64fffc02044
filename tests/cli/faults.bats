#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
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
	nr_struck=0 nr_failed=0
}

# The others have thousands of calls, all alike.
few_calls=${fault_cases/dump-logical/}
few_calls=${few_calls/cache-xml/}

# sweep_all LEAST: lines CALL | ERRNO | TEXT; that many calls or more failed, where all do.
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
	[ "$bad" = 0 ] && [ $((nr_struck * ${ERA_FAULTS_EVERY:-1})) -ge "$1" ]
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
		write nothing No space left on device
		pwrite nothing No space left on device
	EOF
}

# A network's file system may tell only then that it had no room.
@test "closing" {
	may_be_whole=1
	sweep_all 50 <<-'EOF'
		close 5 Input/output error
	EOF
	# A compressed file, and standard output.
	[ "${ERA_FAULTS_EVERY:-1}" != 1 ] || [ "$nr_failed" = 5 ]
}

# Outputs have a name then from the start, that must be gone when they fail.
@test "a file system without nameless files" {
	export FAULT_NO_TMPFILE=1
	rm -rf right.*
	cases="dump-new dump-over dump-gz invalidate-snap witness cache-xml restore-new repair-new format-new
		format-large"
	sweep_all 100 <<-'EOF'
		open 24 Too many open files
		write 28 No space left on device
		pwrite 28 No space left on device
		ftruncate 27 File too large
		fsync 5 Input/output error
		rename 5 Input/output error
		renameat2 5 Input/output error
		renameat2 22 Invalid argument
		fchmod 5 Input/output error
		fcntl 37 No locks available
	EOF
	[ -z "$(find . -name 'era-*')" ]
}

@test "names, modes and locks" {
	sweep_all 40 <<-'EOF'
		rename 5 Input/output error
		linkat 28 No space left on device
		fchmod 5 Input/output error
		fchown 5 Input/output error
		getxattr 5 Input/output error
		fremovexattr 1 Operation not permitted
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

traced() {
	traced_with none:1:5 "$@"
}

# traced_with FAULT COMMAND...: what it does to files; their names from here, a process's number and
# what a nameless file is called left out.
traced_with() {
	rm -f trace
	(FAULT_TRACE=trace with_fault "$@") >/dev/null
	sed -E "s,$PWD/,,g; s, \./, ,; s, $PWD , . ,; s,#[0-9]+ \\(deleted\\),nameless,; s,\.[0-9]+-0\.tmp,.tmp," trace |
		awk '$1 == "pwrite" { print $1, $2, $3 ? "new" : "zero"; next }
			$1 == "create" || $1 == "tmpfile" { print; next }
			{ print $1, $2 }'
}

# The order that makes a stop harmless, on a file that is there and on a new one.
@test "writes and flushes of metadata come in the right order" {
	local writer
	for writer in "era_restore -q -i small.xml -o" "era_repair -q -i small -o" \
		"era_format -q --force --block-size 4k --device-size 1M"; do
		cp old over
		# shellcheck disable=SC2086
		diff <(traced $writer over) - <<-'EOF'
			pwrite over zero
			fsync over
			pwrite over new
			fsync over
			pwrite over zero
			fsync over
		EOF
		rm -f new
		# shellcheck disable=SC2086
		diff <(traced $writer new) - <<-'EOF'
			tmpfile . 666
			pwrite nameless zero
			fsync nameless
			pwrite nameless new
			fsync nameless
			pwrite nameless zero
			fsync nameless
			linkat new
			fsync .
		EOF
		rm -f new
		# shellcheck disable=SC2086
		diff <(FAULT_NO_TMPFILE=1 traced $writer new) - <<-'EOF'
			create new.tmp 666
			pwrite new.tmp zero
			fsync new.tmp
			pwrite new.tmp new
			fsync new.tmp
			pwrite new.tmp zero
			fsync new.tmp
			renameat2 new
			fsync .
		EOF
		rm -f new
		# shellcheck disable=SC2086
		diff <(FAULT_NO_TMPFILE=1 traced_with renameat2:1:22 $writer new |
			tail -n 5) - <<-'EOF'
			fsync new.tmp
			renameat2 new
			create new 600
			rename new
			fsync .
		EOF
		status_is 0 era_check -q new
	done
	cp hidden counts
	diff <(traced era_check -q --auto-repair counts | uniq) - <<-'EOF'
		pwrite counts new
		fsync counts
		pwrite counts zero
		fsync counts
	EOF
}

# Nobody else may read what replaces a file before it has that one's mode.
@test "an output is flushed before it has its name, and its folder then" {
	local writer
	for writer in "era_dump -o out.text small" \
		"era_invalidate --written-since 1 -o out.text small"; do
		rm -f out.text
		# shellcheck disable=SC2086
		diff <(traced $writer) - <<-'EOF'
			tmpfile . 666
			fsync nameless
			linkat out.text
			fsync .
		EOF
		# shellcheck disable=SC2086
		diff <(traced $writer) - <<-'EOF'
			tmpfile . 600
			fsync nameless
			linkat out.text.tmp
			rename out.text
			fsync .
		EOF
		# shellcheck disable=SC2086
		diff <(FAULT_NO_TMPFILE=1 traced $writer) - <<-'EOF'
			create out.text.tmp 600
			fsync out.text.tmp
			rename out.text
			fsync .
		EOF
		rm out.text
		# shellcheck disable=SC2086
		diff <(FAULT_NO_TMPFILE=1 traced $writer) - <<-'EOF'
			create out.text.tmp 666
			fsync out.text.tmp
			renameat2 out.text
			fsync .
		EOF
		[ "$(stat -c %a out.text)" = "$(printf %o $((0666 & ~$(umask))))" ]
	done
}
