#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Where output goes: -o FILE is the old file or the whole new one, whatever happens; what is no
# regular file is written in place.

load ../lib/common
load ../lib/cases
load ../lib/damage
load ../lib/faults

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}"
	scratch
	mkdir work
	cp "$images/002-crash" meta
	cp meta bad
	era_dump meta >dump.want
	era_invalidate --written-since 1 meta >list.want
	head -c 9000 /dev/urandom >old
}

# writer NAME: sets $command to a program that prints, and $want to what it prints.
writer() {
	case $1 in
	dump) command=(era_dump meta) want=dump.want ;;
	invalidate) command=(era_invalidate --written-since 1 meta) want=list.want ;;
	esac
}

files_in() {
	find "$1" -mindepth 1 -printf '%f\n' | sort | tr '\n' ' '
}

# each_writer COMMAND: for both, in a new folder.
each_writer() {
	untraced try_each "$@"
}

try_each() {
	local writer
	for writer in dump invalidate; do
		rm -rf work
		mkdir work
		writer "$writer"
		"$@" || wrong "$writer" || return
	done
}

new_file() {
	(umask "$1" && status_is 0 "${command[@]}" -o work/out) && cmp work/out "$want" &&
		[ "$(files_in work)" = "out " ] && [ "$(stat -c %a work/out)" = "$2" ]
}

@test "a new file, with the mode that umask gives" {
	each_writer new_file 022 644
	each_writer new_file 077 600
	each_writer new_file 002 664
}

old_file() {
	cp old work/out
	chmod "$1" work/out
	status_is 0 "${command[@]}" --output=work/out && cmp work/out "$want" &&
		[ "$(files_in work)" = "out " ] && [ "$(stat -c %a work/out)" = "$1" ]
}

@test "a file that is there keeps its mode" {
	for mode in 640 600 444 755 666; do
		each_writer old_file "$mode"
	done
}

@test "a file that is there keeps its owner" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	for writer in dump invalidate; do
		writer "$writer"
		cp old work/out
		chown 65534:65534 work/out
		status_is 0 "${command[@]}" -o work/out
		cmp work/out "$want"
		[ "$(stat -c %u:%g work/out)" = 65534:65534 ]
	done
}

# xattr COMMAND FILE [ARGUMENT]...: of a file its names, or one's value in hexadecimal, or sets it.
xattr() {
	"$python" -c 'import os, sys
command, path, *rest = sys.argv[1:]
if command == "names":
	print(*sorted(os.listxattr(path)))
elif command == "get":
	print(os.getxattr(path, rest[0]).hex())
elif command == "set":
	os.setxattr(path, rest[0], bytes.fromhex(rest[1]))' "$@"
}

need_xattr() {
	need "$python"
	: >probe
	xattr set probe user.probe 00 2>/dev/null || skip_test "the file system has no attributes"
	xattr set probe system.posix_acl_access "$private_list" 2>/dev/null ||
		skip_test "the file system has no access control lists"
}

# Version 2, and entries of tag, rights and id: the owner rw, the user 65534 rw, the group nothing,
# mask rw, others nothing. The mode is 660 then.
private_list=0200000001000600ffffffff02000600feff000004000000ffffffff10000600ffffffff20000000ffffffff

@test "a file that is there keeps its access control list and attributes" {
	keeps_attributes() {
		cp old work/out
		chmod 640 work/out
		xattr set work/out user.one 31
		xattr set work/out user.empty ''
		xattr set work/out system.posix_acl_access "$private_list"
		[ "$(stat -c %a work/out)" = 660 ] || return
		status_is 0 "${command[@]}" -o work/out && cmp work/out "$want" || return
		[ "$(stat -c %a work/out)" = 660 ] &&
			[ "$(xattr names work/out)" \
				= "system.posix_acl_access user.empty user.one" ] &&
			[ "$(xattr get work/out system.posix_acl_access)" = "$private_list" ] &&
			[ "$(xattr get work/out user.one)/$(xattr get work/out user.empty)" \
				= "31/" ]
	}
	need_xattr
	each_writer keeps_attributes
}

@test "an access control list that can't be kept opens the file to nobody" {
	local error
	need_xattr
	faults_library
	cp old work/out
	# Its mode says rw of the group, of which the list has nothing.
	for error in 1 13 22 95; do
		chmod 660 work/out
		xattr set work/out system.posix_acl_access "$private_list"
		status_is 0 faulty "fsetxattr:1:$error" era_dump -o work/out meta
		cmp work/out dump.want
		[ "$(stat -c %a work/out)" = 600 ]
	done
	# That there is no room is an error, and the old file stays.
	cp old work/out
	xattr set work/out system.posix_acl_access "$private_list"
	status_is 3 faulty fsetxattr:1:28 era_dump -o work/out meta
	says "cannot keep its access control list: No space left on device"
	cmp work/out old
	rm work/out
	cp old work/out
	xattr set work/out user.one 31
	status_is 3 faulty fsetxattr:1:28 era_dump -o work/out meta
	says "cannot keep its attributes: No space left on device"
	cmp work/out old
	status_is 0 faulty fsetxattr:1:95 era_dump -o work/out meta
	cmp work/out dump.want
}

# Its list would name users that the old file did not.
@test "what replaces a file has no access control list from its folder" {
	need_xattr
	cp old work/out
	chmod 640 work/out
	xattr set work system.posix_acl_default "$private_list"
	cp old work/other
	xattr get work/other system.posix_acl_access
	status_is 0 era_dump -o work/out meta
	[ "$(stat -c %a work/out)" = 640 ]
	[ "$(xattr names work/out)" = "" ]
	faults_library
	status_is 0 faulty fremovexattr:1:1 era_dump -o work/out meta
	[ "$(stat -c %a work/out)" = 600 ]
}

@test "who can't give a file away gives nobody more access" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	need setpriv
	local dir mode
	dir=$(mktemp -d)
	programs_for_all "$dir"
	cp meta "$dir"
	chown 65534:65534 "$dir"
	chmod 755 "$dir"
	for mode in 660:600 664:644 4775:755 6777:777 640:600 4711:711 604:600 647:644; do
		cp old "$dir/out"
		chown 0:0 "$dir/out"
		chmod "${mode%:*}" "$dir/out"
		status_is 0 setpriv --reuid=65534 --regid=65534 --clear-groups \
			era_dump -o "$dir/out" "$dir/meta"
		cmp "$dir/out" dump.want
		[ "$(stat -c %u:%g:%a "$dir/out")" = "65534:65534:${mode#*:}" ] ||
			{ stat "$dir/out"; false; }
	done
	# The group can be kept by who is in it.
	chmod 6664 "$dir/out"
	chown 0:65533 "$dir/out"
	status_is 0 setpriv --reuid=65534 --regid=65534 --groups=65533 era_dump \
		-o "$dir/out" "$dir/meta"
	[ "$(stat -c %u:%g:%a "$dir/out")" = 65534:65533:664 ]
	if (need_xattr); then
		xattr set "$dir/out" system.posix_acl_access "$private_list"
		chown 0:65533 "$dir/out"
		status_is 0 setpriv --reuid=65534 --regid=65534 --groups=65533 era_dump \
			-o "$dir/out" "$dir/meta"
		[ "$(stat -c %u:%g:%a "$dir/out")" = 65534:65533:660 ]
		[ "$(xattr get "$dir/out" system.posix_acl_access)" = "$private_list" ]
		chown 0:0 "$dir/out"
		status_is 0 setpriv --reuid=65534 --regid=65534 --clear-groups era_dump \
			-o "$dir/out" "$dir/meta"
		[ "$(stat -c %u:%g:%a "$dir/out")" = 65534:65534:600 ]
		[ "$(xattr names "$dir/out")" = "" ]
	fi
	rm -rf "$dir"
}

linked() {
	mkdir work/there
	cp old work/there/file
	chmod 640 work/there/file
	ln -s there/file work/link
	ln -s link work/linklink
	status_is 0 "${command[@]}" -o work/linklink && cmp work/there/file "$want" &&
		[ -L work/linklink ] && [ "$(readlink work/link)" = there/file ] &&
		[ "$(stat -c %a work/there/file)" = 640 ] &&
		[ "$(files_in work)" = "file link linklink there " ]
}

@test "through links: they stay, and what they name is replaced" {
	each_writer linked
}

@test "a link to what is not there yet" {
	dangling() {
		ln -s new work/link
		exit_status "${command[@]}" -o work/link
		one_of 0 3 && [ -L work/link ] || return
		[ "$status" = 3 ] || cmp work/new "$want"
	}
	each_writer dangling
}

@test "other names of a file keep the old one" {
	hard() {
		cp old work/out
		ln work/out work/other
		status_is 0 "${command[@]}" -o work/out && cmp work/out "$want" &&
			cmp work/other old
	}
	each_writer hard
}

@test "3: a folder that is missing, or in the way" {
	missing() {
		status_is 3 "${command[@]}" -o work/no/out && status_is 3 "${command[@]}" -o work &&
			status_is 3 "${command[@]}" -o work/ && [ "$(files_in work)" = "" ]
	}
	each_writer missing
}

@test "1: a failing run leaves the old file, and nothing else" {
	local block n=0 failed=0
	for block in $(used_blocks meta); do
		[ "$block" != 0 ] || continue
		cp meta bad
		head -c 4096 /dev/zero | dd of=bad bs=4096 seek="$block" conv=notrunc status=none
		n=$((n + 1))
		for command in "era_dump" \
			"era_dump --logical" "era_invalidate --written-since 1"; do
			cp -p old work/out
			# shellcheck disable=SC2086
			exit_status $command -o work/out bad
			one_of 0 1
			[ "$status" = 0 ] || { cmp work/out old; failed=$((failed + 1)); }
			[ "$(files_in work)" = "out " ]
			rm work/out
			# shellcheck disable=SC2086
			exit_status $command -o work/out bad
			one_of 0 1
			[ "$status" = 0 ] || [ "$(files_in work)" = "" ]
			rm -f work/*
		done
	done
	# 12 used blocks beside the superblock; four of them are of the space map.
	[ "$n" = 12 ]
	[ "$failed" -ge 20 ]
}

@test "1: on stdout a failing dump has no closing tag" {
	local n=0
	for block in $(used_blocks meta); do
		[ "$block" != 0 ] || continue
		cp meta bad
		head -c 4096 /dev/zero | dd of=bad bs=4096 seek="$block" conv=notrunc status=none
		exit_status era_dump bad >stdout
		one_of 0 1
		if [ "$status" = 1 ]; then
			fails grep -q '</superblock>' stdout
			n=$((n + 1))
		else
			cmp stdout dump.want
		fi
	done
	[ "$n" -ge 7 ]
}

@test "killed in the middle: the file is as it was" {
	local n=0 killed=0 delay
	cp "$images/027-many-writesets" large
	era_dump large >large.want
	cp old work/out
	for delay in .01 .02 .04 .1; do
		status=0
		era_dump -o work/out large 3>&- &
		sleep "$delay"
		kill -KILL $! 2>/dev/null || :
		wait $! 2>/dev/null || status=$?
		n=$((n + 1))
		if cmp -s work/out large.want; then
			cp old work/out
			continue
		fi
		[ "$status" = 137 ]
		cmp work/out old
		killed=$((killed + 1))
	done
	era_dump -o work/out large
	cmp work/out large.want
	[ "$n" = 4 ]
	[ "$killed" -ge 1 ]
}

@test "killed while XML comes in: what is restored to is as it was" {
	mkfifo fifo
	cp meta old.meta
	head -c 9000000 < <(era_dump "$images/013-levels") >half.xml
	timeout -s KILL 2 era_restore -q -i fifo -o meta 3>&- &
	{ cat half.xml; sleep .1; kill -9 $!; } >fifo
	wait $! || status=$?
	[ "$status" = 137 ]
	cmp meta old.meta
	status_is 0 era_check -q meta
	[ "$(find . -name '*half*' -o -name '.*' ! -name . | wc -l)" = 1 ]
}

@test "stopped by a signal: nothing is left, the old file stays" {
	cp "$images/027-many-writesets" large
	for signal in INT TERM HUP; do
		cp old work/out
		status=0
		timeout -s "$signal" .02 era_dump -o work/out large || status=$?
		cmp -s work/out old || cmp work/out <(era_dump large)
	done
}

@test "/dev/stdout, - and a FIFO are written in place" {
	in_place() {
		local reader
		"${command[@]}" -o /dev/stdout >work/a && cmp work/a "$want" || return
		"${command[@]}" -o - >work/b && cmp work/b "$want" && [ ! -e ./- ] || return
		"${command[@]}" -o /dev/stdout | cmp - "$want" || return
		"${command[@]}" -o - | cmp - "$want" || return
		mkfifo work/fifo
		timeout 10 cat work/fifo >work/c 3>&- &
		reader=$!
		status_is 0 timeout 10 "${command[@]}" -o work/fifo && wait $reader &&
			[ -p work/fifo ] && cmp work/c "$want" &&
			[ "$(files_in work)" = "a b c fifo " ]
	}
	each_writer in_place
}

@test "/dev/stdout appends where the shell says so" {
	echo first >both
	era_dump -o /dev/stdout meta >>both
	era_dump -o - meta >>both
	cmp both <(echo first; cat dump.want dump.want)
}

@test "names of descriptors are numbers, and digits alone" {
	local name folder
	: >stdin
	for folder in /dev/fd /proc/self/fd; do
		for name in '' ' 1' +1 -1 01 00 1x 0x1 '1 ' . .. 4294967297 \
			99999999999999999999999; do
			status_is 3 era_dump -o "$folder/$name" meta 0<>stdin >stdout
			says "$folder/$name: names no descriptor: found '$name', wanted a number"
			status_is 3 era_invalidate --written-since 1 \
				-o "$folder/$name" meta 0<>stdin >stdout
			[ ! -s stdin ]
			[ ! -s stdout ]
		done
		status_is 0 era_dump -o $folder/1 meta >stdout
		cmp stdout dump.want
		status_is 0 era_dump -o $folder//7 meta 7>stdout
		cmp stdout dump.want
		status_is 3 era_dump -o $folder/77 meta
		says "Bad file descriptor"
	done
	# 3 and 4 are those of the metadata, and of a file that is begun.
	for name in 3 4; do
		status_is 3 era_invalidate --written-since 1 --witness-out new \
			-o /dev/fd/$name meta 3>&- 4>&-
		says "Bad file descriptor"
		[ ! -e new ]
	done
	# A folder that is open is a folder.
	status_is 0 era_dump -o /dev/fd/7/out meta 7<work
	cmp work/out dump.want
}

# What nobody reads any more is a pipe. A file system or a device may fail with the same errno.
@test "3: EPIPE without a word is the output pipe's alone" {
	local command
	faults_library
	exit_status faulty write:1:32 era_dump meta > >(cat >/dev/null)
	one_of 3
	silent
	exit_status faulty write:1:32 era_dump meta >stdout
	one_of 3
	says "standard output: cannot write: Broken pipe"
	exit_status faulty write:1:32 era_dump -o work/out meta
	one_of 3
	says "work/out: cannot write: Broken pipe"
	exit_status faulty write:1:32 era_dump -o work/out.gz meta
	one_of 3
	says "work/out.gz: cannot write: Broken pipe"
	exit_status faulty fclose:1:32 era_check meta >stdout
	one_of 3
	says "standard output: cannot write: Broken pipe"
	for command in "pwrite:1:32 era_repair -i meta -o work/new" \
		"fsync:1:32 era_dump -o work/out meta" \
		"read:1:32 era_restore -i dump.want -o work/new" "open:1:32 era_dump meta" \
		"close:1:32+ era_dump -o /dev/null meta" "stat:1:32+ era_dump meta"; do
		# shellcheck disable=SC2086
		exit_status faulty $command >stdout
		one_of 3
		says "Broken pipe"
	done
	[ "$(files_in work)" = "" ]
}

@test "/dev/null stays what it is" {
	status_is 0 era_dump -o /dev/null meta
	[ -c /dev/null ]
}

@test "a name that ends in .gz is compressed" {
	compressed() {
		cp old work/out.gz
		chmod 640 work/out.gz
		status_is 0 "${command[@]}" -o work/out.gz && gzip -t work/out.gz &&
			gzip -dc work/out.gz | cmp - "$want" &&
			[ "$(stat -c %a work/out.gz)" = 640 ] &&
			[ "$(files_in work)" = "out.gz " ]
	}
	writer dump
	compressed
	rm work/*
	status_is 0 era_dump --compact -o work/runs.xml.gz meta
	status_is 0 era_restore -q -i work/runs.xml.gz -o copy
	era_dump copy | cmp - dump.want
	# Not compressed: .gz elsewhere in the name, and what is on stdout.
	status_is 0 era_dump -o work/out.gz.xml meta
	cmp work/out.gz.xml dump.want
	cp meta meta.gz
	era_dump meta.gz | cmp - dump.want
}

@test "1: a failing run leaves an old .gz, and no new one" {
	bad=$(($(od -An -tu8 -j 208 -N 8 meta)))
	cp meta bad
	head -c 4096 /dev/zero | dd of=bad bs=4096 seek="$bad" conv=notrunc status=none
	cp old work/out.gz
	status_is 1 era_dump -o work/out.gz bad
	cmp work/out.gz old
	rm work/out.gz
	status_is 1 era_dump -o work/out.gz bad
	[ "$(files_in work)" = "" ]
}

# appears FAULT OUTPUT COMMAND...: reads the fifo, and OUTPUT appears before it is given anything.
# Its status goes to the file "status".
appears() {
	local input=${input:-dump.want}
	rm -f fifo status "$2"
	mkfifo fifo
	(status=0; faulty "$1" timeout 10 "${@:3}" ||
		status=$?; echo "$status" >status) 2>messages 3>&- &
	exec 9>fifo
	# There is room in it for metadata.
	echo "another's" >"$2"
	truncate -s 1M "$2"
	cp "$2" appeared
	cat "$input" >&9
	exec 9>&-
	wait $!
	[ "$(cat status)" = 3 ] || wrong "status $(cat status)" || return
	grep -q "$2: cannot create: a file has appeared there meanwhile" messages ||
		{ cat messages; return 1; }
	cmp "$2" appeared && [ "$(files_in work)" = "out " ]
}

@test "3: a file that has appeared at the output's place meanwhile stays" {
	local nameless fault
	faults_library
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"64\" nr_cache_blocks=\"1\" policy=\"smq\" hint_width=\"4\">"
		print "<mappings></mappings></superblock>"
	}' >mappings
	for fault in none:1:5 no_tmpfile renameat2:1:22; do
		[ "$fault" = none:1:5 ] || export FAULT_NO_TMPFILE=1
		fault=${fault/no_tmpfile/none:1:5}
		appears "$fault" work/out era_restore -i fifo -o work/out
		input=mappings appears "$fault" work/out era_invalidate --written-since 1 \
			--format dm-cache \
			--cache-mappings fifo -o work/out meta
	done
}

@test "3: what has taken the place of the old file meanwhile stays, when it is no file" {
	local pid
	cp old work/out
	mkfifo fifo
	(status=0; timeout 10 era_invalidate --written-since 1 --format dm-cache \
		--cache-mappings fifo \
		-o work/out meta || status=$?; echo "$status" >status) 2>messages 3>&- &
	pid=$!
	exec 9>fifo
	rm work/out
	mkfifo work/out
	echo '<superblock uuid="" block_size="64" nr_cache_blocks="1" policy="smq" hint_width="4">' >&9
	echo '<mappings></mappings></superblock>' >&9
	exec 9>&-
	wait $pid
	[ "$(cat status)" = 3 ]
	grep -q "work/out: is another kind of file than it was" messages
	[ -p work/out ]
	[ "$(files_in work)" = "out " ]
}

@test "3: no room for the file: the old one stays, nothing is left" {
	no_room() {
		cp old work/out
		(ulimit -f 1 && trap '' XFSZ && status_is 3 "${command[@]}" -o work/out) &&
			cmp work/out old && [ "$(files_in work)" = "out " ]
	}
	writer dump
	no_room
}

@test "a folder without permission to write in: 3, and the old file stays" {
	local dir shared as=()
	dir=$(mktemp -d)
	shared=$(mktemp -d)
	chmod 755 "$dir" "$shared"
	cp meta old "$dir"
	if [ "$(id -u)" = 0 ]; then
		need setpriv
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		programs_for_all "$shared"
	fi
	chmod 444 "$dir/old"
	chmod 555 "$dir"
	status_is 3 "${as[@]}" era_dump -o "$dir/new" "$dir/meta"
	status_is 3 "${as[@]}" era_dump -o "$dir/old" "$dir/meta"
	cmp "$dir/old" old
	[ "$(files_in "$dir")" = "meta old " ]
	chmod 755 "$dir"
	rm -rf "$dir" "$shared"
}

@test "no file of a reading program is changed, not even its times" {
	local before after
	chmod 444 meta
	touch -d 2001-01-01 meta
	before=$(stat -c '%Y %Z %s %a' meta)
	era_check -q meta
	era_dump meta | cmp - dump.want
	era_invalidate --written-since 1 meta | cmp - list.want
	era_repair -q -i meta -o repaired
	after=$(stat -c '%Y %Z %s %a' meta)
	[ "$before" = "$after" ]
}
