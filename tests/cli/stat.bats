#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_stat against what era_dump --logical says of every block, and against era_invalidate.

load ../lib/common
load ../lib/cases
load ../lib/damage

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}" era_stat
	need jq
	test_tool blkedit
	scratch
}

# What the dump says: era, blocks, blocks since; the newest era first, without era 0.
counted() {
	era_dump --logical "$@" | sed -n 's/.*<era block="[0-9]*" era="\([0-9]*\)".*/\1/p' |
		sort -rn |
		uniq -c | awk '$2 { sum += $1; print $2, $1, sum }'
}

told() {
	jq -r '.eras[] | "\(.first) \(.blocks) \(.since_blocks)"' <<<"$1"
}

same_as_the_dump() {
	local json
	json=$(status_is 0 era_stat --json "$@") || return
	diff <(counted "$@") <(told "$json") || return
	[ "$(jq '([.eras[].blocks] | add // 0) + .never_written_blocks == .nr_blocks' <<<"$json")" \
		= true ]
}

@test "the same as the dump, of every image, live and of its snapshot" {
	local image tried=0
	for image in "$images"/*; do
		era_check -q "$image" >/dev/null 2>&1 || continue
		same_as_the_dump "$image"
		tried=$((tried + 1))
	done
	[ "$tried" -gt 20 ]
	same_as_the_dump -m "$images/022-snapshot-moved-on"
}

@test "--since is as much as era_invalidate lists, and refused where that is" {
	local since image=$images/022-snapshot-moved-on
	for since in 0 1 4 9 13; do
		era_invalidate --written-since "$since" --format json "$image" >list
		era_stat --since "$since" --json "$image" >got
		[ "$(jq -c '[.changed_blocks, .changed_bytes]' list)" \
			= "$(jq -c '[.changed_blocks, .changed_bytes]' got)" ]
	done
	status_is 0 era_stat --since 4 "$image" >got
	[ "$(cat got)" = "123 blocks, 492 KiB (503808 bytes), written in era 4 or later" ]
	status_is 4 era_stat --since 14 "$image"
	status_is 4 era_stat -m --since 4 "$image"
	status_is 0 era_stat -m --snapshot-era 8 --since 4 "$image" >got
	grep -q '^61 blocks' got
	status_is 2 era_stat --snapshot-era 8 --since 4 "$image"
	status_is 2 era_stat --all --since 4 "$image"
	status_is 2 era_stat --map --since 4 "$image"
	status_is 2 era_stat --svg x --since 4 "$image"
	status_is 2 era_stat --map --json "$image"
	status_is 2 era_stat --svg "$image" "$image"
}

@test "metadata of a device that was untracked: nothing is counted" {
	cp "$images/002-crash" meta
	truncate -s +2M meta
	status_is 0 era_stat meta >table
	mark_untracked meta
	for options in "" --json --map --repair "--since 1"; do
		# shellcheck disable=SC2086
		status_is 4 era_stat $options meta >got || return
		grep -q "was there without its target since 2026" "$stderr"
	done
}

@test "the table: what is current, what waits, what was never written; in 80 columns" {
	status_is 0 era_stat "$images/022-snapshot-moved-on" >got
	grep -q '^tracked device:    78.1 MiB (81920000 bytes), 20000 blocks of 4 KiB$' got
	grep -q '^current era:       12, a metadata snapshot is held$' got
	grep -q '^era to remember:   13,' got
	grep -Eq '^ +12 +1 +4 KiB +<0.1% +1 +4 KiB current$' got
	grep -Eq '^ +11 +1 +4 KiB +<0.1% +2 +8 KiB waiting$' got
	grep -Eq '^ +never +19847 +77.5 MiB +99.2% +20000 +78.1 MiB$' got
	grep -q '^metadata:          50 of 256 blocks of 4096 bytes in use (19.5%)$' got
	grep -q '^to be digested:    1 writeset$' got
	fails grep -Eq '.{81}' got
	status_is 0 era_stat -m "$images/022-snapshot-moved-on" >got
	grep -q '^metadata snapshot: era 8 (live metadata: era 12)$' got
	fails grep -q '^era to remember' got
	status_is 0 era_stat --bytes "$images/022-snapshot-moved-on" >got
	grep -Eq '^ +never +19847 +81293312 ' got
}

# metadata ERA...: the last era of each of 4096 blocks, of which the first have these.
metadata() {
	{
		echo '<superblock uuid="" block_size="8" nr_blocks="4096" current_era="2000">'
		echo '<era_array>'
		printf '%s\n' "$@" | awk '{ printf "<era block=\"%d\" era=\"%d\"/>\n", NR - 1, $1 }
			END { for (; NR < 4096; NR++) printf "<era block=\"%d\" era=\"0\"/>\n", NR }'
		echo '</era_array></superblock>'
	} >in.xml
	truncate -s 4M made
	status_is 0 era_restore -q -i in.xml -o made
}

@test "of many eras, the older share rows, and --all has each" {
	metadata $(seq 1 2000)
	status_is 0 era_stat made >folded
	grep -Eq '^ +2000 +1 +4 KiB +<0.1% +1 +4 KiB current$' folded
	grep -Eq '^ +1993 +1 .* 8 +32 KiB$' folded
	grep -Eq '^ +1985-1992 +8 .* 16 +64 KiB$' folded
	grep -Eq '^ +1969-1984 +16 .* 32 +128 KiB$' folded
	grep -Eq '^ +1-976 +976 .* 2000 +7.8 MiB$' folded
	[ "$(grep -Ec '^ +[0-9]+(-[0-9]+)? ' folded)" = 16 ]
	status_is 0 era_stat --all made >whole
	[ "$(grep -Ec '^ +[0-9]+ ' whole)" = 2000 ]
	metadata $(seq 1 23)
	status_is 0 era_stat made >folded
	[ "$(grep -Ec '^ +[0-9]+ ' folded)" = 23 ]
}

# Blocks 0-63 in era 2000, 1 of the next 64 in era 1999, the next 64 in era 7.
@test "the map: the newest era of each cell, and how much of it; by letters, colours, in any width" {
	metadata $(yes 2000 | head -n 64) 1999 $(yes 0 | head -n 63) $(yes 7 | head -n 64)
	COLUMNS=76 LC_ALL=C status_is 0 era_stat --map made >got
	head -n 1 got | grep -q '^   0 bytes A\{16\}b\.\{15\}C\{16\}\.\{16\}$'
	[ "$(grep -c '^ \{,9\}[0-9.]* [Mk]*i*[Bb][ytes]* [A-Za-z.]*$' got)" -gt 1 ]
	grep -q '^ *A 2000  B 1999  C 7  \. never$' got
	grep -q '^current era: ' got
	COLUMNS=200 LC_ALL=C.UTF-8 status_is 0 era_stat --map made >got
	head -n 1 got | LC_ALL=C.UTF-8 grep -q '^   0 bytes A\{32\}b·\{31\}C\{32\}·'
	need script
	TERM=xterm-256color COLORTERM='' COLUMNS=76 LC_ALL=C script -qec 'era_stat --map made' \
		/dev/null </dev/null >got
	head -n 1 got |
		grep -q "$(printf '^   0 bytes \033\\[38;5;[0-9]*m#\{16\}\033\\[0m\033\\[38;5;[0-9]*m:\033')"
	NO_COLOR=1 TERM=xterm-256color COLUMNS=76 script -qec 'era_stat --map made' \
		/dev/null </dev/null >got
	fails grep -q "$(printf '\033')" got
	TERM=dumb COLORTERM=truecolor COLUMNS=76 script -qec 'era_stat --map made' \
		/dev/null </dev/null >got
	fails grep -q "$(printf '\033')" got
}

@test "the map: cells are of a round size, and nothing is wider than the terminal" {
	local columns locale
	metadata $(seq 1 2000)
	COLUMNS=120 LC_ALL=C status_is 0 era_stat --map made >got
	grep -q '^ *1 character: 16 KiB, by its newest era; capital: more than half of it$' got
	for columns in 40 53 80 200; do
		for locale in C C.UTF-8; do
			COLUMNS=$columns LC_ALL=$locale status_is 0 era_stat --map made >all
			# One byte for each character.
			LC_ALL=C sed '/^$/q; s/[\x80-\xBF]//g' all >got
			[ "$(wc -l <got)" -gt 12 ]
			LC_ALL=C fails grep -E ".{$((columns + 1))}" got
		done
	done
	COLUMNS=80 status_is 0 era_stat --map --bytes made >got
	LC_ALL=C fails grep -E '^[ -~]{81}' got
}

@test "the picture: well-formed, as many bars as eras, any name" {
	need xmllint
	metadata 2000 1999 7
	cp made 'a&b ]]> <c>'
	status_is 0 era_stat --svg - 'a&b ]]> <c>' >got.svg
	xmllint --noout got.svg
	[ "$(xmllint --xpath 'string(/*/*[local-name() = "title"])' got.svg)" = 'a&b ]]> <c>' ]
	[ "$(grep -c '>era [0-9]*<' got.svg)" = 3 ]
	grep -q '>never written<' got.svg
	# Of era 7 and later, the third of the rows, there are three blocks.
	[ "$(grep -A 3 '>era 7<' got.svg | tail -n 1 | sed 's/.*>\(.*\)<.*/\1/')" = '12 KiB' ]
	grep -q 'prefers-color-scheme: dark' got.svg
	status_is 0 era_stat --svg out.svg made >got
	[ ! -s got ]
	xmllint --noout out.svg
}

@test "damage is refused; with --repair what is unknown has a row, and all sums have it" {
	local leaf
	cp "$images/022-snapshot-moved-on" bad
	leaf=$(value64 bad "$(u64 bad 0 208)" 0)
	zero_block bad "$leaf"
	status_is 1 era_stat bad >got
	[ ! -s got ]
	status_is 5 era_stat --repair --json bad >got
	[ "$(jq '.unknown_blocks > 0 and ([.eras[].since_blocks] | min) > .unknown_blocks' got)" \
		= true ]
	[ "$(jq '([.eras[].blocks] | add) + .never_written_blocks + .unknown_blocks == .nr_blocks' got)" = true ]
	status_is 5 era_stat --repair bad >got
	grep -Eq '^ +unknown +[0-9]+ ' got
	status_is 5 era_stat --repair --since 4 bad >got
	status_is 5 era_invalidate --repair --written-since 4 --format json bad >list
	grep -q "^$(jq .changed_blocks list) blocks, " got
}

@test "what holds no metadata, a full disk, a snapshot that is none" {
	truncate -s 1M zeroes
	status_is 1 era_stat zeroes
	status_is 3 era_stat missing
	status_is 4 era_stat -m "$images/001"-*
	status_is 3 era_stat "$images/022-snapshot-moved-on" >/dev/full
}
