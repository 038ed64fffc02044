#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The tutorial and the recipes by hand do what they say: their own scripts and commands are carried
# out on a real kernel, and what they print is what is on the page.

load ../lib/common
load kernel

# A boot runs hundreds of small programs.

setup() {
	need_kernel
	need_ours era_check era_format era_invalidate
	scratch
	mkdir page
	cat "$abs_top_srcdir/doc/tutorial.md" "$abs_top_srcdir/doc/by-hand.md" |
		awk -v out=page -f "$abs_top_srcdir/tests/lib/page.awk"
	truncate -s 1M metadata cache_meta
	head -c 8M /dev/urandom >disk
	truncate -s 8M spare
	truncate -s 3M cache_data
}

# boot NAME [WORD=VALUE...]
boot() {
	guest_boot "$PWD" "$kernel_dir/tutorial.sh" "$1" ubd1=disk ubd2=spare ubd3=cache_meta \
		ubd4=cache_data folder="$PWD" "${@:2}"
}

# Numbers of seconds since 1970 are eras by the clock: they count from the first one. How many
# metadata blocks are in use, and which, depends on what the kernel has digested by then, and so
# does the number of writesets, and the era in which a device is full; what a cache holds and counts
# depends on its policy.
comparable() {
	sed 's,[0-9]*/256,N/256,g
		s,\(N/256 [0-9]*\) [0-9]*$,\1 SNAPSHOT,
		s,[0-9]* archived writesets*,N archived writesets,
		s/\(dump.s, \|sound: era \)[0-9]\{1,4\}\([:,]\)/\1SMALL\2/
		s,[0-9]* of [0-9]* mappings are dropped\, [0-9]* stay,MAPPINGS,
		s,[0-9]* of \([0-9]* blocks of\),N of \1,
		s,\(era-[0-9]*\)-[0-9a-f]\{32\},\1-ID,
		s,[0-9]* of \(256 metadata\),N of \1,
		s,: [0-9.]* [KM]iB of data and [0-9a-zA-Z. ]* of zeroes,: N of data and Z of zeroes,
		s/waited [0-9.]* s, for [0-9.]* [a-zA-Z]*; \(.*\) in [0-9]* rounds*$/waited; \1/
		s,[0-9.]* [KM]iB were copied back,N were copied back,
		s,98:0 254:1 128,METADATA ORIGIN 128,
		s,[0-9]*/96\( [0-9]*\)\{6\},N/96 COUNTERS,
		s, $,,' | awk '{
		rest = $0
		line = ""
		while (match(rest, /[0-9]+/)) {
			number = substr(rest, RSTART, RLENGTH)
			if (RLENGTH == 10 && number ~ /^1[6-9]/) {
				if (!first)
					first = number
				number = "<first era + " number - first ">"
			}
			line = line substr(rest, 1, RSTART - 1) number
			rest = substr(rest, RSTART + RLENGTH)
		}
		print line rest
	}'
}

# first_era FILE: the clock's, when the metadata were made.
first_era() {
	sed -n 's/.*the current era is \(1[0-9]*\),.*/\1/p' "$1" | head -n 1
}

# Where the eras of a page or console begin.
say_first_era() {
	sed -nE 's/.*(the current era is|count as written in era) (1[0-9]{9}).*/first: \2/p' "$1" |
		head -n 1
}

# as_on_the_page BOOT SESSION...: these were printed, in this order, as the page has them.
as_on_the_page() {
	local name metadata=the-metadata.1
	[ "$1" != programs ] || metadata=set-up-a-tracked-volume.2
	{
		say_first_era "page/$metadata"
		for name in "${@:2}"; do
			sed "s/^# //; s/^/$name| /" "page/$name"
		done
	} | comparable >want
	{
		say_first_era "console.$1"
		grep '^[a-z0-9-]*\.[0-9]*| ' "console.$1"
	} | comparable >got
	diff -u want got
}

@test "the programs: set up, back up" {
	need /sbin/mke2fs /sbin/e2fsck
	truncate -s 2M metadata
	boot programs
	as_on_the_page programs set-up-a-tracked-volume.1 set-up-a-tracked-volume.2 \
		set-up-a-tracked-volume.3 back-it-up.1 back-it-up.2 back-it-up.3 reset-it.1
}

@test "setting up, and incremental backup" {
	boot backup
	as_on_the_page backup which-program-answers.1 the-settings.1 the-metadata.1 the-metadata.2 \
		incremental-backup.1 incremental-backup.2 by-hand.1 by-hand.2 \
		without-an-active-target.1
	[ "$(grep -c '^backed up: ' console.backup)" = 3 ]
}

@test "backups of a mounted filesystem: frozen for a snapshot, and frozen while it is copied" {
	need /sbin/mke2fs /sbin/e2fsck /sbin/debugfs /sbin/fsfreeze
	boot frozen
	sed -n 's/^clean: //p' console.frozen >got
	printf '%s\n' "2 2" "3 3" | diff -u - got
	grep '^as it was: 3' console.frozen
}

@test "scripts stop at what fails, and leave the last backup as it was" {
	boot stops
	grep '^stopped' console.stops
	[ "$(grep -c '^fails: ' console.stops)" = 7 ]
	[ "$(grep -c '^backed up: ' console.stops)" = 4 ]
}

@test "cache rollback" {
	boot rollback
	as_on_the_page rollback the-snapshot.1 the-rollback.1
	[ "$(sed -n 's/^rolled back: \([0-9]*\) kept/\1/p' console.rollback)" -ge 40 ]
	[ "$(grep -c '^fails: ' console.rollback)" = 3 ]
	grep '^marked: since ' console.rollback
	boot after_crash
	[ "$(grep -c '^fails: ' console.after_crash)" = 5 ]
	grep '^marked: since ' console.after_crash
	[ "$(sed -n 's/^rolled back: \([0-9]*\) kept/\1/p' console.after_crash)" -ge 40 ]
}

@test "what can go wrong: a crash, a snapshot that was left over, lost metadata, a resize, a full device" {
	boot crash
	boot wrong shift=$(($(first_era console.crash) - $(first_era page/the-metadata.1)))
	as_on_the_page wrong a-crash.1 a-metadata-snapshot-that-was-left-over.1 \
		a-metadata-snapshot-that-was-left-over.2 a-metadata-snapshot-that-was-left-over.3 \
		lost-metadata.1 lost-metadata.2 a-resize.1 a-resize.2 metadata-in-use.1 \
		a-full-metadata-device.1 a-full-metadata-device.2
}
