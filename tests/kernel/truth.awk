# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is true of a device after a history: the last era in which each data block was written.
#	awk -v out=TRUTH -f truth.awk [OLD_TRUTH] LOG
# OLD_TRUTH is what was true before LOG, the "truth: ..." lines of guest.sh. Writes TRUTH, and
# TRUTH.snap when the history ends with a metadata snapshot held, and TRUTH.maybe when it ends in
# the middle of a write, as what is true if the write was marked:
#	# sectors 32768 block 8 nr_blocks 4096 era 5
#	0 9 2
#	10 4095 0
# The first line has the origin's length and block size in sectors, the count of data blocks and the
# current era; then a line a run: first block, last block, era (0 is never).

function ceil_div(a, b) {
	return int((a + b - 1) / b)
}

function save(file, what, origin, nr, now,	b, start) {
	printf "# sectors %d block %d nr_blocks %d era %d\n", origin, block, nr, now > file
	for (b = start = 0; b < nr; b++)
		if (b + 1 == nr || what[b] + 0 != what[b + 1] + 0) {
			print start, b, what[b] + 0 > file
			start = b + 1
		}
	close(file)
}

function forget(first, before,	b) {
	for (b = first + 0; b <= top; b++)
		if (before == "" || last[b] < before)
			last[b] = 0
}

function written(first, count,	b) {
	for (b = int(first / block); b * block < first + count; b++)
		last[b] = era
	if (b > top)
		top = b
}

$1 == "#" {
	sectors = $3; block = $5; nr_blocks = $7; era = $9
	next
}

$1 != "truth:" {
	for (b = $1; b <= $2; b++)
		last[b] = $3
	top = b
	next
}

$2 == "starting" {
	forget(nr_blocks, $5)
	maybe = ""
}

$2 == "load" {
	sectors = $3; block = $4
}

$2 == "resume" {
	if (ceil_div(sectors, block) < nr_blocks)
		forget(ceil_div(sectors, block), $3)
	nr_blocks = ceil_div(sectors, block)
}

$2 == "era" {
	era = $3
}

$2 == "maybe" {
	maybe = $3
	count = $4
}

$2 == "write" {
	written($3, $4)
	maybe = ""
}

$2 == "digested" {
	forget(nr_blocks, "")
}

$2 == "snap" {
	for (b = 0; b < nr_blocks; b++)
		snap[b] = last[b]
	snap_sectors = sectors
	snap_blocks = nr_blocks
	snap_era = era
}

$2 == "drop" {
	snap_era = 0
}

END {
	save(out, last, sectors, nr_blocks, era)
	if (snap_era)
		save(out ".snap", snap, snap_sectors, snap_blocks, snap_era)
	if (maybe != "") {
		written(maybe, count)
		save(out ".maybe", last, sectors, nr_blocks, era)
	}
}
