# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Our programs read the metadata of an active target, from inside the guest. A buffered read has put
# the old superblock into the page cache, which the target doesn't know of. The answers go to the
# console, as "answer: ROUND N OFFSET LENGTH"; what they must be is in truth.snap.

metadata=256K

# refused STATUS COMMAND...
refused() {
	want=$1 got=0
	shift
	"$@" >/run/out 2>&1 || got=$?
	[ "$got" = "$want" ] || die "$*: status $got, wanted $want: $(cat /run/out)"
	echo "refused: $(cat /run/out)"
}

# ask ROUND [OPTION...]
ask() {
	n=0 round=$1
	shift
	while [ $n -le "$snap_era" ]; do
		era_invalidate -m --written-since $n --format ranges --unit blocks "$@" \
			"$metadata_dev" >/run/out || die "era_invalidate -m --written-since $n"
		sed "s/^/answer: $round $n /" /run/out
		n=$((n + 1))
	done
	refused 4 era_invalidate -m --written-since $n "$@" "$metadata_dev"
	era_check -m -q "$metadata_dev" || die "era_check -m"
}

# stale STATUS: of two cache blocks, one over what was written before the snapshot, in era 1.
stale() {
	cat >/run/mappings <<-'EOF'
		<superblock uuid="" block_size="8" nr_cache_blocks="16" policy="smq" hint_width="4">
		  <mappings>
		    <mapping cache_block="3" origin_block="1" dirty="false"/>
		    <mapping cache_block="5" origin_block="3000" dirty="false"/>
		  </mappings>
		  <hints></hints>
		</superblock>
	EOF
	got=0
	era_invalidate -m --written-since 1 --format dm-cache --cache-mappings /run/mappings \
		"$metadata_dev" >/run/out 2>&1 || got=$?
	[ $got = "$1" ] || die "stale blocks: status $got, wanted $1: $(cat /run/out)"
	[ $got != 0 ] || grep -x "invalidate_cblocks 3" /run/out ||
		die "stale blocks: $(cat /run/out)"
}

boot_1() {
	PATH=$tools:$PATH
	export TMPDIR=/run
	era_create 32768 8
	era_write 0 10
	era_checkpoint
	dd if="$metadata_dev" of=/run/old bs=4096 count=1 2>/dev/null
	refused 4 era_invalidate -m --written-since 0 "$metadata_dev"
	era_write 100 5
	era_take_snapshot
	snap_era=$era
	ask 1
	stale 0
	refused 3 era_invalidate --written-since 0 "$metadata_dev"
	refused 3 era_check "$metadata_dev"
	refused 3 era_dump "$metadata_dev"

	# The era is still the snapshot's, but a list for a cache would lack what was written since.
	era_write 200
	stale 4
	ask 3
	era_checkpoint
	stale 4
	era_write 300
	refused 4 era_invalidate -m --written-since 0 "$metadata_dev"
	ask 2 --snapshot-era "$snap_era"

	era_remove
	era_check -q "$metadata_dev" || die "era_check of the stopped target"
}
