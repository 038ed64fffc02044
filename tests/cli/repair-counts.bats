#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_check --auto-repair: wrong counts of any kind in every image, made right with nothing else
# changed; all that it must refuse; and nothing is written by half.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/damage

setup_file() {
	unpack_images
	(PATH=$PATH; test_tool blkedit) || return
}

setup() {
	need_ours "${programs[@]}"
	test_tool blkedit
	scratch
	images=$BATS_FILE_TMPDIR/images
}

# Wrong counts that any image can have, an edit a line.
wrong_counts() {
	cat <<-'EOF'
		bitmap.count.[eras]=0
		bitmap.count.[eras]=0 sb.allocated=-1 index.free.0=+1
		bitmap.count.[sets]=0 bitmap.count.[eras]=0
		bitmap.count.[index]=0
		bitmap.count.[bitmap]=0 bitmap.count.[refs]=0
		bitmap.count.0=0
		refs.entries=1 refs.key.0=@eras refs.count.0=7
		index.free.0=0
		index.free.0=max
		index.none-free-before.0=max
		index.bitmap.9=5
		sb.allocated=0
		sb.allocated=max
		sb.allocated=+1
		bitmap.count.[9999]=1
	EOF
}

dumps() {
	era_dump "$1" && era_dump --logical "$1" &&
		{ [ "$(u64 "$1" 0 216)" = 0 ] || era_dump -m "$1"; }
}

# All but the checksum and the space map's root is as before.
same_superblock() {
	cmp -s <(head -c 44 "$1" | tail -c 40) <(head -c 44 "$2" | tail -c 40) &&
		cmp -s <(head -c 4096 "$1" | tail -c +77) <(head -c 4096 "$2" | tail -c +77)
}

# The old space map stays whole: a repair that is stopped before the superblock leaves it in use.
same_space_map() {
	local place block
	for place in index bitmap refs; do
		block=$(blkedit "$1" "$place.blocknr")
		cmp -s <(tail -c +$((block * 4096 + 1)) "$1" | head -c 4096) \
			<(tail -c +$((block * 4096 + 1)) "$2" | head -c 4096) || return
	done
}

repaired() {
	local edit
	cp "$1" damaged
	# shellcheck disable=SC2086
	blkedit damaged $2 || return
	edit=$2
	cp damaged before
	exit_status era_check -q --auto-repair damaged
	one_of 0 || wrong "$edit: era_check --auto-repair" || return
	fails cmp -s before damaged || wrong "$edit: nothing was changed" || return
	same_superblock before damaged || wrong "$edit: more of the superblock was changed" ||
		return
	same_space_map before damaged || wrong "$edit: the old space map was overwritten" || return
	image_is_sound damaged || return
	dumps damaged >got && cmp -s want got || wrong "$edit: another dump" || return
	cp damaged before
	status_is 0 era_check -q --auto-repair damaged && cmp -s before damaged ||
		wrong "$edit: the second repair is no no-op"
}

each_count() {
	local edit n=0 bad=0
	dumps "$1" >want
	while read -r edit; do
		n=$((n + 1))
		repaired "$1" "$edit" || bad=$((bad + 1))
	done < <(wrong_counts)
	[ "$n" -gt 13 ] && [ "$bad" = 0 ]
}

@test "wrong counts in every image are repaired, and nothing else is changed" {
	if [ "${ERA_ALL_IMAGES:-}" ] || ! sanitized era_check; then
		each_image each_count
	else
		untraced each_count "$images/022-snapshot-moved-on"
	fi
}

@test "sound metadata are left alone, and the kernel's own wrong nr_free is put right" {
	untouched() {
		status_is 0 era_check --json "$1" >before.json || return
		cp "$1" image
		status_is 0 era_check -q --auto-repair image || return
		if grep -q '"nr-free"' before.json; then
			fails cmp -s "$1" image && status_is 0 era_check --json image >json &&
				fails grep -q nr-free json
		else
			cmp "$1" image
		fi
	}
	each_image untouched
}

# refused STATUS EDIT: nothing is changed, and it says why.
refused() {
	cp "$images/022-snapshot-moved-on" damaged
	# shellcheck disable=SC2086
	blkedit damaged $2 || return
	cp damaged before
	exit_status era_check --auto-repair damaged >out
	one_of "$1" && says "not repaired: " && [ ! -s out ] && cmp before damaged || return
	exit_status era_check --ignore-non-fatal-errors --auto-repair damaged >out
	one_of 1 && cmp before damaged
}

# left_alone STATUS EDIT: refused, though no problem is fatal.
left_alone() {
	cp "$images/022-snapshot-moved-on" damaged
	# shellcheck disable=SC2086
	blkedit damaged $2 || return
	cp damaged before
	exit_status era_check --auto-repair damaged >out
	one_of "$1" && says "not repaired: the space map counts more than was found" &&
		[ ! -s out ] &&
		cmp before damaged
}

# Counts that are too high are all that is left of a pointer that was lost: new ones would make that
# right.
@test "what the space map counts and nothing explains is refused, and the file stays as it is" {
	cases 9 left_alone <<-'EOF'
		1 | bitmap.count.[free]=1
		1 | bitmap.count.[free]=2 sb.allocated=+1 index.free.0=-1
		1 | bitmap.count.[free]=3
		1 | bitmap.count.[free]=3 refs.entries=1 refs.key.0=@free refs.count.0=3
		1 | bitmap.count.[free]=3 refs.entries=1 refs.key.0=@free refs.count.0=4294967295
		1 | bitmap.count.[free:1]=1 bitmap.count.[free:4]=2 bitmap.count.[free:5]=1
		1 | bitmap.count.[eras]=2
		1 | bitmap.count.0=2
		1 | bitmap.count.[refs]=2
	EOF
}

@test "anything more is refused, and the file stays as it is" {
	cases 17 refused <<-'EOF'
		1 | sb.current=0
		1 | sb.snapshot=0
		1 | sb.sets=@snap-sets
		1 | sb.eras=@snap-eras
		1 | sets.entries=0
		1 | snap-sets.entries=6
		1 | eras.child.1=@snap-eras/1
		1 | eras/3.entries=5
		1 | eras/3.era.5=13 bitmap.count.[free]=1
		1 | sets.bits.0=30000 bitmap.count.[eras]=0
		1 | sb.sm-blocks=160
		1 | sb.sm-blocks=257
		1 | sb.refs=@index
		1 | index.bitmap.0=@refs
		1 | refs.entries=9999
		1 | bitmap.count.[eras]=0 bitmap.count.[free]=1
		1 | bitmap.count.[snap-sets]=2 bitmap.count.[snap-sets/0]=2
	EOF
}

@test "damage that a checksum shows is refused" {
	cp "$images/022-snapshot-moved-on" damaged
	flip_bit damaged "$(u64 damaged 0 208)" 3000
	blkedit damaged sb.allocated=3
	cp damaged before
	status_is 1 era_check --auto-repair damaged
	says "not repaired: "
	cmp before damaged
}

@test "too few free blocks: status 3, and how many are needed" {
	local used free
	era_dump "$images/011-tiny" >xml
	era_restore -q -i xml -o image
	used=$(blkedit image sb.allocated)
	for free in 0 1 2 3; do
		rm image
		truncate -s $(((used + free) * 4096)) image
		era_restore -q --tight -i xml -o image
		blkedit image sb.allocated=1
		cp image before
		exit_status era_check --auto-repair image >out
		if [ "$free" = 3 ]; then
			one_of 0
			continue
		fi
		one_of 3
		says "no room for a new space map: found $free free blocks of 4096 bytes, needs 3"
		cmp before image
	done
	image_is_sound image
}

@test "options that do not go together" {
	cp "$images/011-tiny" image
	status_is 2 era_check --auto-repair -m image
	status_is 2 era_check --auto-repair --super-block-only image
}

@test "a file that is locked, or cannot be written" {
	test_tool ofdlock
	cp "$images/011-tiny" image
	blkedit image sb.allocated=3
	cp image before
	status_is 3 ofdlock read image era_check --auto-repair image
	says "is in use"
	[ "$(id -u)" = 0 ] || {
		chmod a-w image
		status_is 3 era_check --auto-repair image
	}
	cmp before image
}

@test "JSON says what was repaired" {
	need jq
	cp "$images/022-snapshot-moved-on" image
	blkedit image sb.allocated=7 'bitmap.count.[index]=0'
	status_is 0 era_check -q --auto-repair --json image >json
	jq -e '.repaired == {"problems": 3, "blocks_written": 3, "allocated_before": 7, "allocated": 50} and
		.status == "sound" and .exit_status == 0 and (.problems | length) == 3 and
		.metadata.allocated == 50 and .metadata.reachable == 50' json
	status_is 0 era_check -q --auto-repair --json image >json
	jq -e '.repaired == null and (.problems | length) == 0' json
	status_is 0 era_check -q --json image >json
	jq -e 'has("repaired") | not' json
}
