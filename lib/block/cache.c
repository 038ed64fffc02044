/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A hash table with a list in the order of use.  Dirty blocks are written together: those that lie
 * side by side on the device go out in one write, through a buffer.
 */
#include "block/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "block/validate.h"
#include "ondisk/era_disk.h"

#define RUN_BLOCKS BUFFER_SIZE(64u, 4u)

struct cached_blk {
	uint64_t nr;
	enum block_type type;
	bool dirty;
	void *data;
	struct cached_blk *chain;	  /* of its bucket */
	struct cached_blk *newer, *older; /* of the list of use */
};

static int no_memory(struct blk_cache *cache)
{
	return report_nomem(cache->dev->rep);
}

int blk_cache_open(struct blk_cache *cache, struct blk_dev *dev, uint32_t capacity)
{
	uint32_t nr_buckets = 1;

	while (nr_buckets < capacity)
		nr_buckets *= 2;
	*cache =
		(struct blk_cache){.dev = dev, .capacity = capacity, .bucket_mask = nr_buckets - 1};
	cache->buckets = calloc(nr_buckets, sizeof(struct cached_blk *));
	cache->run = blk_alloc(RUN_BLOCKS);
	if (cache->buckets && cache->run)
		return 0;
	blk_cache_close(cache);
	return report_nomem(dev->rep);
}

static void destroy(struct cached_blk *entry)
{
	if (entry)
		free(entry->data);
	free(entry);
}

void blk_cache_close(struct blk_cache *cache)
{
	while (cache->newest) {
		struct cached_blk *entry = cache->newest;

		cache->newest = entry->older;
		destroy(entry);
	}
	free(cache->buckets);
	free(cache->run);
	*cache = (struct blk_cache){0};
}

static struct cached_blk **bucket(struct blk_cache *cache, uint64_t nr)
{
	return &cache->buckets[nr & cache->bucket_mask];
}

static void list_add(struct blk_cache *cache, struct cached_blk *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void list_remove(struct blk_cache *cache, struct cached_blk *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

/* The block, which becomes the one used last; or NULL. */
static struct cached_blk *find(struct blk_cache *cache, uint64_t nr)
{
	struct cached_blk *entry = *bucket(cache, nr);

	while (entry && entry->nr != nr)
		entry = entry->chain;
	if (entry && entry != cache->newest) {
		list_remove(cache, entry);
		list_add(cache, entry);
	}
	return entry;
}

static struct cached_blk *create(uint64_t nr, enum block_type type)
{
	struct cached_blk *entry = malloc(sizeof(*entry));

	if (!entry)
		return NULL;
	*entry = (struct cached_blk){.nr = nr, .type = type, .data = blk_alloc(1)};
	if (entry->data)
		return entry;
	free(entry);
	return NULL;
}

static void insert(struct blk_cache *cache, struct cached_blk *entry)
{
	struct cached_blk **chain = bucket(cache, entry->nr);

	entry->chain = *chain;
	*chain = entry;
	list_add(cache, entry);
	cache->nr++;
}

static void take_out(struct blk_cache *cache, struct cached_blk *entry)
{
	struct cached_blk **link = bucket(cache, entry->nr);

	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	list_remove(cache, entry);
	cache->nr--;
	cache->nr_dirty -= entry->dirty;
}

static void make_dirty(struct blk_cache *cache, struct cached_blk *entry)
{
	cache->nr_dirty += !entry->dirty;
	entry->dirty = true;
}

static int read_entry(struct blk_cache *cache, struct cached_blk *entry, struct problem *p)
{
	int error = blk_dev_read(cache->dev, entry->nr, 1, entry->data);

	if (!error)
		return blk_validate((struct blk_ro){entry->nr, entry->data}, entry->type, p);
	problem_set(p, PROBLEM_READ, entry->nr, (uint64_t)error, 0);
	return ERA_DAMAGED;
}

static int get(struct blk_cache *cache, uint64_t nr, enum block_type type, struct cached_blk **out,
	       struct problem *p)
{
	struct cached_blk *entry = find(cache, nr);
	int r;

	if (entry && entry->type != type) {
		problem_set(p, PROBLEM_TYPE, nr, entry->type, type);
		return ERA_DAMAGED;
	}
	if (!entry) {
		entry = create(nr, type);
		if (!entry)
			return no_memory(cache);
		r = read_entry(cache, entry, p);
		if (r) {
			destroy(entry);
			return r;
		}
		insert(cache, entry);
	}
	*out = entry;
	return 0;
}

int blk_cache_read(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_ro *blk,
		   struct problem *p)
{
	struct cached_blk *entry;
	int r = get(cache, nr, type, &entry, p);

	if (!r)
		*blk = (struct blk_ro){nr, entry->data};
	return r;
}

int blk_cache_edit(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_rw *blk,
		   struct problem *p)
{
	struct cached_blk *entry;
	int r = get(cache, nr, type, &entry, p);

	if (r)
		return r;
	make_dirty(cache, entry);
	*blk = (struct blk_rw){nr, entry->data};
	return 0;
}

int blk_cache_new(struct blk_cache *cache, uint64_t nr, enum block_type type, struct blk_rw *blk)
{
	struct cached_blk *entry = find(cache, nr);

	if (!entry) {
		entry = create(nr, type);
		if (!entry)
			return no_memory(cache);
		insert(cache, entry);
	}
	entry->type = type;
	memset(entry->data, 0, META_BLOCK_SIZE);
	make_dirty(cache, entry);
	*blk = (struct blk_rw){nr, entry->data};
	return 0;
}

void blk_cache_forget(struct blk_cache *cache, uint64_t nr)
{
	struct cached_blk *entry = find(cache, nr);

	if (!entry)
		return;
	take_out(cache, entry);
	destroy(entry);
}

static int by_number(const void *a, const void *b)
{
	const struct cached_blk *const *x = a, *const *y = b;

	return ((*x)->nr > (*y)->nr) - ((*x)->nr < (*y)->nr);
}

/* Writes the first blocks of the list that lie side by side; returns how many, or an error. */
static int write_run(struct blk_cache *cache, struct cached_blk **entries, uint32_t nr)
{
	uint8_t *run = cache->run;
	uint32_t len = 0;
	int r;

	while (len < nr && len < RUN_BLOCKS && entries[len]->nr == entries[0]->nr + len) {
		blk_seal((struct blk_rw){entries[len]->nr, entries[len]->data}, entries[len]->type);
		memcpy(run + (size_t)len * META_BLOCK_SIZE, entries[len]->data, META_BLOCK_SIZE);
		len++;
	}
	r = blk_dev_write(cache->dev, entries[0]->nr, len, run);
	if (r)
		return r;
	for (uint32_t i = 0; i < len; i++)
		entries[i]->dirty = false;
	cache->nr_dirty -= len;
	cache->nr_written += len;
	return (int)len;
}

/* Dirty blocks are among those used last, so the walk is short. */
static uint32_t list_dirty(const struct blk_cache *cache, struct cached_blk **entries)
{
	uint32_t nr = 0;

	for (struct cached_blk *entry = cache->newest; nr < cache->nr_dirty; entry = entry->older)
		if (entry->dirty)
			entries[nr++] = entry;
	return nr;
}

int blk_cache_write(struct blk_cache *cache)
{
	struct cached_blk **entries = calloc(cache->nr_dirty + 1u, sizeof(struct cached_blk *));
	uint32_t nr, done = 0;
	int r = 0;

	if (!entries)
		return no_memory(cache);
	nr = list_dirty(cache, entries);
	if (nr)
		qsort(entries, nr, sizeof(struct cached_blk *), by_number);
	while (r >= 0 && done < nr) {
		r = write_run(cache, entries + done, nr - done);
		done += r > 0 ? (uint32_t)r : 0;
	}
	free(entries);
	return r < 0 ? r : 0;
}

int blk_cache_trim(struct blk_cache *cache)
{
	while (cache->nr > cache->capacity) {
		struct cached_blk *entry = cache->oldest;
		int r = entry->dirty ? blk_cache_write(cache) : 0;

		if (r)
			return r;
		take_out(cache, entry);
		destroy(entry);
	}
	return 0;
}
