#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_mark: blocks that were changed without a target are in every later list.

load ../lib/common
load ../lib/cases

setup() {
	need_ours "${programs[@]}" era_mark
	scratch
	images=$abs_top_srcdir/tests/images
}

image() {
	gzip -dc "$images/$1/image.gz" >meta
}

# live MEMBER
live() {
	era_check --json meta | jq -r ".live.$1"
}

# eras: "block era" for each block.
eras() {
	era_dump --logical meta | sed -n 's/.*<era block="\([0-9]*\)" era="\([0-9]*\)".*/\1 \2/p'
}

# marked ERA SINCE BLOCK...: "block era" as they should be, of those in "before": the blocks are of
# that era, and so are those that were of era SINCE or later.
marked() {
	local era=$1 since=$2
	shift 2
	awk -v era="$era" -v since="$since" -v list="$*" '
		BEGIN { nr = split(list, block, " "); for (i = 1; i <= nr; i++) is[block[i]] = 1 }
		{ print $1, (is[$1] || $2 >= since ? era : $2) }' before
}

@test "every image: what is marked is of the new era, all else as it was" {
	local name era old since clean
	need jq
	marks() {
		gzip -dc "$1/image.gz" >meta
		[ "$(live nr_blocks)" -ge 5 ] || return 0
		eras >before
		old=$(live current_era) clean=$(live clean)
		# After a crash the last two eras are in doubt.
		since=$((old + 1))
		[ "$clean" = true ] || since=$((old - 1))
		era=$(printf '0 1\n2 2\n' | era_mark --ranges - --unit blocks -q meta) || return
		[ "$era" -gt "$old" ] && [ "$era" = "$(live current_era)" ] || return
		[ "$(live clean)" = "$clean" ] || wrong "clean: not $clean" || return
		status_is 0 era_check -q meta || return
		cmp <(eras) <(marked "$era" "$since" 0 2 3) || wrong "$1" || return
		# Once more, and what is not marked stays.
		echo 0 1 | era_mark -q --ranges - meta >/dev/null && era_check -q meta
	}
	for name in "$images"/*/; do
		marks "$name"
	done
}

@test "all, and ranges in bytes and sectors; the era is printed, and what was done is said" {
	image 009-block-128
	era_dump meta | era_restore -q -i - -o clean
	mv clean meta
	[ "$(live block_size)" = 65536 ]
	# In an era above what newer metadata may have had, by the clock, and above its own.
	status_is 0 era_mark --all meta >got
	[ "$(cat got)" = "$(live current_era)" ]
	[ "$(cat got)" -gt "$(($(date +%s) + 3000))" ]
	grep -q "meta: 1024 of 1024 blocks (64 MiB) count as written in era $(cat got)" "$stderr"
	cp meta later
	status_is 0 era_mark --all later >last
	[ "$(cat last)" -gt "$(($(cat got) + 3000))" ]
	# The same older metadata, put back a second time.
	cp meta again
	sleep 1
	status_is 0 era_mark --all again >third
	[ "$(cat third)" -gt "$(cat last)" ]
	# What era_invalidate prints is what it reads; blocks that are touched are marked.
	printf '65535 2\n' >list
	status_is 0 era_mark --ranges list meta >got
	grep -q "2 of 1024 blocks (128 KiB)" "$stderr"
	[ "$(era_invalidate --written-since "$(cat got)" --format ranges meta)" = "0 131072" ]
	era_invalidate --written-since "$(cat got)" --format ranges --unit sectors meta >list
	status_is 0 era_mark -q --ranges list --unit sectors meta >got
	[ ! -s "$stderr" ]
	[ "$(era_invalidate --written-since "$(cat got)" --format ranges meta)" = "0 131072" ]
	printf '067108863 01\n' | gzip >list.gz
	status_is 0 era_mark -q --ranges list.gz meta >got
	[ "$(era_invalidate --written-since "$(cat got)" --format ranges meta)" = "67043328 65536" ]
}

@test "after a crash what is in doubt is marked, too, and said" {
	image 002-crash
	[ "$(live clean)" = false ]
	era_invalidate --written-since 3 --format ranges meta | head -n 1 >known
	status_is 0 era_mark --ranges known meta >got
	grep -q "meta: the target was not stopped: what it wrote in its last two eras is marked, too" "$stderr"
	grep -q "meta: 18 of 4096 blocks (72 KiB) count as written in era 4" "$stderr"
}

@test "ranges that are none, or not on the device: nothing is marked" {
	local text
	image 009-block-128
	cp meta before
	refused_line() {
		# shellcheck disable=SC2059
		printf "$1" >list
		status_is 1 era_mark --ranges list meta >got || return
		grep -qF "$2" "$stderr" || wrong "$(cat "$stderr")" || return
		[ ! -s got ] && cmp meta before
	}
	cases 12 refused_line <<-'EOF'
		0\n | list: line 1: found '0', wanted an offset and a length
		0 1\n\n | list: line 2: found '', wanted
		0 1\n1 -1\n | list: line 2: found '1 -1', wanted
		0  1\n | list: line 1: found '0  1', wanted
		0 1 2\n | list: line 1: found '0 1 2', wanted
		0 18446744073709551616\n | line 1: found '0 18446744073709551616', wanted
		0 67108865\n | line 1: found '0 67108865', which is not on the device: it ends at 67108864
		18446744073709551615 18446744073709551615\n | which is not on the device
		a\033b\n | list: line 1: found 'a
		0 0\n | line 1: found '0 0', wanted an offset and a length above 0
		0 1\n65536 6 | line 2: has no newline at its end, so the list was cut off
		0 1 | line 1: has no newline
	EOF
	head -c 1000000 /dev/zero | tr '\0' 1 >list
	status_is 1 era_mark --ranges list meta
	cmp meta before
	# So ends a command that has refused to make a list.
	status_is 1 era_mark --ranges /dev/null meta
	grep -q "/dev/null: lists nothing" "$stderr"
	cmp meta before
	status_is 3 era_mark --ranges nowhere meta
	status_is 2 era_mark meta
	status_is 2 era_mark --all --ranges list meta
	status_is 2 era_mark --all --unit blocks meta
	status_is 2 era_mark --ranges meta meta
	cmp meta before
}

@test "compressed lists one after the other are one list, and all else that follows is damage" {
	local n
	image 009-block-128
	cp meta before
	echo 0 4096 | gzip >first
	echo 655360 4096 | gzip >second
	marked_bytes() {
		cp before meta
		status_is 0 era_mark --json -q --ranges "$1" meta >got && jq .marked_bytes got
	}
	printf '0 4096\n655360 4096\n' >plain
	n=$(marked_bytes plain)
	cat first second >list
	[ "$(marked_bytes list)" = "$n" ]
	# A tape or a device is filled up with zeroes.
	{ cat first second; head -c 100000 /dev/zero; } >list
	[ "$(marked_bytes list)" = "$n" ]
	[ "$n" -gt "$(marked_bytes first)" ]
	refused_list() {
		cp before meta
		status_is 1 era_mark --ranges "$1" meta >got || return
		grep -q "$1: compressed data are $2" "$stderr" || wrong "$(cat "$stderr")" || return
		[ ! -s got ] && cmp meta before
	}
	{ cat first; echo 655360 4096; } >text
	refused_list text damaged
	{ cat first; printf '\036'; tail -c +2 second; } >bad-1
	refused_list bad-1 damaged
	{ cat first; printf '\037x'; tail -c +3 second; } >bad-2
	refused_list bad-2 damaged
	for n in 1 2 3 12 19; do
		{ cat first; head -c "$n" second; } >"cut-$n"
		refused_list "cut-$n" "cut off"
	done
	{ cat first; head -c 100000 /dev/zero; cat second; } >hidden
	refused_list hidden "followed by what is not compressed"
}

@test "metadata that no target has run with have no blocks to mark" {
	image 024-loaded
	[ "$(live nr_blocks)" = 0 ]
	cp meta before
	status_is 4 era_mark --all meta >got
	grep -q "meta: no target has run with these metadata" "$stderr"
	cmp meta before
}

@test "eras do not get ahead of the clock" {
	local n era
	era_format -q --block-size 64k --device-size 1M clock
	for n in 1 2 3; do
		era=$(echo 0 65536 | era_mark -q --ranges - clock)
		[ "$era" -lt "$(date +%s)" ]
	done
}

@test "damaged metadata, metadata in use, the last era: nothing is marked" {
	image 009-block-128
	cp meta sound
	printf '\377\377' | dd of=meta bs=1 conv=notrunc status=none \
		seek=$(($(od -A n -t u8 -j 208 -N 8 meta) * 4096 + 2000))
	cp meta before
	status_is 1 era_mark --all meta >got
	[ ! -s got ]
	cmp meta before
	cp sound meta
	exec 7<meta
	flock --nonblock 7
	era_mark -q --all meta >/dev/null
	exec 7<&-
	era_dump sound | sed 's/current_era="[0-9]*"/current_era="4294967295"/' >last.xml
	era_restore -q -i last.xml -o last
	cp last before
	status_is 3 era_mark --all last
	grep -q "last: era 4294967295 is the last there is" "$stderr"
	cmp last before
}
