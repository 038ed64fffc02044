#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# One program for all commands: how it finds the one that is meant.

load ../lib/common

setup() {
	need_ours era era_check
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
}

# linked NAME: a link to the program, by a path.
linked() {
	mkdir -p links
	ln -sf "$(realpath "$(command -v era)")" "links/$1"
}

# is_check WORD...: they run the check, and call it so.
is_check() {
	local name="${*##*/}"
	status_is 0 "$@" -q meta || return
	"$@" --help >help
	grep -q "^Usage: $name \[OPTION...\] DEV\$" help || return
	status_is 2 "$@" || return
	diff -u - "$stderr" <<-END
		$name: no metadata device given
		$name: try '$name --help' or '$name --usage'
	END
}

@test "a command is found by the name of a link, whatever stands before it" {
	local name
	for name in era_check x-era_check my_check _check era_metadata_size_check; do
		linked "$name"
		is_check "links/$name"
	done
	linked era_metadata_size
	[ "$(links/era_metadata_size --device-size 1T --block-size 64k --unit M)" = 212 ]
}

@test "under a name that ends in no command the first argument is one" {
	local name
	for name in era x-era check checker era_chec era_check2 era-check era_size; do
		linked "$name"
		is_check "links/$name" check
	done
	status_is 2 links/era-check -q meta
}

@test "a link that leads to a link is known by its own name" {
	linked era_dump
	ln -s era_dump links/era_check
	is_check links/era_check
}

@test "a command may have a - or a _ between its words" {
	local name
	for name in metadata-size metadata_size; do
		[ "$(era "$name" --device-size 1T --block-size 64k --unit M)" = 212 ]
		status_is 2 era "$name" >out
		grep -q "^era $name: --block-size is missing\$" "$stderr"
		era help "$name" | grep -q "^Usage: era $name "
	done
}

@test "help COMMAND is COMMAND --help" {
	era help check >one
	era check --help >two
	cmp one two
	era --help check >two
	cmp one two
	era help >one
	era help help | cmp - one
	era --help help | cmp - one
	status_is 2 era help check dump >out
	status_is 2 era help help dump >out
	grep -qx "era: unexpected argument 'dump'" "$stderr"
	[ ! -s out ]
}

@test "without a command it prints what there is, and fails" {
	status_is 2 era >out
	[ ! -s out ]
	era help | cmp - "$stderr"
	status_is 2 era '' >out
	grep -q "^era: unknown command ''" "$stderr"
	status_is 2 era --help --version >out
	status_is 2 era --version check >out
	grep -qx "era: unexpected argument 'check'" "$stderr"
	[ ! -s out ]
}

# nearest WORD COMMAND
nearest() {
	local way
	for way in '' help; do
		status_is 2 era $way "$1" >out || return
		[ ! -s out ] && grep -Fqx "era: unknown command '$1', the nearest is '$2'" \
			"$stderr" || return
	done
}

@test "a command that does not exist is refused, and the nearest one named" {
	nearest chekc check
	nearest checks check
	nearest dmp dump
	nearest ctrl ctl
	nearest metadata-sizes metadata-size
	nearest metadata metadata-size
	nearest inval invalidate
	nearest restor restore
	nearest Repair repair
	status_is 2 era "$(printf 'x%.0s' {1..5000})"
	status_is 2 era "$(printf 'a\n\033b')"
	grep -q "^era: unknown command 'a\\\\n\\\\x1bb', the nearest" "$stderr"
}

@test "the version is followed by those of the libraries" {
	era --version >out
	grep -Ex 'expat [0-9]+\.[0-9]+\.[0-9]+' out
	grep -Ex 'zlib [0-9]+\..*' out
	grep -Ex 'ISA-L, built with [0-9.]+|no ISA-L' out
	grep -Ex 'libblkid [0-9.]+|no libblkid' out
	grep -Ex 'libdevmapper [0-9.]+ \(.*\)|no libdevmapper' out
	grep -Ex 'libnbd [0-9.]+|no libnbd' out
	[ "$(wc -l <out)" = 7 ]
	era check --version >out
	[ "$(wc -l <out)" = 1 ]
}

@test "a name with control characters is shown as one line without them" {
	local word
	linked $'a\033\nb'
	linked $'a\033\nb_check'
	for word in help --usage --version; do
		links/$'a\033\nb' "$word"
		links/$'a\033\nb' check "--${word#--}"
		links/$'a\033\nb_check' "--${word#--}"
		status_is 2 links/$'a\033\nb' check
		cat "$stderr"
	done >out
	status_is 2 links/$'a\033\nb' >>out
	cat "$stderr" >>out
	[ "$(grep -c 'a.x1b.nb' out)" -ge 15 ]
	fails grep -a $'\033' out
	fails grep '^b' out
}

@test "help that nobody can read is a failure" {
	local word
	[ -w /dev/full ] || skip_test "needs /dev/full"
	for word in help --usage --version; do
		status_is 3 era "$word" >/dev/full
		status_is 3 era "$word" >&-
	done
}
