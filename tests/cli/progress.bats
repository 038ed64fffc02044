#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is told of long work: on a terminal, which tests/lib/terminal.py is, and as JSON.  Nothing
# here depends on how fast the machine is: input comes in pieces, and the next when the last one has
# been told of.

load ../lib/common
load ../lib/cases
load ../lib/json

setup_file() {
	find_validator
	export TERM=xterm
	cd "$BATS_FILE_TMPDIR"
	printf '%s\n' '<superblock uuid="" block_size="8" nr_blocks="131072" current_era="3">' \
		'<era_array>' >xml
	seq -f '<era block="%.0f" era="1"/>' 0 131071 >>xml
	printf '%s\n' '</era_array>' '</superblock>' >>xml
}

setup() {
	need_ours era era_restore
	scratch
	xml=$BATS_FILE_TMPDIR/xml
}

on_terminal() {
	need "$python"
	"$python" "$abs_top_srcdir/tests/lib/terminal.py" "$@"
}

# rows_left: what the terminal still shows at the end.
rows_left() {
	sed -n '/^----$/,/^status /{//!p}' "$1" | sed '/^$/d'
}

@test "a line fits the terminal, whatever its width, and leaves no trace" {
	on_terminal "$xml" 80 40 16 -- era restore -i - -o made >seen
	grep -Ex '80: era restore: reading XML: [0-9.]+ [KM]iB, [0-9.]+ [KM]iB/s' seen
	grep -Ex '40: reading XML: [0-9.]+ [KM]iB, [0-9.]+ [KM]iB/s' seen
	grep -Ex '16: [0-9.]+ [KM]iB' seen
	rows_left seen | tr -d '\n' >left
	era restore -i "$xml" -o made 2>&1 | tr -d '\n' | diff left -
	grep -x 'status 0' seen
}

@test "a signal leaves no trace either" {
	on_terminal -i "$xml" 80 80 -- era restore -i - -o made >seen
	[ -z "$(rows_left seen)" ]
	grep -x 'status -2' seen
	[ ! -e made ]
}

@test "nothing is drawn in the background, with -q, on a dumb terminal, or into a file" {
	on_terminal -s -b "$xml" 80 80 -- era restore -i - -o made1 >seen1 &
	on_terminal -s "$xml" 80 80 -- era restore -q -i - -o made2 >seen2 &
	TERM=dumb on_terminal -s "$xml" 80 80 -- era restore -i - -o made3 >seen3 &
	{
		head -c 600000 "$xml"
		sleep 1.3
		tail -c +600001 "$xml"
	} | era restore -i - -o made4 2>seen4
	wait
	[ "$(wc -l <seen4)" = 1 ]
	fails grep -q $'[\r\e]' seen4
	[ -z "$(rows_left seen2)" ]
	for seen in seen[123]; do
		grep -x 'status 0' "$seen"
		grep -x 'cleared 0' "$seen"
	done
	for seen in seen1 seen3; do
		[ "$(rows_left "$seen" | grep -c '^era restore: made')" = 1 ]
	done
}

@test "what is printed on the terminal begins where the line was" {
	head -c 1M /dev/zero >padding
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" | cat - padding >meta
	on_terminal -t meta 80 -- era check - >seen
	grep -Ex '80: era check: reading standard input: .*' seen
	[ "$(rows_left seen | tr -d '\n')" = "$(era check - <meta)" ]
	on_terminal -t meta 80 -- era stat - >seen
	rows_left seen | sed '/^$/d' >left
	era stat - <meta | sed '/^$/d' | diff left -
}

# with_json FILE COMMAND...: its progress goes to FILE.
with_json() {
	"${@:2}" --progress-fd=3 3>"$1" 2>/dev/null || [ $? = 5 ]
}

# Each step's last line, as "NAME DONE TOTAL".
ends_of_steps() {
	jq -r '"\(.step) \(.done_bytes) \(.total_bytes)"' "$1" | tac | sort -u -k 1,1
}

@test "every command that works long writes JSON of the same members, if it is asked to" {
	need jq
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	era dump -o meta.xml meta
	with_json check era check meta >out
	with_json dump era dump -o dumped meta
	with_json invalidate era invalidate --written-since 1 -o list meta
	with_json stat era stat meta >out
	with_json restore era restore -i meta.xml -o restored
	with_json piped era restore -i - -o restored < <(cat meta.xml)
	with_json copied era check - < <(cat meta) >out
	with_json repair era repair -i meta -o repaired
	printf x | dd of=meta bs=1 seek=41 conv=notrunc status=none
	with_json search era repair --block-size 4k -i meta -o repaired
	with_json format era format --force --block-size 4k --device-size 1M meta
	mkdir lines
	for name in check dump invalidate stat restore piped copied repair search format; do
		[ "$(uniq "$name" | wc -l)" = "$(wc -l <"$name")" ]
		split -l 1 "$name" "lines/$name."
		jq -e '(keys == ["bytes_per_second", "done_bytes", "seconds_left", "step",
			"total_bytes"]) and .done_bytes > 0' "$name" >out
		[ "$(sort -u out)" = true ]
	done
	[ "$(ends_of_steps piped)" = "read-xml $(stat -c %s meta.xml) null" ]
	[ "$(ends_of_steps restore)" = "read-xml $(stat -c %s meta.xml) $(stat -c %s meta.xml)" ]
	ends_of_steps copied | grep -x "copy-input $(stat -c %s meta) null"
	ends_of_steps search | grep -x "search $(stat -c %s meta) $(stat -c %s meta)"
	[ "$(jq -r .step search | uniq)" = $'search\ncheck\nbuild' ]
	ends_of_steps search | grep -x 'build 16384 16384'
	ends_of_steps format | grep -x 'build 1024 1024'
	ends_of_steps dump | grep '^check '
	ends_of_steps repair | grep '^read '
	schema --covered "$abs_top_srcdir/doc/json/era-progress.schema.json" lines/*
}

@test "JSON comes four times a second, with rates, and the end of each step" {
	need "$python"
	cat >feed.py <<-'EOF'
		import json, os, subprocess, sys, time
		data = open(sys.argv[1], "rb").read()
		into, to = os.pipe()
		start = time.monotonic()
		child = subprocess.Popen(
		    ["era", "restore", "-q", "-i", "-", "-o", "made", f"--progress-fd={to}"],
		    stdin=subprocess.PIPE, pass_fds=[to])
		os.close(to)
		for i in range(0, len(data), 65536):
		    child.stdin.write(data[i : i + 65536])
		    child.stdin.flush()
		    time.sleep(0.05)
		child.stdin.close()
		lines = [json.loads(line) for line in os.fdopen(into)]
		assert child.wait() == 0
		assert 3 <= len(lines) <= 4 * (time.monotonic() - start) + 2, lines
		assert lines[-1]["done_bytes"] == len(data)
		assert lines[-1]["bytes_per_second"] > 0
		assert sorted(lines, key=lambda line: line["done_bytes"]) == lines
	EOF
	"$python" feed.py "$xml"
}

@test "a reader of JSON that is behind, or gone, holds nothing up" {
	need "$python"
	cat >full.py <<-'EOF'
		import os, subprocess, sys
		into, to = os.pipe()
		os.set_blocking(to, False)
		try:
		    while True:
		        os.write(to, bytes(4096))
		except BlockingIOError:
		    os.set_blocking(to, True)
		command = ["era", "restore", "-q", "-i", sys.argv[1], "-o", "made", f"--progress-fd={to}"]
		assert subprocess.call(command, pass_fds=[to], timeout=60) == 0
		os.close(into)
		assert subprocess.call(command, pass_fds=[to]) == 0
	EOF
	"$python" full.py "$xml"
}

@test "a descriptor that is none, or is for something else, is refused" {
	local fd
	cp "$xml" input
	for fd in 0 1 9 99999999999 x -1 ''; do
		status_is 2 era restore -i input -o made --progress-fd="$fd" 9>&-
		[ ! -e made ]
	done
	status_is 2 era restore -i input -o made --progress-fd=3 3<input
	grep 'found 3, wanted 2 or a higher number' "$stderr"
	status_is 2 era restore -i input -o made --progress-fd=3 3<>input
	grep 'the input is the same' "$stderr"
	cmp input "$xml"
	status_is 2 era restore -i input -o made --progress-fd=3 --progress-fd=3 3>out
	grep 'given twice' "$stderr"
	status_is 2 era metadata-size --block-size 4k --device-size 1M --progress-fd=3 3>out
}

# created TEXT COMMAND...: one line says what was made, in words for people; with -q there is none.
created() {
	status_is 0 "${@:2}" || return
	[ "$(grep -c ': made: created: ' "$stderr")" = 1 ] || return
	grep -q "$1" "$stderr" || return
	status_is 0 "${@:2}" -q && [ ! -s "$stderr" ]
}

@test "what was made is said in a line, and nothing with -q" {
	zcat "$abs_top_srcdir/tests/images/001-clean-stop/image.gz" >meta
	created ': 131072 blocks of 4 KiB (4096 bytes), and the current era is the dump.s, 3: ' \
		era restore -i "$xml" -o made
	created ' blocks of 4 KiB (4096 bytes), and the current era is ' era repair -i meta -o made
	created ' device of 10.5 MiB (11010048 bytes): 168 blocks of 64 KiB (65536 bytes)' \
		era format --force --block-size 64k --device-size 10752k made
	status_is 2 era format --block-size 4k --device-size 10T made
	grep 'a device of 10 TiB (10995116277760 bytes) has 2684354560 blocks' "$stderr"
}

# has_holes FILE: does the file system tell of them?
has_holes() {
	need "$python"
	"$python" -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
try:
    sys.exit(os.lseek(fd, 0, os.SEEK_DATA) == 0)
except OSError:
    pass' "$1" || skip_test "needs a file system that tells of holes"
}

# nr_read COMMAND...: how many bytes of the file "sparse" were read.
nr_read() {
	local faults=$abs_top_builddir/tests/lib/faults.so
	rm -f trace
	ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS LD_PRELOAD=$faults \
		FAULT_TRACE=trace FAULT_TRACE_READS=1 "$@" >out 2>&1 || :
	awk '$1 == "pread" && $2 ~ /sparse$/ { sum += $4 } END { print sum + 0 }' trace
}

@test "holes of a sparse file are not read" {
	truncate -s 12G sparse
	has_holes sparse
	[ "$(nr_read era repair -i sparse -o made)" -le $((12 << 20)) ]
	grep 'no block of dm-era.s metadata is left' out
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	dd if=meta of=sparse conv=notrunc status=none
	printf x | dd of=sparse bs=1 seek=41 conv=notrunc status=none
	[ "$(nr_read era repair -i sparse -o made --block-size 4k)" -le $((16 << 20)) ]
	grep 'all blocks keep their era' out
	[ "$(nr_read era check sparse)" -le $((12 << 20)) ]
	[ "$(nr_read era format --force --block-size 4k --device-size 1G sparse)" -le \
		$((32 << 20)) ]
	grep 'created' out
}

# search FILE: what repair says of it under the name of "sparse", and what it makes.
search() {
	rm -f made
	exit_status era repair -i "$1" -o made --block-size 4k
	one_of 1 5
	sed "s/ $1: / sparse: /" "$stderr" >said
	[ ! -e made ] || mv made "made-from-$1"
	mv said "said-of-$1"
}

# A file that begins with a hole, and has a large one behind it; then there are older copies, too.
@test "what lies between holes is found" {
	local copies
	zcat "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	for copies in 'sb.era=2' '2500=sets 2999=eras'; do
		cp meta full
		truncate -s 12M full
		blkedit full $copies
		dd if=/dev/zero of=full bs=4096 count=1 conv=notrunc status=none
		cp --sparse=always full sparse
		search sparse
		search full
		diff said-of-sparse said-of-full
	done
	grep ' 294[0-9] blocks besides the superblock are damaged, or zero' said-of-sparse
	cmp made-from-sparse made-from-full
}

@test "progress does not go into the output" {
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	era dump -o dump.xml meta
	cp meta out
	writes_over() {
		status_is 2 era "$@" --progress-fd=7 7<>out || return
		grep -q 'the output is the same' "$stderr" && cmp meta out
	}
	writes_over restore -q -i dump.xml -o out
	writes_over repair -q -i meta -o out
	writes_over format -q --force --block-size 4k --device-size 1M out
	writes_over dump -o out meta
	# Nor between the lines of a list.
	status_is 2 era invalidate --written-since 1 meta --progress-fd=7 >list 7>&1
	[ ! -s list ]
}
