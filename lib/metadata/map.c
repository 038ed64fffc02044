/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A chunk of 4096 blocks is folded in a few KiB that stay in the processor's cache: the eras of
 * the array are copied into it, then the writesets' words are laid over them, newest first.  A
 * block that a newer writeset has named needs no look at older ones (`todo` has the others), so a
 * stretch that is fully set or fully clear costs a step a word.
 *
 * A cursor takes some KiB.  Of more writesets than MAX_CURSORS the oldest are folded beforehand, so
 * many at a time, into a nameless file that then stands in for the era array.
 */
#include "metadata/map.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/checked.h"
#include "base/scratch.h"
#include "metadata/cursor_internal.h"
#include "metadata/view_internal.h"

#define CHUNK_BLOCKS (CURSOR_MAX_WORDS * BITS_PER_WORD)

/* All read buffers together have about this many metadata blocks. */
#define BUFFER_BLOCKS 1024u
#define BUFFER_MAX_BLOCKS BUFFER_SIZE(128u, 8u)

/* Of the cursors that are open at one time. */
#define MAX_CURSORS BUFFER_SIZE(512u, 3u)

/* A folded chunk, in memory and in the file of a pass. */
struct fold {
	uint32_t eras[CHUNK_BLOCKS];
	uint64_t lost[CURSOR_MAX_WORDS];
};

struct era_map {
	struct era_view *view;
	struct era_cursor array;
	int base;			   /* a file of folds to read instead of the array, or -1 */
	struct writeset_cursor *writesets; /* newest first */
	size_t nr_writesets;
	uint64_t next;
	struct fold fold;
	uint64_t todo[CURSOR_MAX_WORDS]; /* blocks that no writeset has named so far */
};

/* A map of nr writesets from first on; base is the map's to close. */
static int create(struct era_map **out, struct era_view *view, size_t first, size_t nr, int base)
{
	uint32_t capacity = (uint32_t)min_u64(BUFFER_MAX_BLOCKS, BUFFER_BLOCKS / (nr + 1) + 1);
	struct era_map *map = calloc(1, sizeof(*map));

	if (map)
		map->writesets = calloc(nr + 1, sizeof(*map->writesets));
	if (!map || !map->writesets) {
		free(map);
		if (base >= 0)
			close(base);
		return report_nomem(view->dev.rep);
	}
	map->view = view;
	map->base = base;
	map->nr_writesets = nr;
	era_cursor_init(&map->array, view, capacity);
	for (size_t i = 0; i < nr; i++)
		writeset_cursor_init(&map->writesets[i], view, &view->writesets[first + nr - 1 - i],
				     capacity);
	*out = map;
	return 0;
}

void era_map_close(struct era_map *map)
{
	if (!map)
		return;
	era_cursor_free(&map->array);
	for (size_t i = 0; i < map->nr_writesets; i++)
		writeset_cursor_free(&map->writesets[i]);
	if (map->base >= 0)
		close(map->base);
	free(map->writesets);
	free(map);
}

static void raise_all(uint32_t eras[BITS_PER_WORD], uint32_t era)
{
	for (unsigned i = 0; i < BITS_PER_WORD; i++)
		raise_u32(&eras[i], era);
}

static void raise_some(uint32_t eras[BITS_PER_WORD], uint64_t hits, uint32_t era)
{
	for (; hits; hits &= hits - 1)
		raise_u32(&eras[__builtin_ctzll(hits)], era);
}

/* Of eras that are only the highest they can be, those are known that a sound word says no less
 * of. */
static void find_lost(uint32_t eras[BITS_PER_WORD], uint64_t hits, uint32_t era, uint64_t *lost)
{
	for (uint64_t left = hits & *lost; left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(left);

		if (era >= eras[bit])
			*lost &= ~(UINT64_C(1) << bit);
	}
}

/* The blocks in hits were written in era, as a sound word says. */
static void name_known(struct era_map *map, uint32_t word, uint64_t hits, uint32_t era)
{
	uint32_t *eras = map->fold.eras + word * BITS_PER_WORD;

	if (map->fold.lost[word])
		find_lost(eras, hits, era, &map->fold.lost[word]);
	if (hits == ~UINT64_C(0))
		raise_all(eras, era);
	else
		raise_some(eras, hits, era);
}

/* The blocks in hits may have been written in era. */
static void name_lost(struct era_map *map, uint32_t word, uint64_t hits, uint32_t era)
{
	uint32_t *eras = map->fold.eras + word * BITS_PER_WORD;

	for (; hits; hits &= hits - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(hits);

		if (era <= eras[bit])
			continue;
		eras[bit] = era;
		map->fold.lost[word] |= UINT64_C(1) << bit;
	}
}

static int fold_writeset(struct era_map *map, struct writeset_cursor *c, uint32_t nr_words)
{
	uint64_t words[CURSOR_MAX_WORDS], lost;
	int r = writeset_cursor_read(c, nr_words, words, &lost);

	if (r)
		return r;
	for (uint32_t i = 0; i < nr_words; i++) {
		uint64_t hits = words[i] & map->todo[i];

		if (!hits)
			continue;
		map->todo[i] &= ~hits;
		if (lost >> i & 1)
			name_lost(map, i, hits, c->ws.era);
		else
			name_known(map, i, hits, c->ws.era);
	}
	return 0;
}

static int finish(struct era_map *map)
{
	int r = map->base < 0 ? era_cursor_finish(&map->array) : 0;

	for (size_t i = 0; i < map->nr_writesets && !r; i++)
		r = writeset_cursor_finish(&map->writesets[i]);
	return r;
}

/* Where the chunk at block `first` lies in a file of folds. */
static off_t fold_place(uint64_t first)
{
	return (off_t)(first / CHUNK_BLOCKS * sizeof(struct fold));
}

static int read_base(struct era_map *map, uint32_t nr)
{
	if (map->base >= 0)
		return scratch_read(map->base, &map->fold, sizeof(map->fold), fold_place(map->next),
				    map->view->dev.rep);
	return era_cursor_read(&map->array, nr, map->fold.eras, map->fold.lost);
}

int era_map_next(struct era_map *map, struct era_chunk *chunk)
{
	uint32_t nr = (uint32_t)min_u64(CHUNK_BLOCKS, map->view->sb.nr_blocks - map->next);
	uint32_t nr_words = (uint32_t)bits_words(nr);
	int r;

	if (!nr)
		return finish(map);
	r = read_base(map, nr);
	memset(map->todo, 0xff, sizeof(map->todo));
	map->todo[nr_words - 1] = bits_last_mask(nr);
	for (size_t i = 0; i < map->nr_writesets && !r; i++)
		r = fold_writeset(map, &map->writesets[i], nr_words);
	if (r)
		return r;
	*chunk = (struct era_chunk){map->next, nr, map->fold.eras, map->fold.lost};
	map->next += nr;
	return 1;
}

static int write_folds(struct era_map *map, int fd)
{
	struct era_chunk chunk;
	int r;

	while ((r = era_map_next(map, &chunk)) > 0) {
		r = scratch_write(fd, &map->fold, sizeof(map->fold), fold_place(chunk.first),
				  map->view->dev.rep);
		if (r)
			return r;
	}
	return r;
}

/* Folds MAX_CURSORS writesets from first on over the file `base`, or the array, into a new file.
 * It closes base; a file descriptor or an error. */
static int pass(struct era_view *view, size_t first, int base)
{
	struct era_map *map;
	int fd, r = create(&map, view, first, MAX_CURSORS, base);

	if (r)
		return r;
	fd = scratch_open(view->dev.rep);
	r = fd < 0 ? fd : write_folds(map, fd);
	era_map_close(map);
	if (r && fd >= 0)
		close(fd);
	return r ? r : fd;
}

int era_map_open(struct era_map **map, struct era_view *view)
{
	size_t first = 0;
	int base = -1;

	while (view->nr_writesets - first > MAX_CURSORS) {
		base = pass(view, first, base);
		if (base < 0)
			return base;
		first += MAX_CURSORS;
	}
	return create(map, view, first, view->nr_writesets - first, base);
}

int era_map_read(struct era_view *view, int (*on_chunk)(void *ctx, const struct era_chunk *chunk),
		 void *ctx)
{
	struct era_chunk chunk;
	struct era_map *map;
	int r = era_map_open(&map, view);

	if (r)
		return r;
	while ((r = era_map_next(map, &chunk)) > 0) {
		r = on_chunk(ctx, &chunk);
		if (r)
			break;
	}
	era_map_close(map);
	return r;
}
