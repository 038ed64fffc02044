# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Programs whose calls of the C library fail (tests/lib/faults.c), and what must be true of them
# then, whatever failed: status 0 with the right answer, or status 3, a message, and an output that
# is as it was, or complete, or, for metadata, refused by all.

# faults_library: sets $faults. By hand it is built here.
faults_library() {
	faults=$abs_top_builddir/tests/lib/faults.so
	[ -e "$faults" ] && return
	need "${CC:-cc}"
	faults=$BATS_FILE_TMPDIR/faults.so
	[ -e "$faults" ] || "${CC:-cc}" -D_GNU_SOURCE -O2 -shared -fPIC -o "$faults" \
		"$abs_top_srcdir/tests/lib/faults.c"
}

# with_fault FAULT COMMAND...: in place of this shell. A file "struck" is left when a call failed.
with_fault() {
	export LD_PRELOAD=$faults FAULT=$1 FAULT_LOG=struck
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	shift
	exec "$@"
}

# faulty FAULT COMMAND...: the same in a shell of its own, for status_is and exit_status.
faulty() {
	(with_fault "$@")
}

# fault_inputs: what the cases below work on, in this folder.
fault_inputs() {
	zcat "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >meta
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >small
	era_dump -o small.xml small
	era_dump -o small.xml.gz small
	cp small old
	truncate -s 1M old
	cp small hidden
	blkedit hidden index.free.0=0
	echo "an older file" >old.text
	era_invalidate -m --snapshot-era 8 --written-since 5 --witness-out witness \
		-o /dev/null meta 2>/dev/null
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"8\" nr_blocks=\"64\" current_era=\"600\">"
		for (e = 1; e <= 600; e++)
			printf "<writeset era=\"%d\" nr_bits=\"64\"><marked block_begin=\"%d\" len=\"1\"/></writeset>\n", e, e % 64
		print "<era_array>"
		for (b = 0; b < 64; b++)
			printf "<era block=\"%d\" era=\"0\"/>\n", b
		print "</era_array></superblock>"
	}' | era_restore -q -i - -o many
	awk 'BEGIN {
		print "<superblock uuid=\"\" block_size=\"8\" nr_cache_blocks=\"20000\" policy=\"smq\" hint_width=\"4\">\n<mappings>"
		for (b = 0; b < 19000; b++)
			printf "<mapping cache_block=\"%d\" origin_block=\"%d\" dirty=\"false\"/>\n", b, b
		print "</mappings>\n<hints></hints>\n</superblock>"
	}' >cache.xml
	if [ -x "$PEER_DIR/cache_restore" ]; then
		sed 's/ block_size="8"/ block_size="64"/' cache.xml >cache64.xml
		truncate -s 1M cache-meta
		"$PEER_DIR/cache_restore" -q -i cache64.xml -o cache-meta --metadata-version 2
	fi
}

fault_cases="check check-json check-snap dump dump-new dump-over dump-gz dump-repair dump-logical
	invalidate-snap invalidate-json witness cache cache-xml restore-new restore-over restore-stdin repair-new
	repair-over format-new format-large counts"
[ ! -x "$PEER_DIR/cache_restore" ] || fault_cases+=" cache-metadata"

# fault_case NAME: sets $command, $input, and $old, what its output out/file was before, if
# anything.
fault_case() {
	local out=out/file
	old='' input=/dev/null is_metadata=''
	case $1 in
	check) command=(era_check meta) ;;
	check-json) command=(era_check --json meta) ;;
	check-snap) command=(era_check -m meta) ;;
	dump) command=(era_dump meta) ;;
	dump-new) command=(era_dump -o $out meta) ;;
	dump-over) command=(era_dump --compact -o $out meta) old=old.text ;;
	dump-gz) command=(era_dump -o $out.gz meta) ;;
	dump-repair) command=(era_dump --repair -o $out meta) old=old.text ;;
	dump-logical) command=(era_dump --logical many) ;;
	invalidate-snap) command=(era_invalidate --written-since 5 -m --snapshot-era 8 \
		-o $out meta) old=old.text ;;
	invalidate-json) command=(era_invalidate --written-since 5 --format json meta) ;;
	witness) command=(era_invalidate --written-since 5 --witness witness --witness-out $out \
		-o out/list meta) old=witness ;;
	cache) command=(era_invalidate --written-since 5 --format dm-cache \
		--cache-mappings cache.xml -o $out meta) ;;
	cache-xml) command=(era_invalidate --written-since 12 --format cache-xml \
		--cache-mappings cache.xml -o $out meta) ;;
	cache-metadata) command=(era_invalidate --written-since 12 --format cache-xml \
		--cache-metadata cache-meta -o $out meta) ;;
	restore-new) command=(era_restore -i small.xml.gz -o $out) is_metadata=1 ;;
	restore-over) command=(era_restore -i small.xml -o $out) is_metadata=1 old=old ;;
	restore-stdin) command=(era_restore -i - -o $out) is_metadata=1 old=old input=small.xml ;;
	repair-new) command=(era_repair -i meta -o $out) is_metadata=1 ;;
	repair-over) command=(era_repair -i meta -o $out) is_metadata=1 old=old ;;
	format-new) command=(era_format --block-size 4k --device-size 1M --era 7 $out) \
		is_metadata=1 ;;
	counts) command=(era_check --auto-repair $out) is_metadata=1 old=hidden ;;
	format-large) command=(era_format --block-size 4k --device-size 5G --era 7 $out) \
		is_metadata=1 ;;
	esac
}

# prepare_output: what a run finds. Thousands are tried, so nothing is done that need not be.
prepare_output() {
	[ "$prepared" = "$case_name" ] && return
	rm -rf out
	mkdir out
	[ -z "$old" ] || cp "$old" out/file
	prepared=$case_name
}

# run_case FAULT: sets $status; what is printed goes to the files stdout and stderr.
run_case() {
	prepare_output
	: >struck
	status=0
	(with_fault "$1" "${command[@]}") <"$input" >stdout 2>stderr || status=$?
}

# learn_case NAME: how it ends when nothing fails, in the folder $right; once a file of tests.
learn_case() {
	case_name=$1 prepared= right=right.$1
	fault_case "$1"
	[ ! -e "$right" ] || return 0
	run_case none:1:5
	[ "$status" = 0 ] && [ ! -s struck ] || wrong "status $status" || return
	mv out "$right"
	cp stdout "stdout.$1"
	prepared=
}

# The files that are left are those that there were, as they were or as they should be.
output_is_whole() {
	local file files=(out/*)
	[ -e "${files[0]}" ] || files=()
	if [ "${files[*]}" = "${old:+out/file}" ]; then
		[ -z "$old" ] || cmp -s out/file "$old" && return
	fi
	prepared=
	for file in "${files[@]}"; do
		cmp -s "$file" "$right/${file##*/}" && continue
		[ "$file" = out/file ] && [ -n "$old" ] && cmp -s "$file" "$old" && continue
		[ "$file" = out/file ] && [ -n "$old" ] && [ -n "$is_metadata" ] &&
			{ refused_by_all "$file" || only_hides "$file"; } && continue
		wrong "half done, or left over: $file" || return
	done
}

# The kernel would make new metadata of a first block of zeroes.
refused_by_all() {
	local got=0
	era_check -q "$1" || got=$?
	[ "$got" = 1 ] || return
	era_check --super-block-only -q "$1" && return 1
	! cmp -s -n 4096 "$1" /dev/zero
}

# What --auto-repair leaves when it fails: the same metadata, but for blocks that nothing uses.
only_hides() {
	[ "$old" = hidden ] && era_check -q --ignore-non-fatal-errors "$1" &&
		cmp -s <(era_dump --repair "$1" 2>/dev/null) small.xml
}

failed_well() {
	local text
	nr_failed=$((nr_failed + 1))
	text=$(<stderr)
	[[ $text == *"$1"* || $text == *"out of memory"* ]] || wrong "no word of $1: $text" ||
		return
	[ -n "${may_be_whole:-}" ] || [ ! -s stdout ] || ! grep -q '</superblock>' stdout ||
		wrong "a whole dump" || return
	output_is_whole
}

succeeded() {
	prepared=
	cmp stdout "stdout.$case_name" && diff -r out "$right"
}

# May be 5: read errors that repair got over. Not less than the truth: the dump is longer.
repaired() {
	prepared=
	case ${command[0]} in
	era_repair) era_check -q out/file ;;
	*) grep -q '</superblock>' out/file ;;
	esac && grep -q 'count as written\|damage was passed over' stderr
}

# judge_case TEXT
judge_case() {
	case $status in
	0) succeeded ;;
	3) failed_well "$1" ;;
	5) [[ "${command[*]}" == *repair* ]] && repaired ;;
	*) wrong "status $status: $(cat stderr)" ;;
	esac
}

# sweep CALL HOW TEXT CASE...: the first call fails, the second, ... until there are no more; with
# ERA_FAULTS_EVERY=N only one of N does.
# Adds to $nr_struck, and to $nr_failed where it could not be got over.
sweep() {
	local call=$1 how=$2 text=$3 name n bad=0
	shift 3
	for name; do
		learn_case "$name" || return
		for ((n = 1; ; n += ${ERA_FAULTS_EVERY:-1})); do
			run_case "$call:$n:$how"
			[ -s struck ] || break
			nr_struck=$((nr_struck + 1))
			judge_case "$text" && continue
			echo "failed: $name, $call $n: $text" >&2
			prepared= bad=$((bad + 1))
		done
	done
	[ "$bad" = 0 ]
}
