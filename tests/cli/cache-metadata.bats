#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The cache's metadata, whose mappings era_invalidate's formats for a dm-cache are made of: of any
# number of blocks, unreadable or damaged anywhere, or claiming what is not there.

load ../lib/common
load ../lib/cases
load ../lib/cache
load ../lib/faults
load ../lib/truth

setup() {
	need_ours era_invalidate era_restore
	scratch
}

# A device that fails says nothing of the metadata on it.
@test "3: cache metadata, or dirty bits in them, that cannot be read" {
	small
	cache_metadata version1 --metadata-version 1
	cache_metadata version2 --metadata-version 2
	faults_library
	# The superblock; mappings, dirty bits, index and bitmap; and roots: of these two, of hints,
	# discards and counts.
	unreadable version2 dm-cache
	[ "$nr" = 10 ]
	unreadable version2 cache-xml
	[ "$nr" = 11 ]
	# cache_restore 0.9 leaves one more block in use.
	unreadable version1 dm-cache
	[ "$nr" = 8 ] || [ "$nr" = 9 ]
}

# unreadable METADATA FORMAT: sets nr, the number of reads of which each fails once.
unreadable() {
	local n
	nr=0
	for ((n = 1; ; n++)); do
		rm -f struck
		exit_status faulty "pread:$n:5+" era_invalidate --written-since 4 --format "$2" \
			--cache-metadata "$1" era >got
		[ -e struck ] || break
		one_of 3 && says "Input/output error" && [ ! -s got ] || return
		! grep -q "^era_invalidate: $1: " "$stderr" || nr=$((nr + 1))
	done
	one_of 0
}

# random_cache SEED NR: cache.xml, of which some are mapped, with hints; and dirty.xml, of which
# some are dirty, and what is left of it without these. never is metadata in which nothing was
# written.
random_cache() {
	awk -v seed="$1" -v nr="$2" '
		BEGIN {
			srand(seed)
			how_many = rand()
			print "<superblock uuid=\"\" block_size=\"128\" nr_cache_blocks=\"" nr "\" policy=\"smq\" hint_width=\"4\">"
			print "  <mappings>"
			for (b = 0; b < nr; b++)
				if (rand() < how_many) {
					printf "    <mapping cache_block=\"%d\" origin_block=\"%d\" dirty=\"false\"/>\n",
						b, int(rand() * 30000000)
					mapped[++n] = b
				}
			print "  </mappings>\n  <hints>"
			for (i = 1; i <= n; i++)
				printf "    <hint cache_block=\"%d\" data=\"%c%c%c%c%c%c==\"/>\n", mapped[i], letter(),
					letter(), letter(), letter(), letter(), substr("AQgw", 1 + int(rand() * 4), 1)
			print "  </hints>\n</superblock>"
		}
		function letter() {
			return substr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 1 + int(rand() * 64), 1)
		}' >cache.xml
	awk -F '"' -v seed="$1" '
		BEGIN { srand(seed) }
		/<mapping / && rand() < .3 { sub("false", "true"); dirty[$2] }
		{ print >"dirty.xml" }
		(/<mapping / || /<hint /) && $2 in dirty { next }
		{ print >"left.xml" }' cache.xml
	[ -e never ] || era_format -q --block-size 1G --device-size 2T --era 3 never
}

# all_of META [OPTION...]
all_of() {
	era_invalidate --written-since 4 --format cache-xml --cache-metadata "$@" never
}

# metadata_are_read VERSION NR: as they were restored, as cache_dump dumps them, and with what is
# dirty.
metadata_are_read() {
	local dirty given
	rm -f clean
	size=4M cache_metadata clean --metadata-version "$1" || [ "$2" = 0 ] || return
	[ -n "$(head -c 1 clean | tr -d '\0')" ] ||
		return 0 # cache_restore 1.1 makes no empty caches
	status_is 0 all_of clean >got && same "all mappings, version $1, $2" cache.xml got || return
	[ "$2" = 0 ] && return # which cache_dump 0.9 calls damaged
	dumps clean cache.xml || return
	status_is 0 all_of clean --cache-mappings dumped.xml >got || return
	same "all mappings from both, version $1, $2" cache.xml got || return
	"$PEER_DIR/cache_restore" -q -i dirty.xml -o clean --metadata-version "$1" || return
	dirty=$(grep -c '"true"' dirty.xml || :)
	status_is $((dirty ? 4 : 0)) all_of clean >got || return
	[ "$dirty" = 0 ] || tells "^era_invalidate: $dirty dirty cache blocks" || return
	"$PEER_DIR/cache_dump" clean >dumped.xml
	for given in "" "--cache-mappings dumped.xml" "--cache-mappings dirty.xml"; do
		# shellcheck disable=SC2086
		status_is 0 all_of clean --allow-dirty $given >got || return
		same "what is clean, version $1, $2 $given" left.xml got || return
	done
}

@test "the mappings come from the cache's metadata, of both versions" {
	local version seed=0 nr bad=0
	need "$PEER_DIR/cache_restore"
	for nr in 0 1 2 63 64 65 508 509 510 1017 1018 1019 4096 32576 32577 130000; do
		seed=$((seed + 1))
		random_cache $seed $nr
		for version in 1 2; do
			untraced metadata_are_read $version $nr || bad=$((bad + 1))
		done
	done
	[ "$bad" = 0 ]
}

# spoiled FORMATS TEXT EDIT...: what these formats say of it, also where there are mappings as XML.
spoiled() {
	local format
	cp whole bad
	# shellcheck disable=SC2086
	blkedit bad $3 && fails cmp -s whole bad || return
	for format in dm-cache cache-xml; do
		if [[ $1 = *$format* ]]; then
			status_is 1 from_metadata $format bad --allow-dirty >got &&
				tells "^era_invalidate: bad: $2" && [ ! -s got ] ||
				return
			[[ $1 = dm-cache* ]] || continue # hints come from the XML, then
			exit_status from_metadata $format bad \
				--allow-dirty --cache-mappings cache.xml >got
			one_of 1 4 && [ ! -s got ]
		else
			status_is 0 from_metadata $format bad --allow-dirty >got
		fi || return
	done
}

@test "1: damaged metadata, whatever field it is" {
	need "$PEER_DIR/cache_restore"
	random_cache 7 1100
	small_era
	cp never era
	for version in 1 2; do
		rm -f whole
		cache_metadata whole --metadata-version $version
		since=4 from_metadata dm-cache whole >got
		since=4 cases 62 spoiled <<-'EOF'
			dm-cache cache-xml | cache superblock: wrong own block number: found 1, wanted 0 | sb.blocknr=1
			dm-cache cache-xml | cache superblock: bad magic | sb.magic=+1
			dm-cache cache-xml | cache superblock: unknown version: found 0, wanted 1 or 2 | sb.version=0
			dm-cache cache-xml | cache superblock: unknown version: found 3, wanted 1 or 2 | sb.version=3
			dm-cache cache-xml | cache superblock: unknown flags: found 5, | sb.flags=5
			dm-cache cache-xml | cache superblock: unknown incompatible features: found 1 | sb.incompat=1
			dm-cache cache-xml | cache superblock: bad metadata block size in sectors: found 16, wanted 8 | sb.metadata-block-size=16
			dm-cache cache-xml | cache superblock: bad block size in sectors: found 0, | sb.block-size=0
			dm-cache cache-xml | cache superblock: bad block size in sectors: found 96, | sb.block-size=96
			dm-cache cache-xml | cache superblock: bad block size in sectors: found 2097216, | sb.block-size=2097216
			dm-cache cache-xml | cache superblock: bad size of hints: found 8, wanted 0 or 4 | sb.hint-size=8
			dm-cache cache-xml | cache superblock: bad byte in the policy's name: found 10, | sb.policy=0x0a6d73
			dm-cache cache-xml | cache superblock: bad byte in the policy's name: found 255, | sb.policy=max
			dm-cache cache-xml | cache superblock: bad number of blocks in the space map: found 0, | sb.sm-blocks=0
			dm-cache cache-xml | cache superblock: bad number of blocks in the space map: found 4161601, | sb.sm-blocks=4161601
			dm-cache cache-xml | .* block in use past the end of the space map | sb.sm-blocks=1
			dm-cache cache-xml | .* wrong nr_allocated | sb.allocated=+1
			dm-cache cache-xml | .* wrong nr_allocated | sb.allocated=-1
			dm-cache cache-xml | .* mappings, block 3 of 3: wrong number of entries: found 82, wanted 81 | sb.cache-blocks=1099
			dm-cache cache-xml | .* mappings, block 3 of 3: wrong number of entries: found 82, wanted 83 | sb.cache-blocks=1101
			dm-cache cache-xml | .* \(mappings: array block past the end: found 2, wanted below 2\|dirty bits, .* wanted 16\)$ | sb.cache-blocks=1018
			dm-cache cache-xml | .* \(mappings, block 3 of 4\|dirty bits, block 1 of 1\): wrong number of entries | sb.cache-blocks=1528
			dm-cache cache-xml | .* \(mappings, block 3 of 8438050\|dirty bits, block 1 of 131845\): wrong number of entries | sb.cache-blocks=max
			dm-cache cache-xml | .* mappings, root: pointer out of range: found 0 | sb.mappings=0
			dm-cache cache-xml | .* mappings, root: pointer out of range: found 256 | sb.mappings=256
			dm-cache cache-xml | .* mappings, root: bad checksum | sb.mappings=@mappings/0
			dm-cache cache-xml | .* mappings, block 1 of 3: wrong value size: found 4, wanted 8 | sb.mappings=@hints
			dm-cache cache-xml | .* mappings, block 1 of 3: array block missing | sb.mappings=@discards
			dm-cache cache-xml | .* mappings, root: bad checksum | sb.mappings=@index
			dm-cache cache-xml | .* hints, root: reached twice | sb.hints=@mappings
			dm-cache cache-xml | .* space map: allocated but unused | sb.hints=0
			dm-cache cache-xml | .* discards, root: reached twice | sb.discards=@hints
			dm-cache cache-xml | .* discards, root: pointer out of range | sb.discards=256
			dm-cache cache-xml | .* space map, index: pointer out of range | sb.index=0
			dm-cache cache-xml | .* space map, index: bad checksum | sb.index=@bitmap
			dm-cache cache-xml | .* ref-count tree, root: reached twice | sb.refs=@mappings
			dm-cache cache-xml | .* ref-count tree, root: pointer out of range | sb.refs=0
			dm-cache cache-xml | .* ref-count tree counts a block | refs.entries=1 refs.key.0=5 refs.count.0=3
			dm-cache cache-xml | .* bad node flags | mappings.flags=3
			dm-cache cache-xml | .* too many entries | mappings.entries=253
			dm-cache cache-xml | .* wrong max_entries | mappings.max-entries=251
			dm-cache cache-xml | .* wrong value size | mappings.value-size=4
			dm-cache cache-xml | .* wrong own block number | mappings.blocknr=+1
			dm-cache cache-xml | .* keys do not ascend | mappings.key.1=2
			dm-cache cache-xml | .* array block missing: found 1, wanted 0 | mappings.key.0=1 mappings.key.1=2 mappings.key.2=3
			dm-cache cache-xml | .* mappings, block 2 of 3: reached twice | mappings.child.1=@mappings/0
			dm-cache cache-xml | .* mappings, block 2 of 3: wrong value size | mappings.child.1=@hints/0
			dm-cache cache-xml | .* wrong number of entries: found 508, wanted 509 | mappings/0.entries=508
			dm-cache cache-xml | .* wrong max_entries | mappings/1.max-entries=510
			dm-cache cache-xml | .* wrong own block number | mappings/2.blocknr=0
			dm-cache cache-xml | .* mappings, cache block 0: bad flags: found 5, wanted 1 | mappings/0.word.0=5
			dm-cache cache-xml | .* mappings, cache block 509: bad flags: found 2, wanted 1 | mappings/1.word.0=2
			dm-cache cache-xml | .* mappings, cache block 1099: bad flags: found 0, wanted 1 | mappings/2.word.81=0x10000
			cache-xml | .* hints, block 1: too many entries | hints/0.entries=1019
			cache-xml | .* hints, block 1: wrong own block number | hints/0.blocknr=0
			dm-cache cache-xml | .* block in use is free in the space map | bitmap.count.[mappings/1]=0 index.free.0=+1 index.none-free-before.0=0
			dm-cache cache-xml | .* reference count too high: found 2, wanted 1 | bitmap.count.[mappings/1]=2
			dm-cache cache-xml | .* allocated but unused (leak) | bitmap.count.255=1 sb.allocated=+1
			dm-cache cache-xml | .* count of a block past the end of the space map | bitmap.count.256=1
			dm-cache cache-xml | .* index entry past the last bitmap | index.bitmap.1=9
			dm-cache cache-xml | .* nr_free hides free blocks | index.free.0=3
			dm-cache cache-xml | .* none_free_before hides free blocks | index.none-free-before.0=200
		EOF
	done
	since=4 cases 6 spoiled <<-'EOF'
		dm-cache cache-xml | .* dirty bits, root: pointer out of range | sb.dirty=0
		dm-cache cache-xml | .* dirty bits, root: reached twice | sb.dirty=@mappings
		dm-cache cache-xml | .* dirty bits, block 1 of 1: wrong number of entries: found 17, wanted 18 | dirty/0.entries=17
		dm-cache cache-xml | .* dirty bits, block 1 of 1: array block missing | dirty.key.0=1
		dm-cache cache-xml | .* dirty bits: array block past the end: found 1, wanted below 1 | dirty.entries=2 dirty.key.1=1 dirty.child.1=200
		dm-cache cache-xml | .* allocated but unused (leak) | sb.version=1
	EOF
}

# Each byte, of metadata of either version; all of it is read.
# flipped_is_refused BLOCK OFFSET...: one bit of each of these bytes of the block.
flipped_is_refused() {
	local at
	for at in "${@:2}"; do
		cp whole bad
		flip_bit bad $(($1 * 4096 + at))
		exit_status from_metadata cache-xml bad >got
		one_of 1 || return
		[ ! -s got ] || return
		bytes=$((bytes + 1))
	done
}

@test "1: a byte that is wrong is missed nowhere" {
	local version block bytes=0
	small
	for version in 1 2; do
		rm -f whole
		cache_metadata whole --metadata-version $version
		since=4 status_is 0 from_metadata cache-xml whole >want
		for ((block = 0; block < 12; block++)); do
			blkedit whole $block >kind 2>"$BATS_TEST_TMPDIR/said" || continue
			untraced flipped_is_refused $block 0 1 5 8 11 16 30 200 1999 4095
		done
	done
	[ $bytes -ge 170 ]
}

# Memory goes by what there is, not by what is claimed. 65536 KiB are little more than the programs
# need.
@test "the number of blocks that is claimed takes no memory" {
	local version
	need "$PEER_DIR/cache_restore"
	small
	! sanitized era_invalidate || skip "sanitizers take memory of their own"
	small_memory() (
		ulimit -v 65536
		exec era_invalidate "$@"
	)
	for version in 1 2; do
		rm -f meta
		cache_metadata meta --metadata-version $version
		blkedit meta sb.cache-blocks=max sb.sm-blocks=4161600
		truncate -s 16G meta
		status_is 1 small_memory --written-since 5 --format cache-xml \
			--cache-metadata meta era
		says "mappings, block 1 of 8438050: wrong number of entries: found 16, wanted 509"
	done
	sed -i 's/nr_cache_blocks="16"/nr_cache_blocks="4294967295"/' cache.xml
	status_is 0 small_memory --written-since 4 --format dm-cache --cache-mappings cache.xml \
		era >got
	[ "$(cat got)" = "invalidate_cblocks 0-2 6" ]
	# And what there is takes two bits for each cache block.
	sed -i 's/nr_cache_blocks="4294967295"/nr_cache_blocks="8000000"/; s/cache_block="9"/cache_block="7999999"/' cache.xml
	truncate -s 128M large
	"$PEER_DIR/cache_restore" -q -i cache.xml -o large
	status_is 0 small_memory --written-since 4 --format cache-xml --cache-metadata large \
		era >got
	grep -q 'cache_block="7999999"' got
}
