#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Metadata whose device was there without its target: whatever is made of them lists all blocks.

load ../lib/common
load ../lib/cases

setup() {
	need_ours "${programs[@]}" era_mark era_stat
	need jq
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/020-snapshot-held/image.gz" >meta
	truncate -s +1M meta
	nr=$(era_check --json meta | jq .live.nr_blocks)
	era=$(era_check --json meta | jq .live.current_era)
	bytes=$(era_check --json meta | jq .live.block_size)
	mark_untracked meta
	cp meta marked
}

refused() {
	status_is 4 "$@" || return
	grep -q "was there without its target since 2026-01-01 00:00:00 UTC" "$stderr"
}

# lists_all METADATA: since each era that may have been recorded, and the next.
lists_all() {
	local since
	for since in 1 "$era" $((era + 1)); do
		[ "$(era_invalidate --written-since "$since" --unit blocks --format ranges "$1")" \
			= "0 $nr" ] || return
	done
}

@test "no list, no sum and no dump" {
	refused era_invalidate --written-since 1 meta
	refused era_invalidate --written-since 1 --repair meta
	refused era_stat meta
	refused era_dump meta
	refused era_dump -m meta
	refused era_dump -o xml meta
	[ ! -e xml ]
	cmp meta marked
	era_mark -q --all meta >/dev/null
	status_is 0 era_dump meta >xml
	lists_all meta
}

@test "a dump with --repair has all blocks, also of the snapshot, and without the superblock" {
	restores() {
		status_is 5 era_dump --repair "$@" meta >xml || return
		grep -q "all $nr blocks count as written in era" "$stderr" || return
		era_restore -q -i xml -o new && lists_all new
	}
	restores
	restores --compact
	restores -m
	dd if=/dev/zero of=meta bs=4096 count=1 conv=notrunc status=none
	restores --block-size "$bytes" --nr-blocks "$nr"
}

@test "repair makes metadata that have all blocks, also without the superblock" {
	repairs() {
		rm -f new
		status_is 5 era_repair --json -i meta -o new "$@" >json || return
		grep -q "all $nr blocks count as written in era" "$stderr" || return
		[ "$(jq -c '[.exit_status, .error, .kept.blocks, .lost.blocks, .superblock_lost]' \
			json)" = "[5,null,0,$nr,$lost]" ] || return
		status_is 0 era_check -q new || return
		lists_all new
	}
	lost=false
	repairs
	cmp meta marked
	lost=true
	dd if=/dev/zero of=meta bs=4096 count=1 conv=notrunc status=none
	repairs --block-size "$bytes" --nr-blocks "$nr"
}

# move_mark: from the last block into the superblock, which then is the only one that has it.
move_mark() {
	local end=$(($(stat -c %s meta) - 4096))
	blkedit meta 0 448 "$(tail -c 4096 meta | head -c 60 | od -An -v -tx1 | tr -d ' \n')"
	dd if=/dev/zero of=meta bs=1 seek="$end" count=60 conv=notrunc status=none
}

@test "a mark with a wrong bit is one: in the last block" {
	local at
	for at in 0 7 20 24 40 57; do
		cp marked meta
		flip_bit meta $(($(stat -c %s meta) - 4096 + at)) $((at % 8))
		status_is 4 era_invalidate --written-since 1 meta || wrong "byte $at"
	done
	says "was there without its target since an unknown time"
}

@test "a mark with a wrong bit is one: in the superblock, which it damages" {
	local at
	move_mark
	cp meta marked
	refused era_invalidate --written-since 1 meta
	for at in 0 7 20 24 40 57; do
		cp marked meta
		flip_bit meta $((448 + at)) $((at % 8))
		status_is 5 era_dump --repair meta --block-size "$bytes" --nr-blocks "$nr" >xml ||
			wrong "byte $at"
		rm -f new
		era_restore -q -i xml -o new && lists_all new || wrong "byte $at: a list"
	done
}

@test "new metadata keep the mark of a damaged superblock, also after a stop" {
	status_is 5 era_dump --repair meta >xml
	move_mark
	flip_bit meta 40 3
	era_restore -q --force -i xml -o meta
	refused era_invalidate --written-since 1 meta
	head -c 224 /dev/zero | tr '\0' '\377' | dd of=meta conv=notrunc status=none
	era_restore -q -i xml -o meta
	refused era_invalidate --written-since 1 meta
}
