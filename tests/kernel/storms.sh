# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The real target on metadata that checkpoints have filled, and what fills them. $sectors and $block
# are the origin's; $held: with a metadata snapshot; the boot says what is done.

array_block=1018

# write_everywhere: a sector of each array block, or of each $step of them.
write_everywhere() {
	at=0
	while [ $at -lt $(((sectors + block - 1) / block)) ]; do
		era_write_sectors $((at * block)) 1
		at=$((at + array_block * ${step:-1}))
	done
}

# work: eras begin and are digested, beside the metadata snapshot where one is held.
work() {
	era_create "$sectors" "$block"
	era_status
	write_everywhere
	for round in 1 2 3; do
		era_checkpoint
		era_status
		write_everywhere
	done
	era_digest
	era_checkpoint
	write_everywhere
}

boot_1() {
	work
	era_remove
}

boot_2() {
	work
	crash
}

# fill: checkpoints that leave the worker no time, until one is refused; each has a write when
# $writes is set. A message that is refused has not been committed.
fill() {
	era_create "$sectors" "$block"
	if [ -n "${held:-}" ]; then
		write_everywhere
		era_checkpoint
		era_digest
		era_take_snapshot
	fi
	era_hurry
	while era_message checkpoint 2>/run/said; do
		era_rolled
		[ -z "${writes:-}" ] || era_write_sectors $((era * 97 * block % sectors)) 1
	done
	echo "filled: era $era: $(tail -n 1 /run/said)"
}

boot_3() {
	fill
	crash
}

# Its removal archives the era a second time, with no bitset, over the one that it has archived.
boot_4() {
	fill
	era_message checkpoint || :
	era_remove
}
