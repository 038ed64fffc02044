#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The exit status table, over all programs, and the words that scripts look for; what closed
# descriptors, full devices, closed pipes and locks do.

load ../lib/common
load ../lib/cases
load ../lib/xml

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}"
	scratch
	cp "$images/002-crash" meta
	cp "$images/022-snapshot-moved-on" snapped
	sample_bits >good.xml
	touch -r good.xml before
}

# readers FILE: sets $command to the way each program reads metadata from FILE, one a call.
reader() {
	case $1 in
	check) command=(era_check "$2") ;;
	check-super) command=(era_check --super-block-only "$2") ;;
	check-json) command=(era_check --json "$2") ;;
	check-snap) command=(era_check -m "$2") ;;
	dump) command=(era_dump "$2") ;;
	dump-o) command=(era_dump -o out "$2") ;;
	dump-snap) command=(era_dump --metadata-snapshot "$2") ;;
	dump-repair) command=(era_dump --repair "$2") ;;
	dump-logical) command=(era_dump --logical "$2") ;;
	invalidate) command=(era_invalidate --written-since 1 "$2") ;;
	invalidate-o) command=(era_invalidate --written-since 1 --output out "$2") ;;
	invalidate-json) command=(era_invalidate --written-since 1 --format json "$2") ;;
	invalidate-snap) command=(era_invalidate -m --snapshot-era 8 --written-since 1 "$2") ;;
	invalidate-repair) command=(era_invalidate --repair --written-since 1 "$2") ;;
	repair) command=(era_repair -i "$2" -o out) ;;
	esac
}

all_readers="check check-super check-json check-snap dump dump-o dump-snap dump-repair dump-logical
	invalidate invalidate-o invalidate-json invalidate-snap invalidate-repair repair"

# every_reader FILE WORDS STATUS...: says WORDS, prints nothing, ends with one of STATUS.
every_reader() {
	untraced every_untraced "$@"
}

every_untraced() {
	local file=$1 words=$2 name n=0 bad=0
	shift 2
	for name in $all_readers; do
		reader "$name" "$file"
		exit_status timeout 10 "${command[@]}" >stdout </dev/null
		n=$((n + 1))
		one_of "$@" && says "$words" && [ ! -e out ] &&
			{ [ "$name" = check-json ] || no_answer stdout "${command[@]}" ||
				wrong "prints:"; } &&
			continue
		wrong "failed: $file: ${command[*]}" || bad=$((bad + 1))
		rm -f out
	done
	[ "$n" -ge 12 ] && [ "$bad" = 0 ]
}

usage_error() {
	local line=$1
	# shellcheck disable=SC2086
	eval "set -- $line"
	exit_status timeout 10 "$@" >stdout </dev/null
	one_of 2 && { [ ! -s stdout ] || wrong "prints on stdout:"; } &&
		{ [ -s "$stderr" ] || wrong "no word on stderr"; } &&
		says "$1" && cmp meta "$images/002-crash" && [ ! -e out ]
}

@test "2: the command line is wrong" {
	cases 45 usage_error <<-'EOF'
		era_check
		era_check meta meta
		era_check --nonsense meta
		era_check -x meta
		era_check --json=yes meta
		era_check --written-since 1 meta
		era_dump
		era_dump meta meta
		era_dump --nonsense meta
		era_dump -x meta
		era_dump meta -o
		era_dump --metadata-snapshot=1 meta
		era_restore
		era_restore -i good.xml
		era_restore -o out
		era_restore -i good.xml -o out extra
		era_restore -i good.xml -o
		era_restore --nonsense -i good.xml -o out
		era_invalidate
		era_invalidate meta
		era_invalidate --written-since 1
		era_invalidate --written-since meta
		era_invalidate --written-since 1 meta meta
		era_invalidate --written-since '' meta
		era_invalidate --written-since x meta
		era_invalidate --written-since 1x meta
		era_invalidate --written-since -1 meta
		era_invalidate --written-since 1.5 meta
		era_invalidate --written-since ' 1' meta
		era_invalidate --written-since 99999999999999999999999 meta
		era_invalidate --written-since 1 --format meta
		era_invalidate --written-since 1 --format yaml meta
		era_invalidate --written-since 1 --format '' meta
		era_invalidate --written-since 1 --format dm-cache meta
		era_invalidate --written-since 1 --format ranges --unit pages meta
		era_invalidate --written-since 1 --device-size x meta
		era_invalidate --written-since 1 --device-size -1 meta
		era_invalidate --written-since 1 --device-size '' meta
		era_invalidate --written-since 1 -m --snapshot-era x snapped
		era_invalidate --written-since 1 --nonsense meta
		era_repair
		era_repair -i meta
		era_repair -o out
		era_repair -i meta -o out extra
		era_repair --nonsense -i meta -o out
	EOF
}

@test "2: an option with a value that is given twice" {
	twice() {
		exit_status "${@:2}" >stdout </dev/null
		one_of 2 && says "$1 is given twice" && [ ! -s stdout ] && [ ! -e out ] &&
			[ ! -e new ]
	}
	split_and_twice() {
		# shellcheck disable=SC2086
		twice $1 $2
	}
	cases 24 split_and_twice <<-'EOF'
		--written-since | era_invalidate --written-since 1 --written-since 2 meta
		--written-since | era_invalidate --written-since 1 meta --written-since=1
		--snapshot-era | era_invalidate --written-since 1 -m --snapshot-era 8 --snapshot-era 8 snapped
		--format | era_invalidate --written-since 1 --format xml --format json meta
		--unit | era_invalidate --written-since 1 --format ranges --unit bytes --unit blocks meta
		--device-size | era_invalidate --written-since 1 --device-size 16M --device-size 16M meta
		--old-size | era_invalidate --written-since 1 --old-size 8M --old-size 16M meta
		--cache-mappings | era_invalidate --written-since 1 --format dm-cache --cache-mappings a --cache-mappings b meta
		--cache-metadata | era_invalidate --written-since 1 --format dm-cache --cache-mappings a --cache-metadata a --cache-metadata b meta
		--output | era_invalidate --written-since 1 -o out --output=new meta
		--output | era_dump -o out -o new meta
		--nr-blocks | era_dump --repair --nr-blocks 1 --nr-blocks 2 meta
		--block-size | era_dump --repair --block-size 4k --block-size 8k meta
		--current-era | era_dump --repair --current-era 4 --current-era 5 meta
		--input | era_restore -i good.xml -i good.xml -o out
		--output | era_restore -i good.xml -o out -o new
		--input | era_repair -i meta --input snapped -o out
		--output | era_repair -i meta -o out -o new
		--nr-blocks | era_repair -i meta -o out --nr-blocks 1 --nr-blocks 1
		--block-size | era_format --block-size 4k --block-size 8k --device-size 1M new
		--device-size | era_format --block-size 4k --device-size 1M --device-size 2M new
		--era | era_format --block-size 4k --device-size 1M --era 1 --era 2 new
		--writesets | era_metadata_size --block-size 4k --device-size 1M --writesets 1 --writesets 2
		--unit | era_metadata_size --block-size 4k --device-size 1M --unit k --unit M
	EOF
	# A flag says the same as often as it is given.
	status_is 0 era_check -q -q --quiet meta
	status_is 0 era_dump -c --compact meta >stdout
}

@test "0: help and version, from every program" {
	local program n=0
	for program in "${programs[@]}"; do
		for option in -h --help --usage -V --version; do
			status_is 0 "$program" "$option" >stdout
			silent
			grep -q "$program" stdout
			n=$((n + 1))
		done
		status_is 0 "$program" -V | grep '[0-9]\.[0-9]'
		status_is 0 "$program" --help >stdout
		[ "$(grep -c '^Exit status' stdout)" = 1 ]
		fails grep -q "^Usage:.*DEV DEV" stdout
	done
	[ "$n" = 25 ]
}

@test "3: a file that is not there, a folder, a FIFO, a device of characters" {
	every_reader missing "No such file or directory" 3
	every_reader no/such/folder "No such file or directory" 3
	ln -s nowhere dangling
	every_reader dangling "No such file or directory" 3
	mkdir folder
	every_reader folder "Not a block device or regular file" 3
	mkfifo fifo
	every_reader fifo "Not a block device or regular file" 3
	every_reader /dev/null "Not a block device or regular file" 3
	every_reader /dev/zero "Not a block device or regular file" 3
}

@test "3: permission denied" {
	local dir program as=()
	dir=$(mktemp -d)
	chmod 755 "$dir"
	cp meta good.xml "$dir"
	chmod 644 "$dir"/*
	if [ "$(id -u)" = 0 ]; then
		need setpriv
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		programs_for_all "$dir"
	fi
	cd "$dir"
	status_is 0 "${as[@]}" era_check -q "$dir/meta"
	chmod 0 meta
	for program in "era_check" "era_dump" "era_dump -m" "era_invalidate --written-since 0" \
		"era_repair -o /nowhere/out -i" "era_restore -i good.xml -o" \
		"era_restore -o /nowhere/out -i"; do
		# shellcheck disable=SC2086
		status_is 3 "${as[@]}" $program "$dir/meta" >"$BATS_TEST_TMPDIR/stdout"
		says "Permission denied"
		[ ! -s "$BATS_TEST_TMPDIR/stdout" ]
	done
	chmod 444 meta
	status_is 3 "${as[@]}" era_restore -i good.xml -o meta
	says "Permission denied"
	status_is 0 "${as[@]}" era_check -q meta
	cmp meta "$images/002-crash"
	rm -r "$dir"
}

@test "too small, and XML where metadata are wanted" {
	: >empty
	every_reader empty "Metadata device/file too small.  Is this binary metadata?" 1 3
	head -c 4095 meta >short
	every_reader short "Metadata device/file too small.  Is this binary metadata?" 1 3
	every_reader good.xml \
		"This looks like XML.  This tool only supports the binary metadata format." 1 3
	random_xml 4 >long.xml
	[ "$(wc -c <long.xml)" -gt 8192 ]
	every_reader long.xml \
		"This looks like XML.  This tool only supports the binary metadata format." 1 3
	sed -i '1i<?xml version="1.0"?>' long.xml
	every_reader long.xml \
		"This looks like XML.  This tool only supports the binary metadata format." 1 3
}

@test "1: a bad checksum in the superblock" {
	head -c 262144 /dev/zero >zero
	every_reader zero "bad checksum in superblock" 1
	printf 'x' | dd of=meta bs=1 seek=300 conv=notrunc status=none
	# A snapshot is tried for a second before its superblock is called damaged: once is enough.
	all_readers=$(printf "%s\n" $all_readers | grep -v snap)
	every_reader meta "bad checksum in superblock" 1
}

@test "4: no metadata snapshot is held" {
	local name n=0
	for name in check-snap dump-snap invalidate-snap; do
		reader "$name" meta
		status_is 4 "${command[@]}" >stdout
		says "no current metadata snap"
		[ ! -s stdout ]
		n=$((n + 1))
		reader "$name" snapped
		status_is 0 "${command[@]}" >stdout
	done
	[ "$n" = 3 ]
}

@test "3: restore and repair can't read or write" {
	mkfifo fifo
	mkdir folder
	status_is 3 era_restore -i missing.xml -o out
	says "No such file or directory"
	status_is 3 era_restore -i folder -o out
	status_is 3 era_restore -i good.xml -o no/such/folder
	[ ! -e out ]
	for out in folder fifo /dev/null /dev/full; do
		status_is 3 timeout 10 era_restore -i good.xml -o "$out"
		says "Not a block device or regular file"
		status_is 3 timeout 10 era_repair -i meta -o "$out"
		says "Not a block device or regular file"
	done
	truncate -s 8192 small
	for command in "era_restore -i good.xml" "era_restore --tight -i good.xml" \
		"era_repair -i meta"; do
		# shellcheck disable=SC2086
		status_is 3 $command -o small
		cmp small <(head -c 8192 /dev/zero)
	done
	# No room: the limit of a file's size stands for a full disk.
	(ulimit -f 64 && trap '' XFSZ && status_is 3 era_restore -i good.xml -o limited)
	[ ! -e limited ] || fails era_check -q limited
}

@test "restore says the size it needs, and makes files of it; --tight takes what just holds the bytes" {
	local size
	truncate -s 49152 less
	cp less less.was
	status_is 3 era_restore -i good.xml -o less
	cmp less less.was
	[[ $(cat "$stderr") =~ \(([0-9]+)\ bytes\) ]]
	size=${BASH_REMATCH[1]}
	truncate -s "$size" less
	status_is 0 era_restore -q -i good.xml -o less
	[ "$(stat -c %s less)" = "$size" ]

	truncate -s $((size - 4096)) less
	cp less less.was
	status_is 3 era_restore -i good.xml -o less
	cmp less less.was
	status_is 0 era_restore -q --tight -i good.xml -o less
	[ "$(stat -c %s less)" = $((size - 4096)) ]
	status_is 0 era_check -q less
	era_dump less | cmp - good.xml

	truncate -s 10M more
	status_is 0 era_restore -q -i good.xml -o more
	[ "$(stat -c %s more)" = 10485760 ]

	status_is 0 era_restore -q -i good.xml -o fresh
	[ "$(stat -c %s fresh)" = "$size" ]
}

@test "3: a full device" {
	local n=0
	for command in "era_dump meta" "era_dump --logical meta" "era_dump -o /dev/full meta" \
		"era_invalidate --written-since 1 meta" \
		"era_invalidate --written-since 1 --format json meta" \
		"era_invalidate --written-since 1 --format ranges meta" \
		"era_invalidate --written-since 1 --format bitmap meta" \
		"era_invalidate --written-since 1 -o /dev/full meta" "era_check --json meta"; do
		# shellcheck disable=SC2086
		status_is 3 $command >/dev/full
		says "No space left on device"
		n=$((n + 1))
	done
	[ "$n" = 9 ]
}

@test "3: help and version that can't be printed" {
	local program option n=0
	for program in "${programs[@]}" era_format era_metadata_size era_ctl; do
		for option in -h --usage -V; do
			status_is 3 "$program" $option >/dev/full
			says "standard output: cannot write: No space left on device"
			status_is 3 "$program" $option >&-
			n=$((n + 1))
		done
	done
	[ "$n" = 24 ]
	mkfifo pipe
	exec 8<>pipe 9>pipe 8<&-
	exit_status era_dump -h >&9
	exec 9>&-
	one_of 3
	[ ! -s "$stderr" ]
}

@test "3, and not a word: a pipe that nobody reads" {
	local n=0
	cp "$images/013-levels" large
	# Its reader is gone before a program starts.
	mkfifo pipe
	exec 8<>pipe 9>pipe 8<&-
	for command in "era_dump large" "era_dump --logical large" "era_dump -o /dev/stdout large" \
		"era_invalidate --written-since 1 --format ranges meta" \
		"era_invalidate --written-since 1 meta" \
		"era_invalidate --written-since 1 --format json meta" \
		"era_invalidate --written-since 1 --format bitmap meta" "era_check --json meta"; do
		# shellcheck disable=SC2086
		exit_status $command >&9
		[ "$status" = 3 ]
		[ ! -s "$BATS_TEST_TMPDIR/stderr" ]
		n=$((n + 1))
	done
	[ "$n" = 8 ]
	exec 9>&-
}

@test "quiet is quiet, whatever happens" {
	quiet() {
		# shellcheck disable=SC2086
		exit_status timeout 10 $2 >stdout
		one_of "$1" && silent && [ ! -s stdout ]
	}
	cp meta bad
	printf x | dd of=bad bs=1 seek=300 conv=notrunc status=none
	gzip -k good.xml
	sed 9d good.xml >bad.xml
	cases 21 quiet <<-'EOF'
		0 | era_check -q meta
		0 | era_check --quiet snapped
		0 | era_check -q -m snapped
		1 | era_check -q bad
		1 | era_check -q --super-block-only bad
		1 | era_check -q --ignore-non-fatal-errors bad
		3 | era_check -q missing
		3 | era_check -q /dev/null
		4 | era_check -q -m meta
		0 | era_restore -q -i good.xml -o out
		0 | era_restore -q -i good.xml.gz -o out
		1 | era_restore --quiet -i bad.xml -o out
		1 | era_restore -q -i meta -o out
		3 | era_restore -q -i missing -o out
		3 | era_restore -q -i good.xml -o /dev/null
		3 | era_restore -q -i good.xml -o good.xml.gz
		0 | era_repair -q -i meta -o out1
		0 | era_repair --quiet -i snapped -o out2
		1 | era_repair -q -i bad -o out
		3 | era_repair -q -i missing -o out
		3 | era_repair -q -i meta -o /dev/null
	EOF
}

@test "closed descriptors do no harm" {
	local command redirection n=0
	era_dump -o meta.xml meta
	sed 9d good.xml >bad.xml
	head -c 4096 /dev/zero | dd of=snapped bs=4096 seek=50 conv=notrunc status=none
	cp snapped snapped.was
	for redirection in "<&-" ">&-" "2>&-" "<&- >&-" ">&- 2>&-" "<&- >&- 2>&-"; do
		for command in "era_check meta" "era_check snapped" "era_check --json snapped" \
			"era_check missing" "era_dump meta" "era_dump snapped" \
			"era_dump -r snapped" \
			"era_dump -o dump meta" "era_invalidate --written-since 1 meta" \
			"era_invalidate --written-since 1 -r snapped" \
			"era_invalidate --written-since 9 meta" \
			"era_repair -i meta -o repaired" "era_restore -i good.xml -o restored" \
			"era_restore -i bad.xml -o restored2"; do
			status=0
			eval "timeout 10 $command 3>&- $redirection" >stdout 2>stderr || status=$?
			one_of 0 1 2 3 4 5
			cmp meta "$images/002-crash"
			cmp snapped snapped.was
			[ ! -e dump ] || cmp dump meta.xml
			[ ! -e repaired ] || era_check -q repaired
			[ ! -e restored ] || era_dump restored | cmp - good.xml
			rm -f dump repaired restored
			[ ! -e restored2 ]
			n=$((n + 1))
		done
	done
	[ "$n" = 84 ]
}

# What is opened would be standard error then.
@test "closed stderr: messages don't go into what is open for writing" {
	head -c 12288 meta >small
	cp small small.was
	status=0
	era_restore -i good.xml -o small 2>&- || status=$?
	[ "$status" = 3 ]
	cmp small small.was
	test_tool blkedit
	cp meta miscounted
	blkedit miscounted 'bitmap.count.[index]=0'
	era_check --auto-repair miscounted >/dev/null 2>&-
	status_is 0 era_check -q miscounted
}

@test "closed stdout: what can't be printed is not done" {
	status_is 3 era_dump meta >&-
	status_is 3 era_invalidate --written-since 1 meta >&-
	status_is 3 era_check --json meta >&-
	status_is 3 era_restore -i - -o out <&-
	cmp meta "$images/002-crash"
}

@test "3: a file that is in use; the metadata snapshot takes no lock" {
	test_tool ofdlock
	# The lock that the test holds does what locks do.
	fails ofdlock write meta ofdlock read meta true
	fails ofdlock read meta ofdlock write meta true
	status_is 0 ofdlock read meta ofdlock read meta true

	locked() {
		cp "$images/022-snapshot-moved-on" snapped
		# shellcheck disable=SC2086
		exit_status ofdlock "$1" snapped timeout 10 $3 >stdout
		one_of "$2" || return
		[ "$2" = 0 ] || { says "in use" && [ ! -s stdout ] && [ ! -e out ] || return; }
		rm -f out
		cmp snapped "$images/022-snapshot-moved-on"
	}
	cases 18 locked <<-'EOF'
		write | 3 | era_check snapped
		write | 3 | era_check --super-block-only snapped
		write | 3 | era_dump snapped
		write | 3 | era_dump -r snapped
		write | 3 | era_dump -o out snapped
		write | 3 | era_invalidate --written-since 1 snapped
		write | 3 | era_repair -i snapped -o out
		write | 3 | era_repair -i meta -o snapped
		write | 3 | era_restore -i good.xml -o snapped
		read | 3 | era_restore -i good.xml -o snapped
		read | 3 | era_repair -i meta -o snapped
		read | 0 | era_check snapped
		read | 0 | era_dump snapped
		read | 0 | era_invalidate --written-since 1 snapped
		read | 0 | era_repair -i snapped -o out
		write | 0 | era_check -m snapped
		write | 0 | era_dump -m snapped
		write | 0 | era_invalidate -m --snapshot-era 8 --written-since 1 snapped
	EOF
}

@test "era_repair: input and output must differ, by any name" {
	same_file() {
		exit_status era_repair -i "$1" -o "$2"
		one_of 2 3 && [ -s "$stderr" ] && cmp meta "$images/002-crash"
	}
	ln -s meta link
	ln meta hard
	cases 5 same_file <<-'EOF'
		meta | meta
		meta | ./meta
		meta | link
		link | meta
		meta | hard
	EOF
}

@test "output over the input is refused" {
	status_is 3 era_restore -i good.xml -o good.xml ||
		status_is 2 era_restore -i good.xml -o good.xml
	cmp good.xml <(sample_bits)
	ln -s meta link
	for command in "era_dump -o meta meta" "era_dump -o link meta" \
		"era_invalidate --written-since 1 -o meta meta" \
		"era_invalidate --written-since 1 -o meta link"; do
		# shellcheck disable=SC2086
		exit_status $command
		cmp meta "$images/002-crash" || { cp "$images/002-crash" meta; wrong "$command"; }
		one_of 2 3
	done
}

# own_input COMMAND...: with meta, or $file, as standard output, in each way that leaves it as it
# is.
own_input() {
	local file=${file:-meta}
	cp "$file" own.was
	exit_status "$@" >>"$file"
	one_of 2 && says "input and output are the same" && cmp "$file" own.was || return
	exit_status "$@" 1<>"$file"
	one_of 2 && says "input and output are the same" && cmp "$file" own.was
}

@test "2: standard output is the input" {
	local file
	own_input era_dump meta
	own_input era_dump --repair -o - meta
	own_input era_dump -o /dev/stdout meta
	own_input era_invalidate --written-since 1 meta
	own_input era_invalidate --written-since 1 --format json --output=- meta
	own_input era_check meta
	own_input era_check --json meta
	own_input era_check --json -q meta
	own_input era_repair --json -i meta -o copy
	[ ! -e copy ]
	cp meta copy
	file=copy own_input era_repair --json -i meta -o copy
	ln -s meta link
	own_input era_dump link
	cp snapped cache.xml
	file=cache.xml own_input era_invalidate --written-since 1 --format cache-xml \
		--cache-mappings cache.xml meta
	exit_status era_invalidate --written-since 1 --format cache-xml --cache-mappings - meta \
		<cache.xml >>cache.xml
	one_of 2
	file=cache.xml own_input era_invalidate --written-since 1 --format cache-xml \
		--cache-mappings good.xml --cache-metadata cache.xml meta
	cmp snapped cache.xml
	# What prints nothing there has nothing to spoil.
	status_is 0 era_check -q meta >>meta
	status_is 0 era_repair -i meta -o copy >>meta
	cmp meta "$images/002-crash"
	# A device or a pipe for both is no file that is read and written.
	status_is 1 era_invalidate --written-since 1 --format cache-xml --cache-mappings - meta \
		</dev/null >/dev/null
}

@test "2: messages, or standard input, are what is read or written" {
	local command
	cp good.xml same.xml
	exit_status era_restore -i - -o same.xml <same.xml
	one_of 2
	cmp same.xml good.xml
	for command in "era_dump --repair meta" "era_invalidate --written-since 1 meta" \
		"era_check meta"; do
		status=0
		# shellcheck disable=SC2086
		$command 2>>meta >stdout || status=$?
		one_of 2
		[ ! -s stdout ]
		cmp meta "$images/002-crash"
	done
}

# names_are NAMES JSON MEMBER: in each line of JSON, one after the other.
names_are() {
	"$python" -c 'import json, os, sys
with open(sys.argv[1], "rb") as names, open(sys.argv[2], "rb") as lines:
	got = [os.fsencode(json.loads(line)[sys.argv[3]]) for line in lines]
	sys.exit(got != names.read().split(b"\0")[:-1])' "$@"
}

# The file is UTF-8 and has no control characters but the newlines between the lines.
is_printable() {
	"$python" -c 'import sys, unicodedata
with open(sys.argv[1], encoding="utf-8", errors="strict", newline="") as said:
	sys.exit(any(unicodedata.category(c) == "Cc" and c != "\n" for c in said.read()))' "$1"
}

# Control characters, quotes, UTF-8 of all lengths, and what only looks like it: too long,
# surrogates, past U+10FFFF, cut off.
odd_names=(
	$'m\xc3\xa9t\xc3\xa0' $'\xf0\x9f\xa6\x96\xe2\x82\xac' $'new\nline' $'\e[31mred\e[m'
	$'q"u\\o\'te'
	$'\x01\x7f\t\r' $'\xc2\x9b31m' $'\xff' $'caf\xe9' $'\xc0\xafx'
	$'\xe0\x80\xaf' $'\xed\xa0\x80\xed\xb3\xbf'
	$'\xf4\x90\x80\x80' $'\xf8\x88\x80\x80\x80' $'\xe2\x82' $'\xf0\x9f\xa6' $'\x80\xbf' $'a\xc3'
)

@test "JSON has names as they are, and all of them can be found again" {
	local name
	need "$python" jq
	export PYTHONUTF8=1
	for name in "${odd_names[@]}"; do
		printf '%s\0' "$name" >>names
		cp meta "$name"
		status_is 0 era_check --json "$name" | tr -d '\n' >>paths
		status_is 0 era_repair --json -i "$name" -o out | tr -d '\n' >>inputs
		rm out
		echo | tee -a paths >>inputs
	done
	[ "$(wc -l <paths)" = 18 ]
	names_are names paths path
	names_are names inputs input
	is_printable paths
	# As they are, and as they are written.
	[ "$(era_check --json $'m\xc3\xa9t\xc3\xa0' | jq -r .path)" = $'m\xc3\xa9t\xc3\xa0' ]
	era_check --json $'m\xc3\xa9t\xc3\xa0' | grep -qF $'{"path":"m\xc3\xa9t\xc3\xa0"'
	era_check --json $'caf\xe9' | grep -qF '{"path":"caf\udce9"'
	era_check --json $'\e[31mred\e[m' | grep -qF '{"path":"\u001b[31mred\u001b[m"'
	era_check --json $'\xc2\x9b31m' | grep -qF '{"path":"\u009b31m"'
	# In what went wrong, too.
	exit_status era_check --json $'no\nt\xc3\xa9\xff' >out
	one_of 3
	grep -qF $'"error":"no\\u000at\xc3\xa9\\udcff: ' out
}

# one_line COMMAND...: says one line or more, but none that a name has made. It goes to the file
# "all".
one_line() {
	local line
	"$@" >said 2>&1 || :
	cat said >>all
	[ -s said ] || wrong "says nothing: $*" || return
	while IFS= read -r line; do
		case $line in
		era_*': '*|*': sound: '*|*' is sound: '*) ;;
		*) wrong "no line of its own: $line" || return ;;
		esac
	done <said
}

say_names() {
	local name
	for name in "${odd_names[@]}"; do
		one_line era_check "./missing$name" || return
		one_line era_dump "./missing$name" || return
		one_line era_dump -o "missing/$name" meta || return
		one_line era_restore -i "missing$name" -o out || return
		one_line era_restore -i good.xml -o "missing/$name" || return
		one_line era_check meta "$name" || return
		one_line era_check "--$name" meta || return
		one_line era_check "-$name" meta || return
		one_line era_invalidate --written-since "$name" meta || return
		one_line era_invalidate --written-since 1 --format "$name" meta || return
		one_line era_ctl "missing$name" status || return
		one_line era_ctl x "$name" || return
		cp zero "$name"
		one_line era_check "./$name" || return
		cp snapped "$name"
		one_line era_check "./$name" || return
		one_line era_check -m "./$name" || return
		one_line era_check --super-block-only "./$name" || return
		printf '<superblock uuid="" block_size="%s"/>' "${name//[<\"&]/}" >bad.xml
		one_line era_restore -i bad.xml -o out || return
	done
}

@test "messages are lines of printable text, whatever a name holds" {
	need "$python"
	export PYTHONUTF8=1
	head -c 4096 /dev/zero >zero
	untraced say_names
	[ "$(wc -l <all)" -gt 200 ]
	is_printable all
	status_is 3 era_check $'a\n\e[1mb\\c\xc3\xa9\xe9'
	says 'era_check: a\n\x1b[1mb\\c'$'\xc3\xa9''\xe9: cannot open: '
}

# long_path COUNT BYTE: of COUNT names of 200 bytes.
long_path() {
	local i name
	name=$(printf "%200s" '' | tr ' ' "$2")
	for ((i = 0; i < $1; i++)); do
		printf '%s/' "$name"
	done
	echo meta
}

@test "however long a path is, a message says why" {
	local path
	# Short enough to be opened, too long, and with four printed characters for each byte.
	for path in "$(long_path 12 a)" "$(long_path 60 a)" "$(long_path 20 '\377')"; do
		status_is 3 era_check "$path"
		grep -qE ': cannot open: (No such file or directory|File name too long)$' "$stderr"
		status_is 3 era_dump "$path"
		grep -q ': cannot open: ' "$stderr"
		status_is 3 era_check --json "$path" >out
		jq -r .error out | grep -qE ': cannot open: .*(directory|too long)$'
	done
	path=$(long_path 12 a)
	status_is 3 era_check "$path"
	grep -qF "$path: cannot open: " "$stderr"
	# Of problems, too, whose lines begin with the path.
	path=$(long_path 10 b)
	mkdir -p "${path%/*}"
	head -c 16384 /dev/zero >"$path"
	status_is 1 era_check "$path"
	grep -q 'take a full backup$' "$stderr"
}

@test "of very many problems the first thousand are printed, and once how many there are besides" {
	local i
	truncate -s 128M large
	era_format --block-size 4k --device-size 40G large
	for ((i = 100; i < 10000; i += 30)); do
		dd if=/dev/zero of=large bs=4k seek=$i count=5 conv=notrunc status=none
	done
	status_is 1 era_check --json large >out
	[ "$(wc -l <"$stderr")" = 1003 ]
	sed -n 1002p "$stderr" >line
	grep -qx "era_check: large: [0-9]* more problems are not shown (only the first 1000 are)" \
		line
	[ "$(jq .problems_not_shown out)" = "$(grep -o ' [0-9]* more' line | tr -dc 0-9)" ]
	[ "$(jq '.problems | length' out)" = 1000 ]
	sed -n 1003p "$stderr" | grep -q "^era_check: large: [0-9]* fatal and "
}
