/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Half of the newest ones are the newest of all, in a heap whose root is the oldest of them.  The
 * others are the newest of each of as many stretches of the device: of several volumes on it, one
 * that is used much would leave no room for what the others last wrote.
 *
 * Of blocks of one era those are taken first that hold a multiple of 1 MiB, where volumes begin,
 * and then a number that looks random decides.
 */
#include "era_setup/samples.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/le.h"
#include "block/content.h"
#include "block/dev.h"
#include "metadata/map.h"

#define SECTOR_BYTES 512u
#define MIB (UINT64_C(1) << 20)

/* As much as is read for the newest ones, of blocks that are not large. */
#define NEWEST_BYTES (64 * MIB)
#define NEWEST_MAX 1536u
#define NEWEST_MIN 32u
#define SAMPLE_MAX_BYTES (4 * MIB)
#define RANDOM_SAMPLES 128u
#define FIRST_SAMPLES 4u
#define LAST_SAMPLES 4u
#define PARTITIONS_MAX 128u
#define BTRFS_SUPERBLOCK (64u << 10)

/* Where partitions, volumes of LVM and the data of LUKS usually begin, and superblocks are. */
static const uint64_t places[] = {
	64u << 10, MIB,	      MIB + (64u << 10), 2 * MIB,    3 * MIB,  4 * MIB,
	5 * MIB,   8 * MIB,   16 * MIB,		 17 * MIB,   18 * MIB, 32 * MIB,
	64 * MIB,  513 * MIB, 1024 * MIB,	 1025 * MIB,
};

_Static_assert(NEWEST_MAX + RANDOM_SAMPLES + FIRST_SAMPLES + LAST_SAMPLES + ARRAY_SIZE(places) +
			       2 * PARTITIONS_MAX <=
		       STATE_MAX_SAMPLES,
	       "samples");

struct candidate {
	uint64_t rank; /* the era, whether a volume may begin there, what looks random */
	uint32_t block;
};

struct chooser {
	uint64_t block_bytes, stretch_blocks;
	uint32_t nr, max, nr_stretches;
	struct candidate heap[NEWEST_MAX / 2];
	struct candidate newest[NEWEST_MAX / 2]; /* of each stretch */
	const struct state *old;
	uint32_t next_old;
	uint32_t *eras;
};

static void swap(struct candidate *a, struct candidate *b)
{
	struct candidate c = *a;

	*a = *b;
	*b = c;
}

static void sift_up(struct candidate *heap, uint32_t at)
{
	for (; at && heap[at].rank < heap[(at - 1) / 2].rank; at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct candidate *heap, uint32_t nr)
{
	for (uint32_t at = 0, child; (child = 2 * at + 1) < nr; at = child) {
		if (child + 1 < nr && heap[child + 1].rank < heap[child].rank)
			child++;
		if (heap[at].rank <= heap[child].rank)
			break;
		swap(&heap[at], &heap[child]);
	}
}

/* Does a multiple of 1 MiB lie in it? */
static bool may_begin(const struct chooser *chooser, uint32_t block)
{
	uint64_t start = block * chooser->block_bytes;

	return div_up(start, MIB) * MIB < start + chooser->block_bytes;
}

static uint64_t rank(const struct chooser *chooser, uint32_t block, uint32_t era)
{
	return (uint64_t)era << 32 | (uint64_t)may_begin(chooser, block) << 31 |
	       (hash_mix(block) & INT32_MAX);
}

static void offer(struct chooser *chooser, uint32_t block, uint32_t era)
{
	struct candidate c = {rank(chooser, block, era), block};
	struct candidate *newest = &chooser->newest[block / chooser->stretch_blocks];

	if (c.rank >= newest->rank)
		*newest = c;
	if (chooser->nr < chooser->max) {
		chooser->heap[chooser->nr] = c;
		sift_up(chooser->heap, chooser->nr++);
	} else if (c.rank > chooser->heap[0].rank) {
		chooser->heap[0] = c;
		sift_down(chooser->heap, chooser->nr);
	}
}

static int on_chunk(void *ctx, const struct era_chunk *chunk)
{
	struct chooser *chooser = ctx;
	const struct state *old = chooser->old;

	for (uint32_t i = 0; i < chunk->nr; i++)
		offer(chooser, (uint32_t)chunk->first + i, chunk->eras[i]);
	for (; chooser->next_old < old->nr; chooser->next_old++) {
		uint32_t block = old->samples[chooser->next_old].block;

		if (block >= chunk->first + chunk->nr)
			break;
		chooser->eras[chooser->next_old] = chunk->eras[block - chunk->first];
	}
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct state_sample *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

static void add(struct state *state, uint64_t block)
{
	if (block < state->nr_blocks)
		state->samples[state->nr++] = (struct state_sample){(uint32_t)block, 0};
}

static void drop_doubles(struct state *state)
{
	uint32_t kept = 0;

	qsort(state->samples, state->nr, sizeof(state->samples[0]), by_block);
	for (uint32_t i = 0; i < state->nr; i++)
		if (!kept || state->samples[kept - 1].block != state->samples[i].block)
			state->samples[kept++] = state->samples[i];
	state->nr = kept;
}

static void add_partitions(int fd, uint64_t block_bytes, struct state *state)
{
	uint64_t starts[PARTITIONS_MAX];
	unsigned nr = content_partitions(fd, state->sectors * SECTOR_BYTES, starts, PARTITIONS_MAX);

	for (unsigned i = 0; i < nr; i++) {
		add(state, starts[i] / block_bytes);
		add(state, (starts[i] + BTRFS_SUPERBLOCK) / block_bytes);
	}
}

static void collect(const struct chooser *chooser, int fd, struct state *state)
{
	uint64_t block_bytes = (uint64_t)state->block_sectors * SECTOR_BYTES;
	uint32_t total = state->nr_blocks;

	state->nr = 0;
	for (uint32_t i = 0; i < chooser->nr; i++)
		add(state, chooser->heap[i].block);
	for (uint32_t i = 0; i < chooser->nr_stretches; i++)
		add(state, chooser->newest[i].block);
	for (uint32_t i = 0; i < FIRST_SAMPLES; i++)
		add(state, i);
	for (uint32_t i = 1; i <= LAST_SAMPLES && i <= total; i++)
		add(state, total - i);
	for (uint32_t i = 0; i < ARRAY_SIZE(places); i++)
		add(state, places[i] / block_bytes);
	add_partitions(fd, block_bytes, state);
	for (uint32_t i = 0; i < RANDOM_SAMPLES && total; i++)
		add(state, hash_mix((uint64_t)state->era << 32 | i) % total);
	drop_doubles(state);
}

static void set_sizes(struct chooser *chooser, const struct superblock *sb)
{
	uint64_t max;

	chooser->block_bytes = superblock_block_bytes(sb);
	max = min_u64(NEWEST_BYTES / chooser->block_bytes, NEWEST_MAX);
	chooser->max = (uint32_t)max_u64(NEWEST_MIN, max) / 2;
	chooser->stretch_blocks = max_u64(1, div_up(sb->nr_blocks, chooser->max));
	chooser->nr_stretches = (uint32_t)div_up(sb->nr_blocks, chooser->stretch_blocks);
}

int samples_choose(struct era_view *view, int fd, struct state *state, const struct state *old,
		   uint32_t *eras)
{
	const struct superblock *sb = era_view_sb(view);
	struct chooser *chooser = calloc(1, sizeof(*chooser));
	int r;

	if (!chooser)
		return report_nomem(NULL);
	set_sizes(chooser, sb);
	chooser->old = old;
	chooser->eras = eras;
	for (uint32_t i = 0; i < old->nr; i++)
		eras[i] = UINT32_MAX; /* past the end */
	r = era_map_read(view, on_chunk, chooser);
	if (!r)
		collect(chooser, fd, state);
	free(chooser);
	return r;
}

/* Of a large block only its beginning, and of the last one what there is. */
static int read_block(const struct origin *origin, const char *path, uint32_t block_sectors,
		      struct state_sample *sample, void *buffer, const struct report *rep)
{
	uint64_t size = origin->sectors * SECTOR_BYTES;
	uint64_t len = (uint64_t)block_sectors * SECTOR_BYTES, at = sample->block * len;

	if (at >= size)
		return 0;
	len = min_u64(min_u64(len, SAMPLE_MAX_BYTES), size - at);
	errno = io_read_at(origin->fd, buffer, (size_t)len, (off_t)at);
	if (errno)
		return report_errno(rep, path, "cannot read");
	sample->hash = hash_bytes(buffer, (size_t)len);
	return 1;
}

int samples_read(const struct origin *origin, const char *path, struct state *state,
		 const struct report *rep)
{
	void *buffer = blk_alloc(SAMPLE_MAX_BYTES / 4096);
	uint32_t kept = 0;
	int r = buffer ? 0 : report_nomem(rep);

	for (uint32_t i = 0; i < state->nr && r >= 0; i++) {
		r = read_block(origin, path, state->block_sectors, &state->samples[i], buffer, rep);
		if (r > 0)
			state->samples[kept++] = state->samples[i];
	}
	free(buffer);
	state->nr = kept;
	return r < 0 ? r : 0;
}

/* Of the last block, if the origin ended or ends within it. */
static bool is_other_part(const struct origin *origin, const struct state *state, uint32_t block)
{
	uint64_t end = (block + UINT64_C(1)) * state->block_sectors;

	return origin->sectors != state->sectors && end > min_u64(origin->sectors, state->sectors);
}

int samples_compare_origin(const struct origin *origin, const char *path, const struct state *state,
			   const uint32_t *eras, uint32_t *differs, const struct report *rep)
{
	void *buffer = blk_alloc(SAMPLE_MAX_BYTES / 4096);
	int r = buffer ? 1 : report_nomem(rep);

	for (uint32_t i = 0; i < state->nr && r > 0; i++) {
		struct state_sample now = state->samples[i];

		if (eras[i] > state->era || is_other_part(origin, state, now.block))
			continue;
		r = read_block(origin, path, state->block_sectors, &now, buffer, rep);
		if (r >= 0 && now.hash != state->samples[i].hash) {
			*differs = now.block;
			r = 0;
		} else if (!r) {
			r = 1;
		}
	}
	free(buffer);
	return r;
}
