#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Consistent damage: every row of fields.table. What era_check, era_dump and era_invalidate say,
# live and of the snapshot, is what the row says; where they refuse, repairing leaves out nothing.
# ERA_FIELDS=WORDS takes only the rows that hold them. All JSON is what the schemas say.

load ../lib/common
load ../lib/cases
load ../lib/damage
load ../lib/fields
load ../lib/json

table=$abs_top_srcdir/tests/lib/fields.table

setup_file() {
	find_validator
}

setup() {
	need jq
	need_ours "${programs[@]}"
	test_tool blkedit
	scratch
}

# keep_json NUMBER IMAGE: what is printed of it, in the folder "documents".
keep_json() {
	mkdir -p documents
	nr_kept=$((${nr_kept:-0} + 1))
	exit_status timeout 20 era stat --json -r "$2" >"documents/stat.$nr_kept"
	[ -s "documents/stat.$nr_kept" ] || wrong "era stat prints nothing" || return
	exit_status timeout 20 era invalidate --json -r --written-since 1 "$2" \
		>"documents/invalidate.$nr_kept"
	exit_status timeout 20 era check --json "$2" >"documents/check.$nr_kept"
	[ ! -e "dump-m.$1" ] || exit_status timeout 20 era check --json -m "$2" \
		>"documents/check.$nr_kept.m"
}

row() {
	local what=$1 number=$2 edit=$3 want plain got
	want="$4 | $5 | $6 | $7 | $8 | $9"
	field_image "$number" && cp "image.$number" damaged || return
	# shellcheck disable=SC2086
	blkedit damaged $edit || return
	! cmp -s damaged "image.$number" || wrong "changes nothing" || return
	keep_json "$number" damaged || return
	got=$(columns "$number" damaged)
	[ "$got" = "$want" ] || { echo "found  $got"; echo "wanted $want"; return 1; } >&2
	case $want in
	"0 "*"| short"* | *" | 0 "*"| short"*) return ;;
	esac
	repaired_covers "$number" damaged || return
	[ "$7" = - ] || repair_covers "dump-m.$number" damaged -m
}

# part N OF: every OF-th row.
part() {
	local rows
	mkdir "part$1" && cd "part$1" || return
	BATS_TEST_TMPDIR=$PWD
	rows=$(grep -v '^#' "$table" | grep -F -e "${ERA_FIELDS:-}" |
		awk -v n="$1" -v of="$2" 'NR % of == n')
	cases "$(wc -l <<<"$rows")" row <<<"$rows" && touch done
}

@test "every row of the table" {
	local of=2 one
	! sanitized era_check || [ "${ERA_FIELDS:-}" ] || of=16
	untraced part 0 "$of" >log.0 2>&1 3>&- &
	one=$!
	(untraced part 1 "$of") >log.1 2>&1 || true
	wait $one || true
	cat log.0 log.1 >&2
	[ -e part0/done ]
	[ -e part1/done ]
	for one in check stat invalidate; do
		schema "$(schema_of "$one")" part[01]/documents/"$one".*
	done
}

@test "the table is well formed: a reason where something is not found, no edit twice" {
	grep -v '^#' "$table" | awk -F ' [|] ' '
		NF != 10 { print "fields:", $0; bad = 1 }
		seen[$2, $3]++ { print "twice:", $0; bad = 1 }
		($4 ~ /^0/ || /[|] short/) && $10 == "-" { print "no reason:", $0; bad = 1 }
		$5 $6 $8 $9 ~ /short/ && $4 ~ /^1/ { print "found, and short:", $0; bad = 1 }
		{ n++ }
		END { exit bad || n < 300 }'
}
