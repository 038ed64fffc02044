#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# A vendor's snapshot is rolled back under dm-cache over dm-era: stale blocks are read before, none
# after, and what was not written is still cached. cache.sh does it; here it is judged. What must be
# dropped is computed from the writes themselves.

load ../lib/common
load ../lib/damage
load ../lib/truth
load kernel
load cache

setup() {
	need_kernel
	need_ours era_check era_format era_invalidate
	make_stack_disks
	truncate -s 3M spare_data
}

# stack BOOT [WORD=VALUE...]
stack() {
	boot_stack cache.sh "$@"
}

# lines WHAT
lines() {
	sed -n "s/^$1: //p" console.*
}

# written_blocks: era blocks written since the snapshot, as first block and count.
written_blocks() {
	guest_truth "$dir"
	truth_since "$(lines since)" truth
}

# must_drop ERA-BLOCK: the cache blocks of which any part lies in a written era block.
must_drop() {
	written_blocks >written
	lines mapping | sort -n | awk -v era="$1" -v cache=$cache_sectors '
		NR == FNR { first[++n] = $1 * era; end[n] = ($1 + $2) * era; next }
		{
			for (i = 1; i <= n; i++)
				if (first[i] < ($2 + 1) * cache && end[i] > $2 * cache) {
					print $1
					break
				}
		}' written -
}

# dropped: the cache blocks that the messages name.
dropped() {
	lines message | awk '
		$1 != "invalidate_cblocks" { print "no message:", $0 }
		{
			for (i = 2; i <= NF; i++) {
				nr = split($i, range, "-")
				last = nr == 1 ? range[1] : range[2] - 1
				for (b = range[1] + 0; b <= last; b++)
					print b
			}
		}'
}

# list_is_true ERA-BLOCK
list_is_true() {
	must_drop "$1" >want
	dropped >got
	[ -s want ] && same "cache blocks to drop" want got
}

# coherent_after: as the console tells, the last pass saw nothing stale, and every block that is
# kept was a hit.
coherent_after() {
	[ "$(figure with-stale)" = 0 ]
	[ "$(figure with-mapped)" = "$1" ]
	[ "$(figure with-hits)" = "$1" ]
	cmp disk vendor
}

# quote WORD...: in the output of a test that passes, too.
quote() {
	echo "# $*" >&3
}

# as_dumped: the mappings were the same of metadata, of XML and of both, whenever they were dumped.
as_dumped() {
	grep -q '^figure: as-dumped' "$1"
	[ "$(grep -c '^figure: as-dumped' "$1")" -ge "$2" ]
}

# quote_rollback WORD...
quote_rollback() {
	quote "$*: $(figure without-stale) of $(figure without-mapped) stale, $(figure with-stale) after;" \
		"$(figure with-mapped) kept, $(figure with-hits) hits"
}

# rollback ERA-BLOCK [WORD=VALUE...]
rollback() {
	local held kept
	stack rollback era_block="$1" "${@:2}"
	as_dumped console.rollback 1
	cmp vendor ink.1
	list_is_true "$1"
	held=$(figure without-mapped)
	kept=$((held - $(wc -l <want)))
	[ "$(figure without-stale)" -ge 15 ]
	[ "$(figure without-hits)" = "$held" ]
	[ "$(figure fewer-stale)" -ge 1 ]
	[ "$kept" -ge 15 ]
	coherent_after "$kept"
	quote_rollback "era blocks of $1, cache blocks of $cache_sectors sectors" \
		"(one argument less: $(figure fewer-stale) stale)"
}

@test "era blocks smaller than cache blocks" {
	rollback 16
}

@test "era blocks of the cache's size" {
	rollback 64
}

@test "era blocks larger than cache blocks" {
	rollback 256
}

@test "neither a multiple of the other" {
	rollback 88
}

@test "metadata of version 2" {
	rollback 16 cache_version=2
	[ "$(u32 cache_meta 0 40)" = 2 ]
}

@test "a writeback cache: dirty blocks are refused, and flushed before snapshot and rollback" {
	dirty
}

@test "a writeback cache with metadata of version 2: its dirty bits are seen" {
	dirty cache_version=2
	[ "$(u32 cache_meta 0 40)" = 2 ]
}

# dirty [WORD=VALUE...]
dirty() {
	local kept
	stack dirty era_block=16 "$@"
	as_dumped console.dirty 1
	[ "$(figure missing)" = "$(figure dirty)" ]
	[ "$(figure dirty)" -gt 0 ]
	[ "$(figure cleaned-missing)" = 0 ]
	[ "$(figure dirty-again)" -gt 0 ]
	grep -q "^no answer: era_invalidate: cache block [0-9]* (origin block 105) is dirty" \
		console.dirty
	grep -q "^no answer: .*: $(figure dirty-again) dirty cache blocks" console.dirty
	grep -q "^no answer: .*not stopped cleanly" console.dirty
	grep -q "^refused: .*unless all blocks are clean" console.dirty
	[ "$(figure dropped-stale)" = 0 ]
	[ "$(figure dropped-hits)" = "$(figure dropped-mapped)" ]

	list_is_true 16
	kept=$(($(figure without-mapped) - $(wc -l <want)))
	[ "$(figure without-stale)" -gt 0 ]
	coherent_after "$kept"
	quote "writeback: $(figure missing) acknowledged blocks were not in a snapshot without a flush;" \
		"$(figure dirty-again) dirty at the rollback: status 4, passthrough refused"
	quote_rollback "writeback, flushed"
	quote "writeback, dropped with --allow-dirty and cache-xml: $(figure dropped-stale) stale," \
		"$(figure dropped-mapped) kept"
}

@test "a crash before the rollback: activated it writes stale data back, restored it is coherent" {
	crashed
}

@test "a crash with metadata of version 2" {
	crashed cache_version=2
	[ "$(u32 cache_meta 0 40)" = 2 ]
}

# crashed [WORD=VALUE...]
crashed() {
	local held kept
	stack crash era_block=16 "$@"
	stack restore era_block=16 since="$(lines since)" "$@"
	as_dumped console.restore 1
	[ "$(figure called-dirty)" = 0 ]
	grep -q "^no answer: .*not stopped cleanly.*cache-xml" console.restore
	grep -qE "^refused: .*(unless all blocks are clean|after unclean shutdown)" console.restore
	[ "$(figure crashed-overwritten)" -ge 15 ]

	held=$(lines mapping | wc -l)
	kept=$((held - $(must_drop 16 | wc -l)))
	[ "$kept" -ge 15 ]
	coherent_after "$kept"
	quote "crash: passthrough refused; activated, the cache wrote stale data over" \
		"$(figure crashed-overwritten) blocks of the rolled-back disk"
	quote "crash, restored from cache-xml: $(figure with-stale) stale, $kept of $held kept," \
		"$(figure with-hits) hits"
}

@test "a writeback cache that crashed: nothing tells what is stale; empty it is coherent" {
	stack crash_dirty era_block=16
	stack empty era_block=16 since="$(lines since)"
	[ "$(lines message | wc -l)" = 0 ]
	[ "$(figure unknown-stale)" -ge 10 ]
	coherent_after 0
	quote "writeback crash, called clean by flag and dump: $(figure unknown-stale) of" \
		"$(figure unknown-mapped) stale; emptied: $(figure with-stale)"
}

@test "back to one snapshot, then on to a later one: its era is that of the first rollback" {
	stack forward era_block=16
	[ "$(figure back-stale)" = 0 ]
	[ "$(figure forward-stale)" -ge 2 ]
	[ "$(figure with-stale)" = 0 ]
	[ "$(figure with-hits)" = "$(figure with-mapped)" ]
	cmp disk spare_disk
	quote "back and then forward: $(figure forward-stale) stale with the later snapshot's own era," \
		"$(figure with-stale) with the first one's; $(figure with-hits) hits"
}

# sizes [WORD=VALUE...]
sizes() {
	stack sizes "$@"
	as_dumped console.sizes 4
	[ "$(sed -n 's/^figure: as-dumped //p' console.sizes | sort -n | head -n 1)" -gt 5 ]
	stack sizes_after "$@"
	as_dumped console.sizes_after 1
}

@test "a cache that grows and shrinks" {
	sizes
}

@test "a cache that grows and shrinks, metadata of version 2" {
	sizes cache_version=2
}
