# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Any metadata, resumed and worked on, so that whatever is wrong with its space map or trees shows:
# each array block is written to, old eras and new ones are digested to the end, a metadata snapshot
# comes and goes, and the device is stopped. $sectors and $block are the origin's, from the host;
# $held, when it is set, says that a metadata snapshot is held, which is dropped first.

array_block=1018

boot_1() {
	era_create "$sectors" "$block"
	era_status
	[ -z "${held:-}" ] || era_drop_snapshot
	nr_blocks=$(((sectors + block - 1) / block))

	at=0
	while [ $at -lt $nr_blocks ]; do
		era_write_sectors $((at * block)) 1
		at=$((at + array_block))
	done
	for round in 1 2 3; do
		era_checkpoint
		era_status
		era_write_sectors $((nr_blocks * round / 4 * block)) 1
	done
	era_digest
	era_take_snapshot
	era_write_sectors 0 1
	era_checkpoint
	era_digest
	era_drop_snapshot
	era_write_sectors $(((nr_blocks - 1) * block)) 1
	era_remove
}
