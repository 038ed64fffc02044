#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_invalidate against a model of its own: the last era of a block is the highest of its entry in
# the era array and of all writesets that mark it, as the dump says them. Every format tells the
# same, and what can't be answered safely isn't answered.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../lib/xml

setup_file() {
	unpack_images
	export images=$BATS_FILE_TMPDIR/images
}

setup() {
	need_ours "${programs[@]}"
	scratch
	cp "$images/022-snapshot-moved-on" snapped
}


# bitmaps_to_ranges BLOCKS SINCE...: bitmaps of so many blocks one after the other.
bitmaps_to_ranges() {
	od -An -v -tu1 -w1 | awk -v bytes=$((($1 + 7) / 8)) -v eras="${*:2}" '
		function flush() { if (len) print first, len; len = 0 }
		function next_era() { flush(); print "since", era[++done] }
		BEGIN {
			n = split(eras, era, " ")
			while (!bytes && done < n) next_era()
		}
		{
			if ((NR - 1) % bytes == 0) next_era()
			if (!$1) { flush(); next }
			for (bit = 0; bit < 8; bit++) {
				set = $1 % 2
				$1 = int($1 / 2)
				if (!set) flush()
				else if (!len++) first = (NR - 1) % bytes * 8 + bit
			}
		}
		END { flush() }'
}

# answers FORMAT IMAGE OPTIONS SINCE...: one after the other.
answers() {
	local format=$1 image=$2 options=$3 since
	shift 3
	for since; do
		case $format in
		xml | ranges*) echo "since $since" ;;
		esac
		# shellcheck disable=SC2086
		status_is 0 era_invalidate $options --written-since "$since" \
			--format $format "$image" || return
	done
}

# formats_agree IMAGE TRUTH OPTIONS SINCE...
formats_agree() {
	local image=$1 truth=$2 options=$3 bytes
	shift 3
	bytes=$(($(truth_field block "$truth") * 512))
	truths_since "$truth" "$@" >want
	awk -v by="$bytes" '/since/ { print; next } { printf "%.0f %.0f\n", $1 * by, $2 * by }' \
		want >want.bytes

	answers "ranges --unit blocks" "$image" "$options" "$@" >got && same "blocks" want got ||
		return
	answers ranges "$image" "$options" "$@" >got && same "bytes" want.bytes got || return
	answers xml "$image" "$options" "$@" >all &&
		awk -F '"' \
			'/^since/ { print } /<range / { print $2, $4 - $2 } /<block / { print $2, 1 }' all >got &&
		same "XML" want got || return
	answers json "$image" "$options" "$@" >all &&
		jq -r '"since \(.since)", (.ranges[] | "\(.offset) \(.length)")' all >got &&
		same "JSON" want.bytes got || return
	answers bitmap "$image" "$options" "$@" >all &&
		bitmaps_to_ranges "$(truth_field nr_blocks "$truth")" "$@" <all >got &&
		same "bitmap" want got || return
	asked=$((asked + $#))
}

model_agrees() {
	local image=$1 options=${2:-} era
	# shellcheck disable=SC2086
	status_is 0 era_dump --compact $options "$image" >dump.xml &&
		xml_to_truth <dump.xml >truth || return
	# shellcheck disable=SC2086
	status_is 0 era_dump --logical $options "$image" | logical_to_truth >logical &&
		same "the logical dump" truth logical || return
	era=$(truth_field era truth)
	# shellcheck disable=SC2046
	formats_agree "$image" truth "${options:+$options --snapshot-era $era}" \
		$(seq 0 $((era > 20 ? 37 : 1)) "$era")
}

@test "all formats and the model agree on all images for every N" {
	need jq
	each_image model_agrees
	[ "$asked" -gt 100 ]
}

@test "and on all metadata snapshots" {
	local image
	need jq
	for image in "$images"/020* "$images"/022* "$images"/023*; do
		untraced model_agrees "$image" -m
	done
	[ "$asked" -gt 12 ]
}

# random_agrees SEED: era_invalidate and the logical dump for every N.
random_agrees() {
	local copy=copy.$1 era first
	random_xml "$1" >random.xml
	rm -f "$copy"
	status_is 0 era_restore -q -i random.xml -o "$copy" && status_is 0 era_check -q "$copy" ||
		return
	if grep -q '<marked' random.xml; then
		status_is 0 era_dump --compact "$copy" | cmp - random.xml || return
	elif grep -q '<bit' random.xml; then
		status_is 0 era_dump "$copy" | cmp - random.xml || return
	fi
	xml_to_truth <random.xml >truth
	status_is 0 era_dump --logical "$copy" | logical_to_truth >logical &&
		same "the logical dump" truth logical || return
	era=$(truth_field era truth)
	first=$((era > 100 ? era - 12 : 0))
	# shellcheck disable=SC2046
	set -- 0 $(seq -f %.0f "$first" "$era")
	truths_since truth "$@" >want
	answers "ranges --unit blocks" "$copy" "" "$@" >got && same "random" want got || return
	asked=$((asked + $#))
	rm "$copy"
}

@test "random writesets and arrays, any length: the model agrees for every N" {
	local seed bad=0
	for ((seed = 1; seed <= 30; seed++)); do
		untraced random_agrees "$seed" || bad=$((bad + 1))
	done
	[ "$bad" = 0 ]
	[ "$asked" -gt 200 ]
}

@test "the XML is that of the peers, to the byte" {
	sample_bits | era_restore -q -i - -o meta
	status_is 0 era_invalidate --written-since 1 meta | cmp - <(cat <<-'EOF'
		<blocks>
		  <block block="0"/>
		  <block block="2"/>
		</blocks>
	EOF
	)
	status_is 0 era_invalidate --written-since 0 meta | cmp - <(cat <<-'EOF'
		<blocks>
		  <range begin="0" end="3"/>
		</blocks>
	EOF
	)
	status_is 0 era_invalidate --written-since 5 meta | cmp - <(printf '<blocks>\n</blocks>\n')
	status_is 0 era_invalidate --written-since 5 --format ranges meta | cmp - /dev/null
	status_is 0 era_invalidate --written-since 5 --format bitmap meta | cmp - <(printf '\0')
	status_is 0 era_invalidate --written-since 1 --format bitmap meta | cmp - <(printf '\5')
	status_is 0 era_invalidate --written-since 1 --format xml -o list meta
	cmp list <(era_invalidate --written-since 1 meta)
}

@test "the current writeset counts after a crash" {
	local image n=0 era
	for image in "$images"/002* "$images"/009* "$images"/013*; do
		era=$(truth_field era "$abs_top_srcdir/tests/images/${image##*/}/truth")
		status_is 0 era_invalidate --written-since "$era" --format ranges "$image" >got
		[ -s got ]
		n=$((n + 1))
	done
	[ "$n" = 3 ]
}

@test "units: sectors are 512 bytes, blocks are the metadata's" {
	sample_bits | sed 's/block_size="8"/block_size="24"/' | era_restore -q -i - -o meta
	unit() {
		# shellcheck disable=SC2086
		status_is 0 era_invalidate --written-since "$1" --format ranges $2 meta >got ||
			return
		[ "$(tr '\n' ' ' <got)" = "$3 " ] || wrong "got: $(cat got)"
	}
	cases 6 unit <<-'EOF'
		1 |  | 0 12288 24576 12288
		1 | --unit bytes | 0 12288 24576 12288
		1 | --unit=sectors | 0 24 48 24
		1 | --unit blocks | 0 1 2 1
		0 | --unit sectors | 0 72
		0 | --unit bytes | 0 36864
	EOF
}

@test "--device-size clips the last block, and is refused when it does not fit nr_blocks" {
	need jq
	sample_bits | era_restore -q -i - -o meta
	clipped() {
		status_is 0 era_invalidate --written-since 0 --format ranges \
			--device-size "$1" meta >got &&
			[ "$(cat got)" = "0 $2" ] || return
		status_is 0 era_invalidate --written-since 1 --format ranges \
			--device-size "$1" meta >got &&
			[ "$(tail -n 1 got)" = "8192 $(($2 - 8192))" ] &&
			[ "$(head -n 1 got)" = "0 4096" ] || return
		status_is 0 era_invalidate --written-since 1 --format json --device-size "$1" meta |
			jq -e --argjson last "$2" \
				'.ranges[-1] | .offset + .length == $last' >/dev/null
	}
	cases 5 clipped <<-'EOF'
		12288 | 12288
		11776 | 11776
		8704 | 8704
		9k | 9216
		12K | 12288
	EOF
	refused() {
		for format in xml json ranges bitmap; do
			exit_status era_invalidate --written-since 0 --format "$format" \
				--device-size "$1" meta >got
			one_of 2 4 && [ ! -s got ] && [ -s "$stderr" ] || wrong "$format" || return
		done
		exit_status era_invalidate --written-since 0 -o list --device-size "$1" meta
		one_of 2 4 && [ ! -e list ]
	}
	cases 10 refused <<-'EOF'
		8192
		12289
		12287
		8193
		4096
		0
		1
		1M
		9223372036854775807
		18446744073709551616
	EOF
}

@test "--device-size of a real partial block: 23 of 56 sectors" {
	local image=$images/010-block-56 sectors
	sectors=$(truth_field sectors "$abs_top_srcdir/tests/images/${image##*/}/truth")
	[ $((sectors % 56)) = 23 ]
	status_is 0 era_invalidate --written-since 0 --format ranges --unit sectors "$image" >whole
	[ "$(cat whole)" = "0 $((501 * 56))" ]
	status_is 0 era_invalidate --written-since 0 --format ranges --unit sectors \
		--device-size $((sectors * 512)) "$image" >clipped
	[ "$(cat clipped)" = "0 $sectors" ]
	status_is 0 era_invalidate --written-since 0 --format ranges \
		--device-size $((sectors * 512)) "$image" >clipped
	[ "$(cat clipped)" = "0 $((sectors * 512))" ]
	status_is 0 era_invalidate --written-since 0 --device-size $((sectors * 512)) \
		"$image" >clipped.xml
	grep -q '<range begin="0" end="501"/>' clipped.xml
	status_is 0 era_invalidate --written-since 0 --device-size $((sectors * 512)) \
		--format bitmap "$image" >clipped
	cmp clipped <(era_invalidate --written-since 0 --format bitmap "$image")
}

@test "N may be one past the current era; later is status 4 and no list" {
	local image n=0 era formats=(xml json ranges bitmap)
	for image in "$images"/*; do
		era=$(truth_field era "$abs_top_srcdir/tests/images/${image##*/}/truth")
		# A format by turns.
		formats=("${formats[@]:1}" "${formats[0]}")
		status_is 0 era_invalidate --written-since $((era + 1)) --format "${formats[0]}" \
			"$image" >got
		silent
		status_is 4 era_invalidate --written-since $((era + 2)) --format "${formats[0]}" \
			"$image" >got
		no_answer got "${formats[0]}"
		says "every block"
		n=$((n + 1))
		status_is 4 era_invalidate --written-since 4294967295 -o list "$image"
		[ ! -e list ]
	done
	[ "$n" -gt 25 ]
}

@test "N at the end of u32" {
	sample_bits | sed '1s/era="5"/era="4294967295"/;10s/era="3"/era="4294967295"/' |
		era_restore -q -i - -o meta
	status_is 0 era_invalidate --written-since 4294967295 --format ranges \
		--unit blocks meta >got
	[ "$(cat got)" = "2 1" ]
	for n in 4294967296 4294967297 8589934592 18446744073709551615 18446744073709551616; do
		exit_status era_invalidate --written-since "$n" meta >got
		one_of 2 4
		[ ! -s got ]
	done
	sample_bits | sed '1s/era="5"/era="4294967294"/' | era_restore -q -i - -o meta2
	status_is 0 era_invalidate --written-since 4294967295 --format ranges meta2 |
		cmp - /dev/null
}

@test "a snapshot answers up to its own era" {
	local image n=0 era
	for image in "$images"/020* "$images"/022* "$images"/023*; do
		era=$(truth_field era "$abs_top_srcdir/tests/images/${image##*/}/truth.snap")
		status_is 0 era_invalidate -m --snapshot-era "$era" --written-since "$era" \
			"$image" >got
		for late in $((era + 1)) $((era + 2)) 4294967295; do
			status_is 4 era_invalidate --metadata-snapshot --snapshot-era "$era" \
				--written-since "$late" "$image" >got
			[ ! -s got ]
			says "every block"
			n=$((n + 1))
		done
	done
	[ "$n" = 9 ]
}

@test "--snapshot-era takes one that was left over, and refuses any other" {
	truth_since 3 "$abs_top_srcdir/tests/images/022-snapshot-moved-on/truth.snap" >want
	status_is 0 era_invalidate -m --snapshot-era 8 --written-since 3 --format ranges \
		--unit blocks snapped |
		cmp - want
	for era in 0 7 9 11 12 4294967295; do
		status_is 4 era_invalidate -m --snapshot-era "$era" --written-since 3 snapped >got
		[ ! -s got ]
		status_is 4 era_invalidate -m --snapshot-era "$era" -o list \
			--written-since 3 snapped
		[ ! -e list ]
	done
	# Without a snapshot it can't be met.
	status_is 4 era_invalidate -m --snapshot-era 3 --written-since 3 "$images/002-crash" >got
	[ ! -s got ]
	status_is 2 era_invalidate --snapshot-era 8 --written-since 3 snapped >got
	[ ! -s got ]
}

@test "a snapshot that was left over is refused, and it is said what to do" {
	local kind
	for kind in "" -r "--format json" "--format bitmap" "-o list" "--witness-out w" \
			"--format dm-cache --cache-mappings /dev/null"; do
		# shellcheck disable=SC2086
		status_is 4 era_invalidate -m --written-since 3 $kind snapped >got
		grep -q 'is of era 8, the live metadata are in era 12: .*drop it.*--snapshot-era 8' "$stderr"
		[ "$(wc -l <"$stderr")" = 1 ]
		no_answer got "$kind"
	done
	[ ! -e list ]
	[ ! -e w ]
	status_is 0 era_invalidate -m --snapshot-era 8 --written-since 3 snapped >got
	grep -q '\b8\b.*\b12\b' "$stderr"
	[ "$(wc -l <"$stderr")" = 1 ]
	status_is 0 era_invalidate -m --written-since 3 "$images/020-snapshot-held" >got
	silent
	status_is 0 era_invalidate --written-since 3 snapped >got
	silent
}

@test "JSON: what DESIGN.md names, of the right kind" {
	local filter n=0
	need jq
	filter='(.since | type == "number") and (.current_era | type == "number") and
		.block_size == 4096 and .nr_blocks == 20000 and (.ranges | type == "array") and
		([.ranges[] | keys == ["length", "offset"]] | all) and
		([.ranges[] | .length > 0 and .offset % 4096 == 0 and .length % 4096 == 0] | all) and
		([.ranges[] | [.offset, .length]] as $r |
			[range(1; $r | length) | $r[.][0] > $r[. - 1][0] + $r[. - 1][1]] | all) and
		([.ranges[] | .offset + .length <= 20000 * 4096] | all) and
		(([.ranges[].length] | add // 0) as $sum | [to_entries[] | select(.key | test("bytes")) | .value]
			| index($sum) != null) and
		(([.ranges[].length] | add // 0) as $sum | [to_entries[] | select(.key | test("blocks")) | .value]
			| index($sum / 4096) != null)'
	for since in 0 1 3 12 13; do
		status_is 0 era_invalidate --written-since "$since" --format json snapped >got
		[ "$(jq -s length got)" = 1 ]
		jq -e "$filter" got >/dev/null
		jq -e --argjson since "$since" \
			'.since == $since and .current_era == 12 and .source == "live"' \
			got >/dev/null
		n=$((n + 1))
	done
	for since in 0 1 3 8; do
		status_is 0 era_invalidate -m --snapshot-era 8 --written-since "$since" \
			--format json snapped >got
		jq -e "$filter" got >/dev/null
		jq -e '.source == "snapshot" and ([to_entries[] | select(.key | test("snap"))] |
			map(.value) | index(8) != null)' got >/dev/null
		n=$((n + 1))
	done
	[ "$n" = 9 ]
	[ "$(tail -c 1 got | od -An -tu1 | tr -d ' ')" = 10 ]
}

@test "bitmaps of any length end with zeroes" {
	local blocks n=0
	for blocks in 0 1 7 8 9 15 16 17 63 64 65 1017 1018 1019; do
		rm -f meta
		awk -v n="$blocks" 'BEGIN {
			printf "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"%d\" current_era=\"1\">", n
			print "<writeset era=\"1\" nr_bits=\"2000\"><marked block_begin=\"0\" len=\"2000\"/></writeset><era_array>"
			for (i = 0; i < n; i++)
				printf "<era block=\"%d\" era=\"0\"/>\n", i
			print "</era_array></superblock>"
		}' | era_restore -q -i - -o meta
		for since in 0 1; do
			status_is 0 era_invalidate --written-since "$since" \
				--format bitmap meta >got
			[ "$(stat -c %s got)" = $(((blocks + 7) / 8)) ]
			[ "$(bitmaps_to_ranges "$blocks" "$since" <got | tail -n +2)" \
				= "$([ "$blocks" = 0 ] || echo "0 $blocks")" ]
		done
		n=$((n + 1))
	done
	[ "$n" = 14 ]
}

# Nothing was written in any era; but which blocks "all" are, nobody knows.
@test "metadata that were formatted and never resumed: no blocks, no list" {
	local image n
	for image in "$images"/024* "$images"/025*; do
		for n in 0 1; do
			status_is 0 era_invalidate --written-since "$n" "$image" |
				cmp - <(printf '<blocks>\n</blocks>\n')
			status_is 0 era_invalidate --written-since "$n" --format bitmap "$image" |
				cmp - /dev/null
		done
		era_invalidate --written-since 0 "$image" 2>&1 >list |
			grep "no target has run with these metadata"
		status_is 4 era_invalidate --written-since 2 "$image" | cmp - /dev/null
		status_is 4 era_invalidate --or-all --written-since 2 "$image" | cmp - /dev/null
	done
}
