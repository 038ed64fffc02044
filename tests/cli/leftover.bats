#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era_invalidate where there is no safe answer: metadata snapshots that lack what was written after
# them, and --or-all, which lists every block instead of refusing.

load ../lib/common
load ../lib/cases
load ../lib/truth
load ../target/driven

setup() {
	need_ours "${programs[@]}" era_format drive
	scratch
}

# takes COMMANDS: 4096 blocks, some of them written, a metadata snapshot of era 3, and COMMANDS.
takes() {
	rm -f metadata
	drives 'open metadata 8 format' 'resume 32768' checkpoint 'write 0 80' take "$@"
}

# since ERA [OPTION...]
since() {
	era_invalidate --format ranges --unit blocks --written-since "$@" metadata
}

# stale ERA [OPTION...]: two cache blocks, of blocks 1 and 3000.
stale() {
	cat >cache.xml <<-'END'
		<superblock uuid="" block_size="8" nr_cache_blocks="16" policy="smq" hint_width="4">
		  <mappings>
		    <mapping cache_block="3" origin_block="1" dirty="false"/>
		    <mapping cache_block="5" origin_block="3000" dirty="false"/>
		  </mappings>
		  <hints></hints>
		</superblock>
	END
	era_invalidate --format "${format:-dm-cache}" --cache-mappings cache.xml \
		--written-since "$@" metadata
}

# refused WORDS COMMAND...: status 4, and no list.
refused() {
	status_is 4 "${@:2}" >got || return
	says "$1" && [ ! -s got ]
}

@test "a list for a cache lacks nothing that was written after the snapshot" {
	takes crash
	status_is 0 stale 2 -m >got
	[ "$(<got)" = "invalidate_cblocks 3" ]
	status_is 0 stale 3 -m >got
	[ ! -s got ]

	# The snapshot has the live era, and other lists need no more.
	takes 'write 24000 80' crash
	status_is 0 since 3 -m >got
	[ ! -s got ]
	refused "10 blocks were written after the metadata snapshot was taken" stale 2 -m
	format=cache-xml refused "10 blocks were written" stale 2 -m
	refused "10 blocks were written" stale 2 -m --snapshot-era 3
	status_is 5 stale 2 -m -r --or-all >got
	[ "$(<got)" = "invalidate_cblocks 3 5" ]

	# Archived, and digested.
	takes 'write 24000 80' suspend
	refused "10 blocks were written" stale 2 -m
	takes 'write 24000 80' checkpoint digest crash
	refused "left over" stale 2 -m
	refused "10 blocks were written" stale 2 -m --snapshot-era 3

	# An era in which nothing was written hides nothing.
	takes checkpoint crash
	refused "left over" stale 2 -m
	status_is 0 stale 2 -m --snapshot-era 3 >got
	[ "$(<got)" = "invalidate_cblocks 3" ]
}

@test "damage makes no answer of a snapshot that has fewer blocks than the live metadata" {
	takes suspend
	blkedit metadata snap-sets.entries=-1
	status_is 5 since 3 -m -r >got
	[ "$(<got)" = "0 4096" ]
	takes suspend
	drives 'open metadata 8' 'resume 40960' suspend
	blkedit metadata snap-sets.entries=-1
	status_is 1 since 3 -m -r >got
	says "others tell of 5120"
	[ ! -s got ]
}

# all_listed [OPTION...]: every block, status 5, and the reason stands before.
all_listed() {
	status_is 5 since "$@" --or-all >got || return
	[ "$(<got)" = "0 $nr" ] && says "all $nr blocks are listed (--or-all)"
}

@test "--or-all: every block where there is no safe answer" {
	nr=4096
	takes 'write 24000 80' checkpoint crash
	refused "era 6 is after" since 6
	all_listed 6
	says "era 6 is after"
	refused "left over" since 2 -m
	all_listed 2 -m
	says "left over"
	refused "wanted one of era 4" since 2 -m --snapshot-era 4
	all_listed 2 -m --snapshot-era 4
	refused "era 4 is after" since 4 -m --snapshot-era 3
	all_listed 4 -m --snapshot-era 3
	all_listed 4 -m --snapshot-era 3 -r
	drives 'open metadata 8' 'resume 32768' drop suspend
	refused "no current metadata snap" since 2 -m
	all_listed 2 -m
}

@test "--or-all: in all formats" {
	need jq
	takes checkpoint crash
	status_is 5 era_invalidate -m --or-all --written-since 2 metadata >got
	[ "$(<got)" = $'<blocks>\n  <range begin="0" end="4096"/>\n</blocks>' ]
	status_is 5 era_invalidate -m --or-all --written-since 2 --format json metadata >got
	jq -e '.since == 2 and .current_era == 4 and .source == "snapshot" and .snapshot_era == 3 and
		.changed_blocks == 4096 and .unknown_blocks == 4096 and .nr_blocks == 4096 and
		.ranges == [{"offset": 0, "length": 16777216}]' got
	status_is 5 era_invalidate -m --or-all --written-since 2 --format bitmap metadata >got
	[ "$(od -An -v -tx1 -w512 got | sort -u | tr -d ' \n')" = "$(printf 'ff%.0s' {1..512})" ]
	status_is 5 since 2 -m --or-all -o list
	[ "$(<list)" = "0 4096" ]
	status_is 5 era_invalidate -m --written-since 2 --or-all --format ranges \
		--device-size 16776704 metadata >got
	[ "$(<got)" = "0 16776704" ]
	status_is 2 since 2 -m --or-all --device-size 8M >got
	[ ! -s got ]
	status_is 5 stale 2 -m --or-all >got
	[ "$(<got)" = "invalidate_cblocks 3 5" ]
}

@test "--or-all changes no answer that there is, and no other failure" {
	takes 'write 24000 80' crash
	status_is 0 since 2 --or-all >got
	[ "$(<got)" = $'0 10\n3000 10' ]
	status_is 0 since 2 -m --or-all >got
	[ "$(<got)" = "0 10" ]
	status_is 3 era_invalidate --written-since 2 --or-all nowhere >got
	cp metadata sound
	blkedit metadata sb.allocated=+1
	status_is 1 since 2 --or-all >got
	[ ! -s got ]
	cp sound metadata
	stale 2 >want
	sed -i '/origin_block="3000"/s/false/true/' cache.xml
	refused dirty era_invalidate --format dm-cache --cache-mappings cache.xml \
		--written-since 2 --or-all metadata
	refused dirty era_invalidate --format dm-cache --cache-mappings cache.xml \
		--written-since 9 --or-all metadata
	refused dirty era_invalidate --format cache-xml --cache-mappings cache.xml \
		--written-since 9 --or-all metadata
}

@test "--or-all: as many blocks as there are, or were" {
	takes 'write 24000 80' suspend
	status_is 0 since 0 --witness-out small >got
	drives 'open metadata 8' 'resume 40960' 'write 0 8' suspend
	nr=5120
	all_listed 2 -m
	all_listed 9
	status_is 0 since 0 --witness-out large >got
	drives 'open metadata 8' 'resume 16384' 'write 0 8' suspend

	# The snapshot had more than the live metadata have, and the witness more than the snapshot.
	nr=4096
	all_listed 2 -m
	all_listed 9
	all_listed 9 --witness small
	nr=5120
	all_listed 9 --witness large
	all_listed 2 -m --witness large
	status_is 5 era_invalidate --written-since 9 --or-all --format ranges --device-size 8M \
		--witness large metadata >got
	[ "$(<got)" = "0 8388608" ]
	status_is 2 since 9 --or-all --device-size 12M --witness large >got
	[ ! -s got ]
}

@test "--or-all and a witness: of other metadata, of another block size, damaged; none is made" {
	takes 'write 24000 80' checkpoint crash
	status_is 0 since 0 --witness-out w >got
	takes crash
	nr=4096
	refused "older than the witness" since 2 --witness w
	all_listed 2 --witness w --witness-out new
	says "new: not written"
	[ ! -e new ]

	rm metadata
	drives 'open metadata 16 format' 'resume 32768' checkpoint checkpoint checkpoint suspend
	refused "how many blocks there are is not known" since 2 --or-all --witness w
	refused "how many blocks there are is not known" since 99 --or-all --witness w
	truncate -s -1 w
	status_is 1 since 2 --or-all --witness w >got
	[ ! -s got ]
}
