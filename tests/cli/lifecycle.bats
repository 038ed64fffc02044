#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What a script asks era_check --json at each stage in the life of metadata: which era is current,
# were they stopped cleanly, what waits to be digested, is a metadata snapshot held and of which
# era, how full is the device; and why there is no answer.

load ../lib/common
load ../lib/cases

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need jq
	need_ours era_check era_format era_invalidate
	scratch
}

# tells STATUS ARGUMENTS FILTER: one object of JSON, of which FILTER is true.
tells() {
	# shellcheck disable=SC2086
	exit_status era_check --json $2 >json
	one_of "$1" || return
	[ "$(jq -s length json)" = 1 ] || wrong "not one object" || return
	jq -e --argjson status "$1" ".exit_status == \$status and ($3)" json >/dev/null && return
	cat json >&2
	return 1
}

@test "every stage" {
	cp "$images"/* .
	era_format --block-size 4k --device-size 1G --era 41 formatted
	cases 12 tells <<-'EOF'
		0 | formatted | .live.current_era == 41 and .live.clean and .live.writesets == 0
		0 | 024-loaded | .live.current_era == 0 and .live.nr_blocks == 0 and .live.clean
		0 | 001-clean-stop | .live.clean and .status == "sound" and .error == null
		0 | 002-crash | (.live.clean|not) and .problems == []
		0 | 004-undigested | .live.writesets > 1 and .live.oldest_writeset < .live.newest_writeset
		0 | 002-crash | .live.writesets == 0 and .live.oldest_writeset == 3 and .live.newest_writeset == 3
		0 | 020-snapshot-held | .snapshot.current_era > 0 and .snapshot.block > 0
		0 | 021-snapshot-dropped | .snapshot == null
		0 | 022-snapshot-moved-on | .snapshot.current_era == 8 and .live.current_era == 12
		0 | 022-snapshot-moved-on | .snapshot.oldest_writeset == 1 and .snapshot.newest_writeset == 7
		0 | -m 022-snapshot-moved-on | .snapshot.current_era == 8 and .snapshot.writesets == 7
		0 | --super-block-only 022-snapshot-moved-on | .snapshot.block > 0 and .live.current_era == 12
	EOF
}

# The next resume starts the era after, stopped cleanly or not; nothing was written in it yet.
@test "the era to remember with a backup of a device that is not active" {
	local name next
	for name in 001-clean-stop 002-crash; do
		next=$(era_check --json "$images/$name" | jq '.live.current_era + 1')
		status_is 0 era_invalidate --written-since "$next" \
			--format ranges "$images/$name" >got
		[ ! -s got ]
		status_is 4 era_invalidate --written-since $((next + 1)) "$images/$name"
	done
}

@test "sizes, used and free" {
	sizes_are() {
		cp "$images/$1" meta
		truncate -s "+$2" meta
		era_check --json meta >json || return
		jq -e --argjson size "$(($(stat -c %s meta) / 4096))" \
			--argjson all "$(od -A n -t u8 -j 44 -N 8 meta)" \
			--argjson used "$(od -A n -t u8 -j 52 -N 8 meta)" '.metadata |
			.device_blocks == $size and .blocks == $all and .allocated == $used and
			.reachable == $used and .allocated <= .blocks' json && return
		cat json >&2
		return 1
	}
	cases 4 sizes_are <<-'EOF'
		001-clean-stop | 0
		014-metadata-grown | 0
		013-levels | 1M
		022-snapshot-moved-on | 0
	EOF
}

@test "no answer, and the reason" {
	cp "$images"/002-crash meta
	printf x | dd of=short bs=1 seek=300 conv=notrunc status=none
	cp meta bad
	printf x | dd of=bad bs=1 seek=300 conv=notrunc status=none
	cases 5 tells <<-'EOF'
		4 | -m meta | .status == "no answer" and (.error|test("no current metadata snap"))
		4 | -m meta | .live.current_era > 0 and .snapshot == null
		1 | bad | .status == "damaged" and .fatal > 0 and .problems[0].code != null
		3 | missing | .status == "error" and (.error|test("No such file"))
		1 | short | .status == "damaged" and .error != null
	EOF
}
