/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/size.h"

#include "base/bits.h"
#include "base/checked.h"
#include "ondisk/era_disk.h"
#include "pdata/array_edit.h"
#include "pdata/node.h"
#include "pdata/space_map.h"

_Static_assert(ERA_SIZE_MAX_BLOCKS == SPACE_MAP_MAX_BLOCKS, "what a space map can count");

/* Paths of the writeset tree and the ref-count tree, the index, and what a rebalancing touches. */
#define TRANSACTION_BLOCKS 12u

/* The kernel grows an array block by block, which leaves the nodes of its tree half full. */
static uint64_t array_blocks(uint32_t nr_blocks)
{
	return array_max_blocks(BLOCK_ERA, nr_blocks);
}

static uint64_t bitset_blocks(uint32_t nr_blocks)
{
	return array_max_blocks(BLOCK_BITSET, bits_words(nr_blocks));
}

uint64_t era_size_used(uint32_t nr_blocks, uint64_t nr_writesets)
{
	uint64_t tree = node_tree_blocks(div_up(nr_writesets, NODE_MAX_ENTRIES(12)));

	return 1 + array_blocks(nr_blocks) + nr_writesets * bitset_blocks(nr_blocks) + tree;
}

uint64_t era_size_with_spare(uint64_t nr_used, uint32_t nr_blocks)
{
	uint64_t array = array_blocks(nr_blocks), bitset = bitset_blocks(nr_blocks);
	uint64_t need = nr_used + 2 * (array + bitset) + 2 * bitset + TRANSACTION_BLOCKS;
	uint64_t total = need, space_map = 0;

	/* A larger space map needs a larger device, and twice: once more while it is shadowed. */
	while (space_map != 2 * space_map_blocks(total)) {
		space_map = 2 * space_map_blocks(total);
		total = need + space_map;
	}
	return total;
}

uint64_t era_size_recommended(uint32_t nr_blocks)
{
	return era_size_with_spare(era_size_used(nr_blocks, ERA_SIZE_WRITESETS), nr_blocks);
}
