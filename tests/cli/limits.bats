#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The system's own refusals: a full disk, a limit on the size of files, a device that is shorter
# than it says, output that nobody takes or that has no place any more. Status 3 with the system's
# words, and nothing half done.

load ../lib/common
load ../lib/cases

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	zcat "$abs_top_srcdir/tests/images/013-levels/image.gz" >levels
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	era_dump -o levels.xml levels
	era_dump -o meta.xml meta
}

setup() {
	need_ours "${programs[@]}" era_format
	from=$BATS_FILE_TMPDIR
	scratch
	mkdir work
	head -c 3000 /dev/urandom >old
}

files_in() {
	find "$1" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' '
}

# refused TEXT COMMAND...: status 3 and these words of the system.
refused() {
	status_is 3 "${@:2}" >stdout && says "$1" && [ ! -s stdout ]
}

# writers: what writes to work/out, a line each.
writers() {
	cat <<-EOF
		era_dump -o work/out $from/levels
		era_dump --compact -o work/out $from/levels
		era_invalidate --written-since 0 --format bitmap -o work/out $from/levels
		era_restore -i $from/levels.xml -o work/out
		era_repair -i $from/levels -o work/out
		era_format --block-size 4k --device-size 8G work/out
	EOF
}

# TEXT COMMAND...: a new file is not there; an old one is as it was.
new_is_not_there() {
	refused "$@" && [ -z "$(files_in work)" ] || wrong "${*:2}: left $(files_in work)"
}

old_is_kept() {
	cp old work/out
	refused "$@" && cmp work/out old && [ "$(files_in work)" = "out " ] && rm work/out
}

@test "a limit on the size of files" {
	local line
	while read -r line; do
		# shellcheck disable=SC2086
		(ulimit -f 8; new_is_not_there "File too large" $line)
		[[ $line != *invalidate* && $line != *dump* ]] ||
			# shellcheck disable=SC2086
			(ulimit -f 8; old_is_kept "File too large" $line)
	done < <(writers)
}

# on_small_disk COMMAND...: with work on a file system of 16 KiB, in a mount namespace of its own.
on_small_disk() {
	unshare $namespace bash -c 'mount -t tmpfs -o size=16k none work && "$@"' - "$@"
}

@test "a full disk" {
	need_mount_namespace
	local line
	export -f refused status_is says files_in wrong new_is_not_there
	export BATS_TEST_TMPDIR
	while read -r line; do
		# shellcheck disable=SC2086
		on_small_disk bash -c 'new_is_not_there "$@"' - "No space left on device" $line
	done < <(writers)
}

@test "a full disk for temporary files" {
	need_mount_namespace
	export -f refused status_is says wrong
	export BATS_TEST_TMPDIR
	TMPDIR=work on_small_disk bash -c 'refused "$@"' - "No space left on device" \
		era_format --block-size 4k --device-size 8G out
	[ ! -e out ]
	head -c 100M /dev/zero | tr '\0' x >over
	TMPDIR=work on_small_disk bash -c 'refused "$@"' - "No space left on device" \
		era_format --block-size 4k --device-size 8G over
	[ "$(tr -d x <over | wc -c)" = 0 ]
}

@test "metadata over metadata, and no more room: refused by all, and that is said" {
	cp "$from/levels" sparse
	# Holes where room is needed: the size is right, the blocks aren't there.
	need_mount_namespace
	on_small_disk bash -c 'truncate -s 16M work/out
		dd if=meta of=work/out conv=notrunc bs=4096 count=4 status=none
		got=0
		era_restore -i '"$from"'/levels.xml -o work/out 2>stderr || got=$?
		cp work/out after --sparse=always
		exit $got' - || status=$?
	[ "$status" = 3 ]
	grep -q "No space left on device" stderr
	grep -q "what it held before may be lost" stderr
	status_is 1 era_check after
	status_is 1 era_dump after
	fails cmp -n 4096 after /dev/zero
}

# Each length that cuts something off; the superblock says more.
@test "a device that is shorter than its metadata" {
	local blocks n=0
	for blocks in 1 2 3 5 8 13 20 30; do
		cp "$from/meta" short
		truncate -s $((blocks * 4096 - 100)) short
		for command in "era_check short" "era_dump -o work/out short" \
			"era_invalidate --written-since 1 -o work/out short"; do
			# shellcheck disable=SC2086
			exit_status $command >stdout
			one_of 1 3
			[ -s "$stderr" ]
			[ ! -s stdout ]
			[ -z "$(files_in work)" ]
			n=$((n + 1))
		done
	done
	[ "$n" = 24 ]
}

# The size is looked at once, when the file is opened; then it shrinks.
@test "a file that shrinks while it is read" {
	cp "$from/levels" shrinking
	mkfifo work/fifo
	timeout 20 era_dump -o work/fifo shrinking 2>stderr 3>&- &
	{ head -c 100 >/dev/null; truncate -s 8192 shrinking; cat >rest; } <work/fifo
	status=0
	wait $! || status=$?
	[ "$status" = 3 ]
	grep -q "cannot be read" stderr
	fails grep -q '</superblock>' rest
}

@test "a reader that goes away in the middle" {
	local command n=0
	for command in "era_dump $from/levels" "era_dump -o /dev/stdout $from/levels" \
		"era_invalidate --written-since 0 --format bitmap $from/levels"; do
		# shellcheck disable=SC2086
		{ exit_status $command; echo "$status" >got; } | head -c 1 >/dev/null
		[ "$(cat got)" = 3 ] || [[ $command == *bitmap* && $(cat got) = 0 ]]
		[ ! -s "$BATS_TEST_TMPDIR/stderr" ]
		n=$((n + 1))
	done
	[ "$n" = 3 ]
}

@test "a folder that is removed" {
	local line
	mkdir gone
	cd gone
	rmdir ../gone
	while read -r line; do
		line=${line/work\/out/out}
		# shellcheck disable=SC2086
		exit_status $line
		one_of 3
		says "No such file or directory"
	done < <(writers)
}

@test "a folder that is removed before the output is complete" {
	mkdir gone
	mkfifo fifo
	timeout 20 era_invalidate --written-since 0 --format cache-xml --cache-mappings fifo \
		-o gone/out "$from/meta" 2>stderr 3>&- &
	exec 7>fifo
	sleep .2
	rmdir gone
	echo '<superblock uuid="" block_size="8" nr_cache_blocks="2" policy="smq" hint_width="4"><mappings></mappings><hints></hints></superblock>' >&7
	exec 7>&-
	status=0
	wait $! || status=$?
	[ "$status" = 3 ]
	grep -q "No such file or directory" stderr
	[ ! -e gone ]
}
