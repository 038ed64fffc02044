/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* With both devices stopped: what was written is listed, stale mappings go, blocks are marked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/hash.h"
#include "base/scratch.h"
#include "block/dev.h"
#include "cache/stale.h"
#include "dm/suspend.h"
#include "dmera.h"
#include "dmera/own.h"
#include "era_rollback/rollback.h"
#include "live/marking.h"

#define SECTOR 512u
#define META_BYTES 4096u
#define COPY_BLOCKS 64u

struct work {
	struct rollback *r;
	const struct work_paths *paths;
	struct changes changes;
	uint64_t cache_block_size;
	bool drops_dirty;	       /* those of a crash say nothing */
	struct comparison *comparison; /* NULL: the metadata tell all */
	uint64_t nr_differing;	       /* cache blocks, apart from those that were listed */
	int error;		       /* of a choice */
};

static int count_since(struct dmera *era, uint32_t since, const struct dmera_facts *facts,
		       uint64_t *nr)
{
	struct dmera_changes *found;
	int e = dmera_changes_in_blocks(era, since, &found);

	if (e)
		return e;
	*nr = bits_count(dmera_changes_bits(found), facts->nr_blocks);
	dmera_changes_free(found);
	return 0;
}

/* Each start of the era device begins an era, so what was written after the marks has a later one,
 * and metadata of an earlier one are not those that were marked.  After a crash the kernel writes
 * all of the cache to the origin, which looks like any other write. */
static int look_at_use(struct work *w, struct dmera *era)
{
	struct rollback *r = w->r;
	struct dmera_facts facts;
	uint64_t nr = 0;
	int e;

	if (!r->marks || r->passes_discards)
		return 0;
	e = dmera_open(era, w->paths->era, 0);
	if (!e)
		e = dmera_get_facts(era, &facts, sizeof(facts));
	if (!e && facts.era > r->marks)
		e = count_since(era, r->marks + 1, &facts, &nr);
	dmera_close(era);
	if (!e && facts.era >= r->marks)
		r->use = !nr ? USE_NONE : r->is_this_boot ? USE_WRITTEN : USE_UNKNOWN;
	return e;
}

/* Tables that were given may not be those of the metadata; then no device could be created. */
static int check_block_size(const struct work *w, const struct dmera_facts *facts)
{
	uint32_t sectors = w->r->era_table.block_sectors;

	if (facts->block_size == (uint64_t)sectors * SECTOR)
		return 0;
	return report_fail(w->r->rep, ERA_DAMAGED,
			   "%s: era metadata of blocks of %" PRIu64
			   " sectors, but the table has %" PRIu32,
			   w->paths->era, facts->block_size / SECTOR, sectors);
}

static int list(struct work *w, struct dmera *era)
{
	struct rollback *r = w->r;
	struct dmera_changes *found;
	struct dmera_facts facts;
	int e = dmera_open(era, w->paths->era, 0);

	if (!e)
		e = dmera_get_facts(era, &facts, sizeof(facts));
	if (!e)
		e = check_block_size(w, &facts);
	if (!e)
		e = dmera_changes_in_blocks(era, rollback_era(r), &found);
	dmera_close(era);
	if (e)
		return e;
	r->nr_blocks = facts.nr_blocks;
	r->block_size = facts.block_size;
	free(r->marked);
	r->marked = bits_copy(dmera_changes_bits(found), facts.nr_blocks);
	dmera_changes_free(found);
	if (!r->marked)
		return report_nomem(r->rep);
	r->nr_marked = bits_count(r->marked, r->nr_blocks);
	e = storage_choose(r);
	if (r->passes_discards || r->marks_all) {
		bits_set_range(r->marked, 0, r->nr_blocks);
		r->nr_marked = r->nr_blocks;
	}
	w->changes = (struct changes){.bits = r->marked,
				      .nr_blocks = (uint32_t)r->nr_blocks,
				      .block_size = r->block_size};
	return e;
}

static int list_with_witness(struct work *w)
{
	const char *path = w->r->options->witness;
	struct dmera_witness *witness = NULL;
	struct dmera *era = dmera_create();
	int e = 0;

	if (!era)
		return report_nomem(w->r->rep);
	tool_listen(w->r->tool, era);
	e = look_at_use(w, era);
	if (!e && path)
		e = dmera_witness_load(era, path, &witness);
	dmera_set_witness(era, witness);
	if (!e)
		e = list(w, era);
	dmera_set_witness(era, NULL);
	dmera_witness_free(witness);
	dmera_destroy(era);
	return e;
}

/* What of the cache can't be known; NULL: nothing.  What a dry run finds dirty, another run cleans:
 * then it counts as written, and is dropped. */
static const char *doubt(const struct work *w, const struct cache_rebuild_facts *facts)
{
	bool writes_back = w->r->cache_table.mode == CACHE_WRITEBACK;
	bool will_clean = w->r->options->dry_run && w->r->cache.active;

	if (!facts->cache.is_clean && writes_back)
		return "the cache is in writeback mode and was not stopped cleanly, so nothing "
		       "shows which of its blocks were dirty";
	if (!w->r->is_trusted && writes_back)
		return "the cache is in writeback mode and not active, and whether it was stopped "
		       "cleanly can't be told: activate it first";
	if (facts->cache.is_clean && facts->nr_dirty && !will_clean)
		return "the cache has dirty blocks, writes that the origin has not seen: activate "
		       "it first, and they are written";
	return NULL;
}

static int refuse_cache(const struct work *w, const struct cache_rebuild_facts *facts)
{
	const struct rollback *r = w->r;
	const char *why = doubt(w, facts);
	int e = cache_refuse_unchecked(&facts->cache, w->paths->cache, r->rep);

	if (e)
		return e;
	if (facts->cache.block_size != r->cache_table.block_sectors)
		return report_fail(r->rep, ERA_DAMAGED,
				   "%s: cache metadata of blocks of %" PRIu32
				   " sectors, but the table has %" PRIu32,
				   w->paths->cache, facts->cache.block_size,
				   r->cache_table.block_sectors);
	if (!why || r->drops_all)
		return 0;
	return report_fail(r->rep, ERA_NO_ANSWER,
			   "%s: %s; or --drop-all, which empties the cache and gives up what only "
			   "it has",
			   r->cache.name, why);
}

/* Of a block that the era device has not marked. */
static bool is_like_origin(struct work *w, const struct cache_mapping *mapping)
{
	bool same = false;

	if (!w->comparison)
		return true;
	if (!w->error)
		w->error = comparison_ask(w->comparison, mapping, &same);
	w->nr_differing += !same;
	return same;
}

static bool keep(void *ctx, const struct cache_mapping *mapping)
{
	struct work *w = ctx;
	bool stays = !w->r->drops_all && !(w->drops_dirty && mapping->dirty) &&
		     !cache_is_changed(&w->changes, w->cache_block_size, mapping->origin_block) &&
		     is_like_origin(w, mapping);

	if (stays && !w->error && !w->r->options->quick)
		w->error = storage_keep(w->r, mapping->origin_block, w->cache_block_size);
	return stays;
}

/* What the metadata tell is enough of a cache that was seen to stop, unless the origin may be that
 * of another snapshot already: then what stays in the cache shows it. */
static bool must_compare(const struct rollback *r, bool is_clean)
{
	if (r->drops_all)
		return false;
	if (!r->is_trusted || !is_clean)
		return true;
	return r->was_used || ((r->options->done || r->resumes) && !r->options->quick);
}

/* Makes the new metadata on their stage. */
static int make(struct work *w, struct cache_rebuild *rebuild)
{
	const struct cache_choice choice = {w, keep};
	const struct cache_rebuild_facts *facts = cache_rebuild_facts(rebuild);
	struct rollback *r = w->r;
	int e = 0;

	w->drops_dirty = facts->cache.is_clean;
	if (must_compare(r, facts->cache.is_clean))
		e = comparison_open(r, facts->nr_mapped, &w->comparison);
	if (!e)
		e = cache_rebuild_make(rebuild, &choice);
	comparison_close(w->comparison);
	w->comparison = NULL;
	return e ? e : w->error;
}

static int mark(struct work *w)
{
	struct rollback *r = w->r;
	struct blk_dev dev;
	int e = blk_dev_open(&dev, w->paths->era, BLK_WRITE, r->rep);

	if (e)
		return e;
	e = era_mark_blocks(&dev, r->marked, 0, &r->marked_era);
	blk_dev_close(&dev);
	r->nr_marked = bits_count(r->marked, r->nr_blocks);
	return e;
}

static int add_superblock(const struct rollback *r, const char *numbers, void *block,
			  uint64_t *hash)
{
	int e = 0, fd = mapper_open_device(r->mapper, numbers, O_RDONLY | O_DIRECT);

	if (fd < 0)
		return ERA_SYS;
	if (pread(fd, block, META_BYTES, 0) == META_BYTES)
		*hash = hash_mix(*hash) ^ hash_bytes(block, META_BYTES);
	else
		e = report_errno(r->rep, numbers, "cannot read its superblock");
	close(fd);
	return e;
}

static int hash_superblocks(const struct rollback *r, uint64_t *hash)
{
	void *block = blk_alloc(1);
	int e;

	if (!block)
		return report_nomem(r->rep);
	*hash = 0;
	e = add_superblock(r, r->cache_table.metadata, block, hash);
	if (!e)
		e = add_superblock(r, r->era_table.metadata, block, hash);
	free(block);
	return e;
}

int work_look_whether_used(struct rollback *r)
{
	uint64_t now = 0;
	int e = parts_find(r);

	if (!e)
		e = hash_superblocks(r, &now);
	r->was_used = e || now != r->written;
	return e;
}

/* Whatever this is stopped at, each of the two is right for the origin before and after COMMAND. */
static int write_all(struct work *w, struct cache_rebuild *rebuild)
{
	struct rollback *r = w->r;
	int e = storage_sample(r);

	r->marks = 0;
	if (!e)
		e = progress_write(r, STEP_READY);
	if (!e)
		e = cache_rebuild_commit(rebuild);
	return e ? e : mark(w);
}

/* What an earlier run has finished is the rollback that is asked for now if nothing was written
 * since, to the cache alone either; otherwise another one is. */
static bool is_over(struct rollback *r, const struct cache_rebuild_facts *facts)
{
	if (!r->was_done)
		return false;
	r->was_done = false;
	r->is_over =
		r->is_trusted && r->use == USE_NONE && facts->cache.is_clean && !facts->nr_dirty;
	if (!r->is_over)
		tool_say(r->tool,
			 "%s: an earlier run has rolled the storage back to era %" PRIu32
			 ", and it may have been written to since: it is rolled back again",
			 r->cache.name, r->since);
	return r->is_over;
}

static int choose(struct work *w, struct cache_rebuild *rebuild)
{
	struct rollback *r = w->r;
	const struct cache_rebuild_facts *facts = cache_rebuild_facts(rebuild);
	int e = refuse_cache(w, facts);

	if (e || is_over(r, facts))
		return e;
	w->cache_block_size = (uint64_t)facts->cache.block_size * SECTOR;
	e = make(w, rebuild);
	r->nr_mapped = facts->nr_mapped;
	r->nr_dirty = facts->cache.is_clean ? facts->nr_dirty : 0;
	r->nr_kept = facts->nr_kept;
	r->is_another = w->nr_differing && r->is_trusted && facts->cache.is_clean && !r->was_used;
	if (e)
		return e;
	rollback_say(r, "%s: %" PRIu64 " of %" PRIu64 " mappings are dropped, %" PRIu64 " stay",
		     r->cache.name, r->nr_mapped - r->nr_kept, r->nr_mapped, r->nr_kept);
	if (w->nr_differing && !r->is_another)
		report_note(r->rep,
			    "%s: %" PRIu64 " cache blocks are not what the origin has, though no "
			    "write of them was seen, as after a crash: they are dropped, too",
			    r->cache.name, w->nr_differing);
	rollback_say(r,
		     "%s: %" PRIu64 " of %" PRIu64 " blocks of %" PRIu64
		     " bytes are marked as written",
		     r->era.name, r->nr_marked, r->nr_blocks, r->block_size);
	return r->options->dry_run ? 0 : write_all(w, rebuild);
}

static int rebuild_cache(struct work *w)
{
	struct cache_rebuild *rebuild;
	struct blk_dev dev;
	int e = blk_dev_open(&dev, w->paths->cache, BLK_WRITE, w->r->rep);

	if (e)
		return e;
	e = cache_rebuild_open(&rebuild, &dev);
	if (!e) {
		e = choose(w, rebuild);
		cache_rebuild_close(rebuild);
	}
	blk_dev_close(&dev);
	return e;
}

static int find_paths(const struct rollback *r, struct work_paths *paths)
{
	int e = mapper_device_path(r->mapper, r->era_table.metadata, paths->era);

	return e ? e : mapper_device_path(r->mapper, r->cache_table.metadata, paths->cache);
}

int work_prepare(struct rollback *r, const struct work_paths *paths)
{
	struct work_paths own;
	struct work w = {.r = r, .paths = paths};
	int e = paths ? 0 : find_paths(r, &own);

	if (!paths)
		w.paths = &own;
	if (!e)
		e = list_with_witness(&w);
	if (!e)
		e = rebuild_cache(&w);
	return e || r->options->dry_run ? e : hash_superblocks(r, &r->written);
}

/* The copies of a dry run. */
struct copies {
	struct work_paths from;
	int era, cache; /* nameless files */
};

static int copy_blocks(struct blk_dev *dev, int to)
{
	uint64_t at = 0;
	void *data = blk_alloc(COPY_BLOCKS);
	int e = data ? 0 : ENOMEM;

	while (!e && (at = blk_dev_find_data(dev, at)) < dev->nr_blocks) {
		uint64_t nr = min_u64(COPY_BLOCKS, dev->nr_blocks - at);
		ssize_t len = (ssize_t)(nr * META_BYTES);

		e = blk_dev_read(dev, at, nr, data);
		if (!e && pwrite(to, data, (size_t)len, (off_t)(at * META_BYTES)) != len)
			e = errno ? errno : EIO;
		at += nr;
	}
	if (!e && ftruncate(to, (off_t)(dev->nr_blocks * META_BYTES)))
		e = errno;
	free(data);
	return e;
}

static int copy(const char *path, int to)
{
	struct blk_dev dev;
	int e;

	if (blk_dev_open(&dev, path, BLK_READ_SHARED, NULL))
		return EIO;
	e = copy_blocks(&dev, to);
	blk_dev_close(&dev);
	return e;
}

/* A suspended cache has written its metadata, and nobody else writes to the era device. */
static int copy_both(struct mapper *m, const char *name, void *ctx)
{
	const struct copies *copies = ctx;
	int e = copy(copies->from.era, copies->era);

	(void)m;
	(void)name;
	return e ? e : copy(copies->from.cache, copies->cache);
}

static int copy_suspended(struct rollback *r, struct copies *copies)
{
	const struct suspension suspension = {.name = r->cache.name,
					      .lockfs = true,
					      .work = copy_both,
					      .ctx = copies};
	struct work_paths paths;
	int e = find_paths(r, &copies->from);

	if (!e)
		e = mapper_while_suspended(r->mapper, &suspension);
	if (e)
		return e;
	snprintf(paths.era, sizeof(paths.era), "/proc/self/fd/%d", copies->era);
	snprintf(paths.cache, sizeof(paths.cache), "/proc/self/fd/%d", copies->cache);
	return work_prepare(r, &paths);
}

int work_dry(struct rollback *r)
{
	struct copies copies = {.era = -1, .cache = -1};
	int e = 0;

	if (!r->cache.active && !r->era.active)
		return work_prepare(r, NULL);
	copies.era = scratch_open(r->rep);
	copies.cache = scratch_open(r->rep);
	if (copies.era < 0 || copies.cache < 0)
		e = ERA_SYS;
	r->is_trusted = true;
	if (!e)
		e = copy_suspended(r, &copies);
	if (copies.era >= 0)
		close(copies.era);
	if (copies.cache >= 0)
		close(copies.cache);
	return e;
}
