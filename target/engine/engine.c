/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/engine/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "build/format.h"
#include "ondisk/era_disk.h"
#include "target/engine/engine_internal.h"

#define DEFAULT_CACHE_BLOCKS 2048u
#define DEFAULT_SPACE_WAIT_MS 10000u
#define DEFAULT_DOUBT_MS 60000u

static void keep_error(struct engine *e, const char *text)
{
	engine_lock(e);
	text_copy(e->last_error, sizeof(e->last_error), text);
	engine_unlock(e);
}

static void on_problem(void *ctx, const struct problem *p)
{
	char line[PROBLEM_LINE_MAX];
	struct engine *e = ctx;

	problem_line(p, line, sizeof(line));
	keep_error(e, line);
	report_problem(e->user, p);
}

static void on_error(void *ctx, const char *text)
{
	struct engine *e = ctx;

	keep_error(e, text);
	report_fail(e->user, 0, "%s", text);
}

static void on_note(void *ctx, const char *text)
{
	struct engine *e = ctx;

	report_note(e->user, "%s", text);
}

static void init_locks(struct engine *e)
{
	turns_init(&e->turns);
	pthread_mutex_init(&e->messages, NULL);
	pthread_mutex_init(&e->lock, NULL);
	clock_init_cond(&e->markers_done);
	clock_init_cond(&e->drained);
	clock_init_cond(&e->digester_wake);
	clock_init_cond(&e->digested);
	clock_init_cond(&e->unpaused);
}

static void destroy_locks(struct engine *e)
{
	turns_destroy(&e->turns);
	pthread_mutex_destroy(&e->messages);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->markers_done);
	pthread_cond_destroy(&e->drained);
	pthread_cond_destroy(&e->digester_wake);
	pthread_cond_destroy(&e->digested);
	pthread_cond_destroy(&e->unpaused);
}

static struct engine *create(const struct engine_config *config)
{
	struct engine *e = aligned_alloc(CACHE_LINE, sizeof(*e));

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->dev.fd = -1;
	init_locks(e);
	e->rep = (struct report){.ctx = e,
				 .problem = on_problem,
				 .error = on_error,
				 .note = on_note};
	e->user = config->rep;
	e->manual_digest = config->manual_digest;
	e->space_wait_ms = config->space_wait_ms ? config->space_wait_ms : DEFAULT_SPACE_WAIT_MS;
	e->tells = config->tells;
	atomic_store(&e->begun_ms, clock_ms());
	e->doubt_ms = config->doubt_ms ? config->doubt_ms : DEFAULT_DOUBT_MS;
	e->flush_origin = config->flush_origin;
	e->origin = config->origin;
	e->origin_name = strdup(config->origin_name ? config->origin_name : "");
	if (e->origin_name)
		return e;
	engine_close(e);
	return NULL;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	engine_stop_digester(e);
	era_live_close(e->live);
	blk_dev_close(&e->dev);
	destroy_locks(e);
	engine_forget_doubt(e);
	free(e->marked);
	free(e->metadata_name);
	free(e->origin_name);
	free(e);
}

static int check_block_size(const struct engine *e, uint32_t sectors, const char *whose)
{
	if (sectors % DATA_BLOCK_MIN_SECTORS == 0)
		return 0;
	return report_fail(&e->rep, ERA_SYS,
			   "%s: found %" PRIu32 " sectors, wanted a multiple of %u", whose, sectors,
			   DATA_BLOCK_MIN_SECTORS);
}

static int format_if_blank(struct engine *e, const struct engine_config *config)
{
	int blank = era_is_blank(&e->dev);

	if (blank <= 0)
		return blank;
	if (config->format && !config->block_sectors)
		return report_fail(&e->rep, ERA_SYS,
				   "%s: the size of a data block must be given to make "
				   "metadata",
				   e->dev.path);
	if (config->format)
		return era_format(&e->dev, config->block_sectors,
				  config->first_era ? config->first_era - 1 : 0);
	return report_fail(
		&e->rep, ERA_SYS,
		"%s: has no metadata, its first block is zero, and formatting was not asked for",
		e->dev.path);
}

static int load(struct engine *e, const struct engine_config *config)
{
	int r = check_block_size(e, config->block_sectors, "data block size");

	if (!r)
		r = format_if_blank(e, config);
	if (!r)
		r = era_live_open(&e->live, &e->dev,
				  config->cache_blocks ? config->cache_blocks
						       : DEFAULT_CACHE_BLOCKS);
	if (r)
		return r;
	e->block_bytes = superblock_block_bytes(era_live_sb(e->live));
	if (!config->block_sectors ||
	    era_live_sb(e->live)->data_block_size == config->block_sectors)
		return 0;
	return report_fail(&e->rep, ERA_SYS,
			   "%s: data block size: found %" PRIu32 " sectors, wanted %" PRIu32,
			   e->dev.path, era_live_sb(e->live)->data_block_size,
			   config->block_sectors);
}

/* The device is e's already. */
static int finish_open(struct engine **out, struct engine *e, const struct engine_config *config)
{
	int r = load(e, config);

	if (!r) {
		e->metadata_name = strdup(e->dev.path);
		r = e->metadata_name ? 0 : report_nomem(&e->rep);
	}
	if (r) {
		engine_close(e);
		return r;
	}
	engine_show(e);
	*out = e;
	return 0;
}

int engine_open(struct engine **out, const struct engine_config *config)
{
	struct engine *e = create(config);
	int r;

	if (!e)
		return report_nomem(config->rep);
	r = blk_dev_open(&e->dev, config->metadata, BLK_WRITE, &e->rep);
	if (!r)
		return finish_open(out, e, config);
	engine_close(e);
	return r;
}

int engine_open_dev(struct engine **out, struct blk_dev *dev, const struct engine_config *config)
{
	struct engine *e = create(config);

	if (!e) {
		blk_dev_close(dev);
		return report_nomem(config->rep);
	}
	e->dev = *dev;
	e->dev.rep = &e->rep;
	*dev = (struct blk_dev){.fd = -1};
	return finish_open(out, e, config);
}

void engine_status(struct engine *e, char *line, size_t size)
{
	engine_lock(e);
	if (*e->why)
		text_format(line, size, "Error: %s", e->why);
	else
		engine_status_line(line, size, &e->figures);
	engine_unlock(e);
}

bool engine_is_read_only(struct engine *e)
{
	bool failed;

	engine_lock(e);
	failed = *e->why;
	engine_unlock(e);
	return failed;
}

void engine_table(struct engine *e, char *line, size_t size)
{
	engine_table_line(line, size, e->metadata_name, e->origin_name,
			  e->block_bytes / SECTOR_SIZE);
}

const char *engine_metadata_name(const struct engine *e)
{
	return e->metadata_name;
}

uint32_t engine_era(struct engine *e)
{
	uint32_t era;

	engine_lock(e);
	era = e->figures.era;
	engine_unlock(e);
	return era;
}

uint32_t engine_nr_blocks(const struct engine *e)
{
	return e->nr_blocks;
}

uint64_t engine_block_bytes(const struct engine *e)
{
	return e->block_bytes;
}

uint64_t engine_origin_bytes(const struct engine *e)
{
	return e->origin_bytes;
}

void engine_stats(struct engine *e, struct engine_stats *stats)
{
	engine_lock(e);
	*stats = e->stats;
	stats->used = e->figures.used;
	stats->total = e->figures.total;
	stats->spare = e->figures.spare;
	stats->has_snapshot = e->figures.snapshot;
	stats->era = e->figures.era;
	stats->origin_bytes = e->origin_bytes;
	stats->is_read_only = *e->why;
	engine_unlock(e);
	stats->origin_flushes = histogram_total(&stats->origin_flush);
	stats->in_flight = engine_nr_in_flight(e);
	stats->is_unflushed = atomic_load(&e->is_unflushed);
	stats->is_paused = engine_is_paused(e);
}
