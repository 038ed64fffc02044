# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What must hold of any sound image, and of any with one bit flipped, beyond what truth.bash asks:
# our programs agree with each other, and none of them reports less than the truth. Where something
# is drawn at random, the image's bytes are the seed.

# draw COUNT WHAT: a number below COUNT, always the same for the same image and WHAT.
draw() {
	echo $((0x$(echo "$2" | cat - "$image" | sha256sum | head -c 12) % $1))
}

# same_dump IMAGE COPY
same_dump() {
	local dir=$BATS_TEST_TMPDIR/image
	status_is 0 era_dump "$1" >"$dir/one.xml" && status_is 0 era_dump "$2" >"$dir/other.xml" &&
		same "dump" "$dir/one.xml" "$dir/other.xml"
}

# peek BLOCK OFFSET BYTES: an integer of $image.
peek() {
	od -A n -v -t "u$3" -j $(($1 * 4096 + $2)) -N "$3" "$image" | tr -d ' '
}

# check_json_is_true IMAGE TRUTH: what can be known from the truth and a few bytes.
check_json_is_true() {
	local image=$1 clean=true snap_era=null
	[ "$(peek 0 192 8)" = 0 ] || clean=false
	[ ! -e "$2.snap" ] || snap_era=$(truth_field era "$2.snap")
	status_is 0 era_check --json "$image" >"$dir/json" || return
	jq -e --argjson era "$(truth_field era "$2")" --argjson nr "$(truth_field nr_blocks "$2")" \
		--argjson block "$(truth_field block "$2")" --argjson clean "$clean" \
		--argjson snap "$snap_era" --argjson size "$(stat -c %s "$image")" \
		--argjson sm_blocks "$(peek 0 44 8)" --argjson allocated "$(peek 0 52 8)" '
		.status == "sound" and .exit_status == 0 and .error == null and
		.fatal == 0 and .non_fatal == 0 and .notes == (.problems | length) and
		all(.problems[]; .severity == "note") and
		.live.current_era == $era and .live.nr_blocks == $nr and
		.live.block_size == $block * 512 and .live.clean == $clean and
		.snapshot.current_era == $snap and
		(.live.writesets == 0 and .live.clean) == (.live.oldest_writeset == null) and
		(.live.oldest_writeset // 1) <= (.live.newest_writeset // 1) and
		(.live.newest_writeset // 0) <= $era and
		.metadata.device_blocks == ($size / 4096 | floor) and
		.metadata.blocks == $sm_blocks and
		.metadata.free == $sm_blocks - $allocated and
		.metadata.allocated == $allocated and .metadata.reachable == $allocated' \
		"$dir/json" >/dev/null && return
	echo "era_check --json:" >&2
	cat "$dir/json" >&2
	return 1
}

# Runs of bits of standard input, as ranges.
bitmap_to_ranges() {
	od -A n -v -t u1 | awk '
		function flush() { if (len) print first, len; len = 0 }
		{ for (i = 1; i <= NF; i++)
			for (bit = 0; bit < 8; bit++) {
				if ($i % 2 == 0) flush()
				else if (!len++) first = n + 0
				$i = int($i / 2)
				n++
			} }
		END { flush() }'
}

# ranges_in UNIT LIMIT: ranges of blocks of UNIT, cut off at LIMIT.
ranges_in() {
	awk -v unit="$1" -v limit="$2" '{
		first = $1 * unit
		end = first + $2 * unit
		printf "%.0f %.0f\n", first, (end < limit ? end : limit) - first
	}'
}

# formats_agree IMAGE TRUTH: every format tells the same of some era.
formats_agree() {
	local image=$1 sectors bytes n ask clip=()
	sectors=$(truth_field sectors "$2")
	bytes=$(($(truth_field block "$2") * 512))
	n=$(draw $(($(truth_field era "$2") + 2)) era)
	ask=(status_is 0 era_invalidate --written-since "$n" "$image")
	# A device that was never resumed has no size yet.
	[ "$(truth_field nr_blocks "$2")" = 0 ] || clip=(--device-size "${sectors}s")

	truth_since "$n" "$2" >"$dir/want"
	"${ask[@]}" --format bitmap >"$dir/bitmap" || return
	bitmap_to_ranges <"$dir/bitmap" >"$dir/got"
	same "bitmap since $n" "$dir/want" "$dir/got" || return
	[ "$(stat -c %s "$dir/bitmap")" = $((($(truth_field nr_blocks "$2") + 7) / 8)) ] || return
	"${ask[@]}" --format xml | xml_to_ranges >"$dir/got" || return
	same "xml since $n" "$dir/want" "$dir/got" || return

	ranges_in "$bytes" $((sectors * 512)) <"$dir/want" >"$dir/clipped"
	"${ask[@]}" --format json "${clip[@]}" >"$dir/json" || return
	jq -r '.ranges[] | "\(.offset) \(.length)"' "$dir/json" >"$dir/got"
	same "json since $n" "$dir/clipped" "$dir/got" || return
	jq -e --argjson n "$n" '.since == $n and .source == "live" and .unknown_blocks == 0 and
		.changed_bytes == ([.ranges[].length] | add // 0)' "$dir/json" >/dev/null || return
	"${ask[@]}" --format ranges --unit sectors "${clip[@]}" >"$dir/got" || return
	ranges_in $((bytes / 512)) "$sectors" <"$dir/want" >"$dir/clipped"
	same "sectors since $n" "$dir/clipped" "$dir/got"
}

# dumps_are_restored IMAGE: both forms of XML, into metadata that dump the same.
dumps_are_restored() {
	rm -f "$dir/copy" "$dir/other"
	dump_is_restored "$1" "$dir/copy" || return
	status_is 0 era_dump --compact -o "$dir/compact.xml" "$1" || return
	status_is 0 era_restore -q -i "$dir/compact.xml" -o "$dir/other" || return
	same_dump "$1" "$dir/other" && same "restored from either form" "$dir/copy" "$dir/other"
}

# repair_changes_nothing IMAGE
repair_changes_nothing() {
	rm -f "$dir/repaired"
	status_is 0 era_repair -i "$1" -o "$dir/repaired" && image_is_sound "$dir/repaired" &&
		same_dump "$1" "$dir/repaired"
}

# used_blocks IMAGE: what its space map calls in use, a number a line.
used_blocks() {
	local image=$1 index bitmap n=0
	index=$(peek 0 60 8)
	while bitmap=$(peek "$index" $((16 + n * 16)) 8) && [ "$bitmap" != 0 ]; do
		od -A n -v -t u1 -j $((bitmap * 4096 + 16)) -N 4080 "$image" |
			awk -v b=$((n * 16320)) '{ for (i = 1; i <= NF; i++)
				for (pair = 0; pair < 4; pair++) {
					if ($i % 4) print b
					$i = int($i / 4)
					b++
				} }'
		n=$((n + 1))
	done
}

# no_less WANT GOT: every block of WANT's ranges is in GOT's.
no_less() {
	awk 'of == "got" { first[++n] = $1; end[n] = $1 + $2; next }
		{ while (at <= n && end[at] < $1 + $2) at++ }
		at > n || first[at] > $1 { print "not listed:", $0; bad = 1; exit }
		END { exit bad }' at=1 of=got "$2" of=want "$1" >&2
}

# flip IMAGE COPY ROUND: one bit of a used block. Sets $flipped to say which.
flip() {
	local image=$1 blocks block bit
	mapfile -t blocks < <(used_blocks "$image")
	block=${blocks[$(draw ${#blocks[@]} "block $3")]}
	bit=$(draw 32768 "bit $3")
	flipped="bit $bit of block $block"
	cp "$image" "$2"
	flip_bit "$2" $((block * 4096 + bit / 8)) $((bit % 8))
}

# A damaged copy gives the whole truth or none; with -r never less than the truth.
damaged_is_safe() {
	local n want
	status_is 1 era_check "$dir/damaged" >/dev/null || return
	n=$(draw $(($(truth_field era "$2") + 2)) since)
	truth_since "$n" "$2" >"$dir/want"
	exit_status era_invalidate --written-since "$n" --format ranges --unit blocks \
		"$dir/damaged" >"$dir/got"
	want=/dev/null
	[ "$status" = 1 ] || want=$dir/want
	one_of 0 1 && same "damaged, since $n" "$want" "$dir/got" || return

	exit_status era_invalidate -r --written-since "$n" --format ranges --unit blocks \
		"$dir/damaged" >"$dir/got"
	if [[ $flipped == *" block 0" ]]; then
		one_of 1 || return
	else
		one_of 0 5 || { one_of 1 && says "their number is not known"; } || return
	fi
	[ "$status" = 1 ] || no_less "$dir/want" "$dir/got" || return
	[ "$status" != 0 ] || same "-r, since $n" "$dir/want" "$dir/got" || return
	damage_is_repaired "$n" "$2"
}

# damage_is_repaired N TRUTH: and what is repaired is sound, and lists at least the truth.
damage_is_repaired() {
	local hints=() statuses="0 5"
	if [[ $flipped == *" block 0" ]]; then
		hints=(--block-size "$(truth_field block "$2")s")
		statuses="1 5"
	fi
	rm -f "$dir/repaired"
	exit_status era_repair -i "$dir/damaged" -o "$dir/repaired" "${hints[@]}"
	# shellcheck disable=SC2086
	one_of $statuses || { one_of 1 && says "their number is not known"; } || return
	if [ "$status" = 1 ]; then
		[ ! -e "$dir/repaired" ]
		return
	fi
	image_is_sound "$dir/repaired" || return
	status_is 0 era_invalidate --written-since "$1" --format ranges --unit blocks \
		"$dir/repaired" >"$dir/got" && no_less "$dir/want" "$dir/got"
}

# image_is_consistent IMAGE TRUTH: all of the above.
image_is_consistent() {
	local dir=$BATS_TEST_TMPDIR/image image=$1 flipped round
	mkdir -p "$dir"
	check_json_is_true "$@" && formats_agree "$@" && dumps_are_restored "$1" &&
		repair_changes_nothing "$1" || return
	for round in 1 2 3; do
		flip "$1" "$dir/damaged" "$round"
		damaged_is_safe "$@" && continue
		echo "with $flipped flipped" >&2
		return 1
	done
}
