#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Metadata from standard input: a file as it is, a pipe by way of a temporary file.

load ../lib/common
load ../lib/cases

setup() {
	need_ours "${programs[@]}" era_format era_stat
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	gzip -dc "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >snapped
	mkdir tmp
	export TMPDIR=$PWD/tmp
}

readers() {
	cat <<-'EOF'
		0 meta era_check
		0 meta era_check --super-block-only
		0 meta era_check --json
		0 snapped era_check -m
		4 meta era_check -m
		0 meta era_dump
		0 meta era_dump --repair --logical
		0 snapped era_dump -m
		0 meta era_invalidate --written-since 2
		0 snapped era_invalidate -m --snapshot-era 8 --written-since 2 --format json
		5 meta era_invalidate --written-since 99 --or-all
		0 snapped era_stat
		0 snapped era_stat -m --json
		1 cut era_check
		1 cut era_invalidate --written-since 2
		5 cut era_invalidate --repair --written-since 2
	EOF
}

# renamed FILE <OUTPUT: with the name of standard input instead of FILE.
renamed() {
	sed "s#$1: #/dev/stdin: #; s#\"path\":\"$1\"#\"path\":\"/dev/stdin\"#"
}

# like_file WHAT: what comes from standard input must be what comes from the file.
like_file() {
	renamed "$file" <want | cmp - got || wrong "$1: prints something else" || return
	renamed "$file" <want.err | cmp - "$stderr" || wrong "$1: says something else" || return
	[ -z "$(ls -A tmp)" ] || wrong "$1: leaves something behind"
}

@test "a pipe and a file are read like the file by its name" {
	local status file command n=0
	head -c 32768 meta >cut
	while read -r status file command; do
		# shellcheck disable=SC2086
		status_is "$status" $command "$file" >want
		mv "$stderr" want.err
		# shellcheck disable=SC2086
		status_is "$status" $command - >got < <(cat "$file")
		like_file "$command, pipe"
		# shellcheck disable=SC2086
		status_is "$status" $command - >got <"$file"
		like_file "$command, file"
		n=$((n + 1))
	done < <(readers)
	[ "$n" = 16 ]
}

@test "a file that is standard input is not copied, and is locked like any other" {
	test_tool ofdlock
	TMPDIR=/nowhere status_is 0 era_check -q - <meta
	TMPDIR=/nowhere status_is 3 era_check - < <(cat meta)
	says "/nowhere: cannot create a temporary file"
	exit_status ofdlock write meta era_check - <meta
	one_of 3
	says "in use"
}

@test "a file of that name, and what cannot be standard input" {
	cp meta ./-
	status_is 0 era_check -q ./- </dev/null
	status_is 3 era_check - </dev/null
	says "/dev/stdin: Not a block device or regular file"
	status_is 3 era_check - <&-
	status_is 2 era_check --auto-repair - <meta
	says "--auto-repair needs a device or file, not standard input"
	status_is 2 era_invalidate --written-since 1 --witness - - <meta
	says "the metadata device and --witness cannot both be standard input"
	status_is 2 era_invalidate --written-since 1 --format dm-cache --cache-mappings - - <meta
	says "the metadata device and --cache-mappings cannot both be standard input"
	cp meta copy
	exit_status era_dump - <copy >>copy
	one_of 2
	cmp meta copy
}

@test "what is no metadata, and a pipe that ends too early" {
	status_is 1 era_check - < <(:)
	says "/dev/stdin: Metadata device/file too small.  Is this binary metadata?  It holds nothing"
	status_is 1 era_invalidate --written-since 1 - < <(gzip -c meta)
	says "It holds data compressed by gzip: decompress it first"
	status_is 1 era_dump - < <(era_dump meta)
	says "This looks like XML."
	# In small pieces, none of which is a block.
	status_is 0 era_check -q - < <(dd if=meta obs=1000 status=none)
	# A last part that is no whole block is left alone, as it is at the end of a file.
	status_is 0 era_check -q - < <(cat meta && echo more)
}

# A file system of 1 MiB, in a mount namespace of its own, which a user gets with a user namespace.
on_small_disk() {
	local why space=-m
	unshare $space true 2>/dev/null || space=-rm
	why=$(unshare $space true 2>&1) || skip_test "needs a mount namespace: $why"
	unshare $space bash -c 'mount -t tmpfs -o size=1m none tmp && "$@"' - "$@"
}

@test "zeroes need no space, and a full disk is said" {
	truncate -s 64M large
	era_format -q --block-size 64k --device-size 1G large
	on_small_disk era_check -q - < <(cat large)
	exit_status on_small_disk era_check - < <(head -c 8M /dev/zero | tr '\0' x)
	one_of 3
	says "$TMPDIR: cannot write a temporary file: No space left on device"
}
