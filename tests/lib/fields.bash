# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What our programs say of an image with consistent damage, in the words of fields.table.

# field_image NUMBER: the kernel-written image of that number as image.NUMBER, with its right
# answers.
field_image() {
	local era
	[ ! -e "image.$1" ] || return 0
	gzip -dc "$abs_top_srcdir"/tests/images/"$1"-*/image.gz >"image.$1" || return
	era=$(u32 "image.$1" 0 184)
	echo "1 $((era / 2 + 1)) $era" >"sinces.$1"
	era_dump --logical "image.$1" >"dump.$1" && invalidates "$1" "image.$1" >"since.$1" ||
		return
	[ "$(u64 "image.$1" 0 216)" != 0 ] || return 0
	era_dump -m --logical "image.$1" >"dump-m.$1" &&
		invalidates "$1" -m "image.$1" >"since-m.$1"
}

# invalidates NUMBER ARGUMENT...: the ranges written since some eras, each after a line "since N".
invalidates() {
	local since era snap=()
	if [ "$2" = -m ]; then
		era=$(u32 "image.$1" "$(u64 "image.$1" 0 216)" 184)
		snap=(--snapshot-era "$(u32 "${!#}" "$(u64 "${!#}" 0 216)" 184 2>/dev/null)")
	fi
	for since in $(<"sinces.$1"); do
		[ "$2" != -m ] || [ "$since" -le "$era" ] || continue
		echo "since $since"
		era_invalidate --format ranges --unit blocks --written-since "$since" "${snap[@]}" \
			"${@:2}" || return
	done
}

dump_covers() {
	awk -F '"' '
		!/<era block=/ { next }
		NR == FNR { right[$2] = $4; next }
		{ got[$2] = $4 }
		END { for (b in right) if (!(b in got) || got[b] + 0 < right[b] + 0) exit 1 }' \
			"$1" "$2"
}

since_covers() {
	awk '
		/since/ { n = $2; next }
		NR == FNR { for (i = $1; i < $1 + $2; i++) right[n, i]; next }
		{ for (i = $1; i < $1 + $2; i++) delete right[n, i] }
		END { for (i in right) exit 1 }' "$1" "$2"
}

# answer dump|since RIGHT COMMAND...: "same", "more" or "short", or the exit status that it ended
# with.
answer() {
	local status=0
	"${@:3}" >got 2>/dev/null || status=$?
	if [ "$status" != 0 ]; then
		echo "$status"
	elif cmp -s "$2" got; then
		echo same
	elif "$1_covers" "$2" got; then
		echo more
	else
		echo short
	fi
}

# checked ARGUMENT...: era_check's exit status and the codes of the problems, each once.
checked() {
	local status=0
	timeout 20 era_check -q --json "$@" >json 2>/dev/null || status=$?
	echo "$status" "$(jq -r '[.problems[].code] | reduce .[] as $c ([];
		if index([$c]) then . else . + [$c] end) | join(",")' json)"
}

# columns NUMBER IMAGE: era_check, era_dump, era_invalidate, and the same of the snapshot.
columns() {
	local live snap='- | - | -' check
	check=$(checked "$2")
	live="${check% } | $(answer dump "dump.$1" timeout 20 era_dump --logical "$2")"
	live+=" | $(answer since "since.$1" invalidates "$1" "$2")"
	if [ -e "dump-m.$1" ]; then
		check=$(checked -m "$2")
		snap="${check% } | $(answer dump "dump-m.$1" timeout 20 era_dump -m --logical "$2")"
		snap+=" | $(answer since "since-m.$1" invalidates "$1" -m "$2")"
	fi
	echo "$live | $snap"
}

# repair_covers RIGHT IMAGE [-m]: era_dump --repair leaves out nothing, or refuses.
repair_covers() {
	local got
	got=$(answer dump "$1" timeout 20 era_dump -r --logical "${@:3}" "$2")
	[ "$got" != 5 ] || dump_covers "$1" got || got=short
	[[ $got == [145] || $got == same || $got == more ]] ||
		wrong "era_dump --repair ${*:3}: $got"
}

# repaired_covers NUMBER IMAGE: so does era_repair, and what it makes is sound.
repaired_covers() {
	repair_covers "dump.$1" "$2" || return
	rm -f fixed
	exit_status timeout 20 era_repair -q -i "$2" -o fixed
	one_of 0 1 5 || wrong "era_repair" || return
	if [ "$status" = 1 ]; then
		[ ! -e fixed ]
		return
	fi
	status_is 0 era_check -q fixed || return
	era_dump --logical fixed >got && dump_covers "dump.$1" got ||
		wrong "era_repair: not all of it"
}
