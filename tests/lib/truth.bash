# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Compares what our programs say of an image with what is known to be true of it: a truth file as
# tests/kernel/truth.awk writes them. Every comparison is exact: a block too many is wrong, too.

# truth_field NAME TRUTH: sectors, block, nr_blocks or era.
truth_field() {
	awk -v name="$1" '{ for (i = 2; i < NF; i += 2) if ($i == name) print $(i + 1); exit }' "$2"
}

# truths_since TRUTH SINCE...: below a line for each of these eras, the blocks written since it, as
# era_invalidate prints ranges of blocks.
truths_since() {
	awk -v eras="${*:2}" '
		!/^#/ { first[++n] = $1; last[n] = $2; era[n] = $3 }
		END {
			count = split(eras, since, " ")
			for (s = 1; s <= count; s++) {
				print "since", since[s]
				for (i = 1; i <= n; i++) {
					if (era[i] < since[s] + 0)
						continue
					for (from = first[i]; i < n && era[i + 1] >= since[s] + 0; i++)
						;
					print from, last[i] - from + 1
				}
			}
		}' "$1"
}

# truth_since N TRUTH: of one era, without the line.
truth_since() {
	truths_since "$2" "$1" | tail -n +2
}

# Both of era_invalidate's elements as ranges of blocks.
xml_to_ranges() {
	awk -F '"' '/<range / { print $2, $4 - $2 } /<block / { print $2, 1 }'
}

# The dump with the writesets folded in, as a truth file without the origin's length.
logical_to_truth() {
	awk -F '"' '
		function flush() { if (len) print first, first + len - 1, era; len = 0 }
		/<superblock / { print "# block", $4, "nr_blocks", $6, "era", $8; next }
		/<writeset/ { print "a writeset in a logical dump" }
		!/<era block=/ { next }
		len && $4 == era && $2 == first + len { len++; next }
		{ flush(); first = $2; era = $4; len = 1 }
		END { flush() }'
}

# same WHAT WANTED GOT
same() {
	cmp -s "$2" "$3" && return
	echo "$1: truth (-) and answer (+):" >&2
	diff -u "$2" "$3" | head -n 40 >&2
	return 1
}

# answers_are_true IMAGE TRUTH [-m]: era_invalidate for every N that can be asked for, and the one
# after, in two formats; era_dump --logical. With -m of the metadata snapshot, also one that was
# left over.
answers_are_true() {
	local image=$1 truth=$2 snap=("${@:3}")
	local dir=$BATS_TEST_TMPDIR/answers era n last
	mkdir -p "$dir"
	era=$(truth_field era "$truth")
	last=$((era + 1 - ${#snap[@]}))
	[ $# = 2 ] || snap+=(--snapshot-era "$era")

	# shellcheck disable=SC2046
	truths_since "$truth" $(seq 0 "$last") >"$dir/want"
	for ((n = 0; n <= last; n++)); do
		echo "since $n"
		status_is 0 era_invalidate --written-since "$n" --format ranges --unit blocks \
			"${snap[@]}" "$image" || return
	done >"$dir/got"
	same "written since each N" "$dir/want" "$dir/got" || return

	for ((n = 0; n <= last; n += era / 4 + 1)); do
		truth_since "$n" "$truth" >"$dir/want"
		status_is 0 era_invalidate --written-since "$n" "${snap[@]}" \
			"$image" >"$dir/xml" || return
		xml_to_ranges <"$dir/xml" >"$dir/got"
		same "written since $n, XML" "$dir/want" "$dir/got" || return
	done

	n=$((last + 1))
	status_is 4 era_invalidate --written-since "$n" "${snap[@]}" "$image" >"$dir/got" || return
	same "written since $n, which can't be known" /dev/null "$dir/got" || return
	logical_is_true "$@"
}

# logical_is_true IMAGE TRUTH [-m]: the last era of every block, in one question.
logical_is_true() {
	local dir=$BATS_TEST_TMPDIR/answers
	mkdir -p "$dir"
	status_is 0 era_dump --logical "${@:3}" "$1" >"$dir/xml" || return
	sed '1s/ sectors [0-9]*//' "$2" >"$dir/want"
	logical_to_truth <"$dir/xml" >"$dir/got"
	same "era_dump --logical" "$dir/want" "$dir/got"
}

# image_is_sound IMAGE: and nothing is said of it but notes on what is harmless.
image_is_sound() {
	status_is 0 era_check "$1" >/dev/null || return
	grep -v ': note: ' "$stderr" >&2 || return 0
	return 1
}

# image_is_true IMAGE TRUTH: sound, and true, and so is its metadata snapshot if TRUTH.snap says
# that it holds one.
image_is_true() {
	image_is_sound "$1" || return
	answers_are_true "$1" "$2" || return
	if [ -e "$2.snap" ]; then
		status_is 0 era_check -m "$1" >/dev/null && answers_are_true "$1" "$2.snap" -m
	else
		status_is 4 era_invalidate --written-since 0 -m "$1" >/dev/null
	fi
}

# dump_is_restored IMAGE COPY: through XML into COPY, which dumps as the same bytes.
dump_is_restored() {
	local dir=$BATS_TEST_TMPDIR/restored
	mkdir -p "$dir"
	status_is 0 era_dump "$1" >"$dir/first.xml" || return
	status_is 0 era_restore -q -i "$dir/first.xml" -o "$2" || return
	status_is 0 era_dump "$2" >"$dir/second.xml" || return
	same "dump of the restored copy" "$dir/first.xml" "$dir/second.xml"
}
