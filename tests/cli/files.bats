#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The files that the programs open, make and leave: access, modes, temporary names, loop devices.

load ../lib/common
load ../lib/cases
load ../lib/faults

setup() {
	need_ours "${programs[@]}" era_format
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/020-snapshot-held/image.gz" >image
	era_dump image >xml
}

teardown() {
	[ -z "${loop:-}" ] || losetup -d "$loop"
	[ -z "${open:-}" ] || rm -r "$open"
}

# Each makes the file "new" of what it is told.
makers=("era_dump -o new image" "era_invalidate --written-since 1 -o new image"
	"era_restore -q -i xml -o new" "era_repair -q -i image -o new"
	"era_format --block-size 4096 --device-size 16M new")

mode_of() {
	stat -c %a "$1"
}

@test "new files get the umask's mode" {
	local mask maker
	for mask in 022:644 077:600 002:664 000:666; do
		for maker in "${makers[@]}"; do
			rm -f new
			(umask "${mask%:*}" && $maker)
			[ "$(mode_of new)" = "${mask#*:}" ] ||
				wrong "$maker, umask $mask: $(mode_of new)"
		done
	done
}

@test "a file that is replaced keeps its mode, and the folder nothing else" {
	local maker
	for maker in "era_dump -o new image" "era_invalidate --written-since 1 -o new image"; do
		echo old >new
		chmod 640 new
		$maker
		[ "$(mode_of new)" = 640 ]
		[ "$(ls)" = "$(printf 'image\nnew\nxml')" ] || { ls -a; false; }
	done
}

@test "a link is followed to its file, and a link that leads nowhere is refused" {
	local maker
	echo old >old
	ln -s old link
	era_dump -o link image
	[ -L link ]
	cmp old xml
	ln -sf nowhere link
	for maker in "era_dump -o link image" "era_restore -q -i xml -o link" \
		"era_repair -q -i image -o link"; do
		# shellcheck disable=SC2086
		exit_status $maker
		one_of 3
		[ ! -e nowhere ]
	done
}

# made_exclusively MAKER OPTION-OF-STRACE...: leaves its calls in the file trace.
made_exclusively() {
	rm -f new
	# The leak sanitizer can't work where strace does.
	# shellcheck disable=SC2086
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0:verify_asan_link_order=0 \
		strace -f "${@:2}" -o trace -e trace=openat,open,creat,execve,fork,vfork,clone \
		$1 >/dev/null
	[ "$(grep -c -E '(execve|fork|clone)\(' trace)" = 1 ] || { cat trace; false; }
	[ "$(grep O_CREAT trace | grep -vc O_EXCL)" = 0 ] || { cat trace; false; }
}

# What is opened for writing is the output alone, or something new: created exclusively, without a
# name, or in the end renamed.
@test "no file is made but exclusively, and no program is run" {
	need strace
	local maker nameless=0
	strace -e trace=none true 2>/dev/null || skip_test "strace may not trace"
	faults_library
	for maker in "${makers[@]}" "era_check image" "era_check --auto-repair image"; do
		made_exclusively "$maker"
		! grep -q O_TMPFILE trace || nameless=$((nameless + 1))
		made_exclusively "$maker" -E LD_PRELOAD="$faults" -E FAULT_NO_TMPFILE=1
		[[ $maker != *new* ]] || grep -q 'O_CREAT|O_EXCL' trace
	done
	[ "$nameless" -ge "${#makers[@]}" ]
}

# In the place of the first temporary name there is a link.
@test "a link under a temporary name is not followed" {
	local maker
	faults_library
	for maker in "${makers[@]}"; do
		rm -f new ./*.tmp
		(ln -s victim "new.$BASHPID-0.tmp" && FAULT_NO_TMPFILE=1 with_fault none:1:5 $maker)
		[ -f new ] && [ ! -L new ] && [ ! -e victim ] || wrong "$maker"
		[ "$(find . -name 'new.*')" = "$(find . -type l)" ] || { ls; false; }
	done
}

@test "access to read is enough to read, and to write what is written" {
	[ "$(id -u)" != 0 ] || need setpriv
	local as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 .
	programs_for_all "$PWD"
	chmod a=r image xml
	"${as[@]}" true && "${as[@]}" cat image >/dev/null 2>&1 ||
		skip_test "another user cannot reach this folder"
	status_is 0 "${as[@]}" era_check -q image
	status_is 0 "${as[@]}" era_dump image >got
	cmp got xml
	status_is 0 "${as[@]}" era_invalidate -m --written-since 1 image >got
	status_is 3 "${as[@]}" era_check -q --auto-repair image
	status_is 3 "${as[@]}" era_restore -q -i xml -o image
	chmod a= image
	[ "$(id -u)" = 0 ] || "${as[@]}" cat image 2>/dev/null ||
		status_is 3 "${as[@]}" era_check -q image
}

# A real loop device: one that is held exclusively, as by a mount or by device mapper.
loop_of() {
	need losetup
	[ "$(id -u)" = 0 ] || skip_test "needs root for a loop device"
	loop=$(losetup -f --show "${@:2}" "$1" 2>/dev/null) ||
		skip_test "no loop device is to be had"
}

# held COMMAND...: while the loop device is held exclusively.
held() {
	ofdlock device "$loop" "$@"
}

@test "a file that backs a loop device in use is in use" {
	local maker
	test_tool ofdlock
	loop_of "$PWD/image"
	ln image other-name
	cp image before
	for maker in "era_check image" "era_dump image" "era_invalidate --written-since 1 image" \
		"era_check --auto-repair image" "era_restore -q -i xml -o image" \
		"era_repair -q -i before -o image" "era_check other-name" \
		"era_format --block-size 4096 --device-size 16M image"; do
		# shellcheck disable=SC2086
		status_is 3 held ${maker/-q/} >out
		says "is in use" || return
		[ ! -s out ]
	done
	cmp image before
	status_is 0 held era_check -q -m image
	status_is 0 held era_dump -m image >out
	status_is 0 held era_check -q before
}

@test "a file that backs a loop device that nobody uses is a file" {
	loop_of "$PWD/image"
	status_is 0 era_check -q image
	status_is 0 era_check -q "$loop"
	status_is 0 era_restore -q -i xml -o image
	status_is 0 era_check -q image
}

# Whatever has become of its name, or of what the loop device shows of it.
@test "a loop device's file is found by what it is, not by its name" {
	test_tool ofdlock
	local name offset
	for name in plain 'with blanks' $'new\nlines\n' 'is (deleted)'; do
		for offset in 0 8192; do
			cp image "$name"
			loop_of "$PWD/$name" --offset "$offset"
			status_is 3 held era_check -q "$name"
			mv "$name" renamed
			status_is 3 held era_restore -q -i xml -o renamed
			ln renamed other
			rm renamed
			status_is 3 held era_restore -q -i xml -o other
			status_is 0 era_check -q other
			losetup -d "$loop"
			loop=
			status_is 0 era_restore -q -i xml -o other
			rm other
		done
	done
}

@test "a device is opened exclusively, and read and written past the page cache" {
	need strace
	test_tool ofdlock
	strace -e trace=none true 2>/dev/null || skip_test "strace may not trace"
	local command
	loop_of "$PWD/image"
	for command in "era_check -q $loop" "era_dump -o new $loop" "era_check -q -m $loop" \
		"era_restore -q -i xml -o $loop"; do
		# shellcheck disable=SC2086
		ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
			strace -f -o trace -e trace=openat,open $command
		grep "\"$loop\"" trace >opened
		[ -s opened ]
		fails grep -v O_DIRECT opened
		[[ $command == *-m* ]] || {
			fails grep -v O_EXCL opened
			# shellcheck disable=SC2086
			status_is 3 held $command
		}
	done
}

@test "a loop device whose file is in use is in use" {
	test_tool ofdlock
	cp image before
	loop_of "$PWD/image"
	status_is 3 ofdlock write image era_check "$loop"
	says "is in use"
	status_is 3 ofdlock write image era_restore -q -i xml -o "$loop"
	status_is 3 ofdlock read image era_restore -q -i xml -o "$loop"
	status_is 0 ofdlock read image era_check -q "$loop"
	status_is 0 ofdlock write image era_check -q -m "$loop"
	status_is 3 era_repair -q -i image -o "$loop"
	status_is 3 era_repair -q -i "$loop" -o image
	cmp image before
	status_is 0 ofdlock write before era_repair -q -i image -o new
}

@test "text that is written to a device is flushed" {
	faults_library
	cp image target
	loop_of "$PWD/target"
	(FAULT_TRACE=trace with_fault none:1:5 era_dump -o "$loop" image)
	grep -q "^fsync $loop " trace
	(FAULT_TRACE=trace with_fault none:1:5 era_dump image >"$loop")
	[ "$(grep -c "^fsync $loop " trace)" = 2 ]
	status=0
	(with_fault fsync:1:5 era_dump -o "$loop" image) 2>stderr || status=$?
	[ "$status" = 3 ]
	grep -q "$loop: cannot flush: Input/output error" stderr
	cmp -n "$(stat -c %s xml)" xml "$loop"
}

# Its path is followed, so the folder must be one that anybody can reach.
@test "who may not ask the loop device may read, but not write" {
	need setpriv
	local name
	open=$(mktemp -d /tmp/era-files.XXXXXX)
	cp image xml "$open"
	cd "$open"
	chmod 755 .
	chmod 666 image
	loop_of "$PWD/image"
	programs_for_all "$PWD"
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${as[@]}" cat image >/dev/null 2>&1 || skip_test "another user cannot reach this folder"
	fails "${as[@]}" dd if="$loop" of=/dev/null count=1 2>/dev/null
	cp image before
	status_is 0 "${as[@]}" era_check -q image
	status_is 3 "${as[@]}" era_restore -q -i xml -o image
	cmp image before
	status_is 3 "${as[@]}" era_restore -i xml -o image
	grep -q "loop device" "$stderr"
	losetup -d "$loop"
	loop=
	for name in $'new\nlines\n' 'is (deleted)'; do
		cp before "$name"
		chmod 666 "$name"
		loop_of "$PWD/$name"
		status_is 3 "${as[@]}" era_restore -i xml -o "$name"
		grep -q "loop device" "$stderr"
		losetup -d "$loop"
		loop=
	done
}
