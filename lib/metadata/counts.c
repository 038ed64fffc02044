/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The counts are in a hash table of a fixed size, of which only the pages that are used cost
 * memory.  Its keys are eras without their lowest `shift` bits, of which one more is dropped
 * whenever it is full.  Era 0 is counted apart, and so is each of the newest eras.
 */
#include "metadata/counts.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "metadata/view_internal.h"

#define TABLE_BITS BUFFER_SIZE(21u, 4u)
#define NR_SLOTS (UINT32_C(1) << TABLE_BITS)
#define MAX_KEYS (NR_SLOTS / 2)
#define MAX_SHIFT 31u
#define NR_NEWEST 64u

struct slot {
	uint64_t nr_blocks; /* 0: free */
	uint32_t key;
};

struct table {
	struct slot *slots;
	uint32_t nr_keys;
	unsigned shift;
};

static struct slot *find(const struct table *table, uint32_t key)
{
	uint32_t i = key * UINT32_C(0x9e3779b1) >> (32 - TABLE_BITS);

	while (table->slots[i].nr_blocks && table->slots[i].key != key)
		i = (i + 1) % NR_SLOTS;
	return &table->slots[i];
}

/* Into a slot that exists, or a free one: the table is never full. */
static void add(struct table *table, uint32_t key, uint64_t nr_blocks)
{
	struct slot *slot = find(table, key);

	table->nr_keys += !slot->nr_blocks;
	slot->key = key;
	slot->nr_blocks += nr_blocks;
}

static int coarsen(struct table *table, const struct report *rep)
{
	struct table coarser = {
		.slots = calloc(NR_SLOTS, sizeof(*coarser.slots)),
		.shift = table->shift + 1,
	};

	if (!coarser.slots)
		return report_nomem(rep);
	for (uint32_t i = 0; i < NR_SLOTS; i++)
		if (table->slots[i].nr_blocks)
			add(&coarser, table->slots[i].key >> 1, table->slots[i].nr_blocks);
	free(table->slots);
	*table = coarser;
	return 0;
}

struct counting {
	const struct report *rep;
	const struct era_chunk_listener *listener; /* or NULL */
	struct table table;
	uint32_t newest_from; /* era */
	uint64_t newest[NR_NEWEST];
	uint64_t nr_never, nr_unknown;
};

static int count(struct counting *counting, uint32_t era, uint64_t nr_blocks)
{
	struct table *table = &counting->table;
	int r = 0;

	if (era >= counting->newest_from && era - counting->newest_from < NR_NEWEST) {
		counting->newest[era - counting->newest_from] += nr_blocks;
		return 0;
	}
	add(table, era >> table->shift, nr_blocks);
	while (!r && table->nr_keys > MAX_KEYS && table->shift < MAX_SHIFT)
		r = coarsen(table, counting->rep);
	return r;
}

/* The same era stands side by side more often than not. */
static int count_chunk(void *ctx, const struct era_chunk *chunk)
{
	struct counting *counting = ctx;
	uint32_t i = 0;
	int r = 0;

	while (i < chunk->nr && !r) {
		uint32_t era = chunk->eras[i], begin = i;
		bool lost = bits_test(chunk->lost, i);

		while (i < chunk->nr && chunk->eras[i] == era && bits_test(chunk->lost, i) == lost)
			i++;
		if (lost)
			counting->nr_unknown += i - begin;
		else if (!era)
			counting->nr_never += i - begin;
		else
			r = count(counting, era, i - begin);
	}
	if (!r && counting->listener)
		counting->listener->on_chunk(counting->listener->ctx, chunk);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct era_count *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Ranges end before the newest eras. */
static struct era_count row_of(const struct counting *counting, const struct slot *slot)
{
	unsigned shift = counting->table.shift;
	uint32_t first = slot->key << shift;
	uint32_t last = first | ((UINT32_C(1) << shift) - 1);

	if (first < counting->newest_from && last >= counting->newest_from)
		last = counting->newest_from - 1;
	return (struct era_count){first ? first : 1, last, slot->nr_blocks};
}

static void add_row(struct era_counts *counts, struct era_count row)
{
	if (row.nr_blocks)
		counts->rows[counts->nr_rows++] = row;
}

static int make_rows(const struct counting *counting, struct era_counts *counts)
{
	const struct table *table = &counting->table;

	counts->rows = calloc(table->nr_keys + NR_NEWEST + 1u, sizeof(*counts->rows));
	if (!counts->rows)
		return report_nomem(counting->rep);
	add_row(counts, (struct era_count){.nr_blocks = counting->nr_never});
	for (uint32_t i = 0; i < NR_SLOTS; i++)
		if (table->slots[i].nr_blocks)
			add_row(counts, row_of(counting, &table->slots[i]));
	for (uint32_t i = 0; i < NR_NEWEST; i++)
		add_row(counts, (struct era_count){counting->newest_from + i,
						   counting->newest_from + i, counting->newest[i]});
	qsort(counts->rows, counts->nr_rows, sizeof(*counts->rows), compare);
	counts->nr_unknown = counting->nr_unknown;
	return 0;
}

static uint32_t newest_from(uint32_t current_era)
{
	return current_era > NR_NEWEST ? current_era - NR_NEWEST + 1 : 1;
}

int era_counts_read(struct era_view *view, struct era_counts *counts)
{
	return era_counts_read_with(view, NULL, counts);
}

int era_counts_read_with(struct era_view *view, const struct era_chunk_listener *listener,
			 struct era_counts *counts)
{
	struct counting counting = {
		.rep = view->dev.rep,
		.listener = listener,
		.table.slots = calloc(NR_SLOTS, sizeof(struct slot)),
		.newest_from = newest_from(view->sb.current_era),
	};
	int r;

	*counts = (struct era_counts){0};
	if (!counting.table.slots)
		return report_nomem(view->dev.rep);
	r = era_map_read(view, count_chunk, &counting);
	if (!r)
		r = make_rows(&counting, counts);
	free(counting.table.slots);
	return r;
}

void era_counts_free(struct era_counts *counts)
{
	free(counts->rows);
	*counts = (struct era_counts){0};
}
