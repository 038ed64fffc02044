/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The mappings are streamed.  What is remembered of them is one bit per cache block; the XML of
 * those that stay waits in a nameless temporary file until the last one has been read.
 *
 * If there is both XML and the cache's metadata, they are read side by side in the order of cache
 * blocks and compared.
 */
#include "cache/stale.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/next_step.h"
#include "cache/growing_bits.h"
#include "cache/mappings.h"
#include "ondisk/era_disk.h"
#include "xml/escape.h"

#define DIRTY_NAMED 20u
#define LINE_BYTES 1024u /* of a line of messages, at most */

struct cache_job {
	const struct cache_question *question;
	uint64_t block_size; /* of the cache, bytes */
	uint32_t nr_cache_blocks;
	struct growing_bits stale;
	struct cache_metadata *other; /* that the mappings are compared with, or NULL */
	uint64_t nr_dirty;
	struct sink spool; /* of the XML that stays */
	bool has_hints;
};

static bool want_xml(const struct cache_job *job)
{
	return job->question->format == CACHE_XML;
}

static int check_sizes(const struct cache_job *job, const struct cache_header *header)
{
	const struct cache_facts *facts = job->other ? cache_metadata_facts(job->other) : NULL;

	if (!facts || (facts->block_size == header->block_size &&
		       facts->nr_cache_blocks == header->nr_cache_blocks))
		return 0;
	return report_fail(job->question->rep, ERA_NO_ANSWER,
			   "the mappings are of a cache of %" PRIu32 " blocks of %" PRIu32
			   " sectors, the cache metadata of one of %" PRIu32 " blocks of %" PRIu32
			   " sectors: " NEXT_DUMP_CACHE,
			   header->nr_cache_blocks, header->block_size, facts->nr_cache_blocks,
			   facts->block_size);
}

static int on_begin(void *ctx, const struct cache_header *header)
{
	struct cache_job *job = ctx;
	int r = check_sizes(job, header);

	if (r)
		return r;
	job->block_size = (uint64_t)header->block_size * SECTOR_SIZE;
	job->nr_cache_blocks = header->nr_cache_blocks;
	if (!want_xml(job))
		return 0;
	sink_printf(&job->spool, "<superblock uuid=\"");
	xml_put_escaped(&job->spool, header->uuid);
	sink_printf(&job->spool,
		    "\" block_size=\"%" PRIu32 "\" nr_cache_blocks=\"%" PRIu32 "\" policy=\"",
		    header->block_size, header->nr_cache_blocks);
	xml_put_escaped(&job->spool, header->policy);
	sink_printf(&job->spool, "\" hint_width=\"%" PRIu32 "\">\n  <mappings>\n",
		    header->hint_width);
	return sink_failed(&job->spool);
}

bool cache_is_changed(const struct changes *changes, uint64_t block_size, uint64_t origin_block)
{
	uint64_t begin, end, first, last;

	if (!checked_mul(origin_block, block_size, &begin) || !checked_add(begin, block_size, &end))
		return true;
	first = begin / changes->block_size;
	last = min_u64(div_up(end, changes->block_size), changes->nr_blocks);
	if (first >= last)
		return true;
	return bits_next_set(changes->bits, first, last) < last;
}

static bool is_stale(struct cache_job *job, const struct cache_mapping *mapping)
{
	if (mapping->dirty) {
		if (job->nr_dirty++ < DIRTY_NAMED && !job->question->allow_dirty)
			report_note(job->question->rep,
				    "cache block %" PRIu32 " (origin block %" PRIu64 ") is dirty",
				    mapping->cache_block, mapping->origin_block);
		return true;
	}
	return cache_is_changed(job->question->changes, job->block_size, mapping->origin_block);
}

static void mapping_text(const struct cache_mapping *mapping, char *text, size_t size)
{
	snprintf(text, size, "cache block %" PRIu32 " of origin block %" PRIu64 "%s",
		 mapping->cache_block, mapping->origin_block, mapping->dirty ? ", dirty" : "");
}

/* NULL stands for the end of the mappings. */
static int not_the_same(const struct cache_job *job, const struct cache_mapping *found,
			const struct cache_mapping *wanted)
{
	char texts[2][LINE_BYTES] = {"the end", "the end"};

	if (found)
		mapping_text(found, texts[0], sizeof(texts[0]));
	if (wanted)
		mapping_text(wanted, texts[1], sizeof(texts[1]));
	return report_fail(
		job->question->rep, ERA_NO_ANSWER,
		"the mappings are not those of the cache metadata: found %s, wanted %s: %s",
		texts[0], texts[1], NEXT_DUMP_CACHE);
}

/* The next mapping in the metadata must be this one, too.  Whether it is dirty is taken from there,
 * since not every release of cache_dump reads the dirty bits of version 2. */
static int compare_mapping(const struct cache_job *job, struct cache_mapping *mapping)
{
	bool own_bits = cache_metadata_facts(job->other)->has_dirty_bits;
	struct cache_mapping own;
	int r = cache_metadata_next(job->other, &own);

	if (r < 0)
		return r;
	if (!r)
		return not_the_same(job, mapping, NULL);
	if (own.cache_block != mapping->cache_block || own.origin_block != mapping->origin_block ||
	    (own.dirty != mapping->dirty && !(own.dirty && own_bits)))
		return not_the_same(job, mapping, &own);
	mapping->dirty = own.dirty;
	return 0;
}

static int on_mapping(void *ctx, const struct cache_mapping *told)
{
	struct cache_job *job = ctx;
	struct cache_mapping copy = *told, *mapping = &copy;
	int r = job->other ? compare_mapping(job, mapping) : 0;

	if (r)
		return r;
	if (is_stale(job, mapping)) {
		if (!growing_bits_set(&job->stale, mapping->cache_block, job->nr_cache_blocks))
			return report_nomem(job->question->rep);
	} else if (want_xml(job))
		sink_printf(&job->spool,
			    "    <mapping cache_block=\"%" PRIu32 "\" origin_block=\"%" PRIu64
			    "\" dirty=\"false\"/>\n",
			    mapping->cache_block, mapping->origin_block);
	return sink_failed(&job->spool);
}

static int on_hints_begin(void *ctx)
{
	struct cache_job *job = ctx;

	job->has_hints = true;
	if (want_xml(job))
		sink_printf(&job->spool, "  </mappings>\n  <hints>\n");
	return sink_failed(&job->spool);
}

static int on_hint(void *ctx, uint32_t cache_block, const char *data)
{
	struct cache_job *job = ctx;

	if (growing_bits_test(&job->stale, cache_block))
		return 0;
	sink_printf(&job->spool, "    <hint cache_block=\"%" PRIu32 "\" data=\"", cache_block);
	xml_put_escaped(&job->spool, data);
	sink_printf(&job->spool, "\"/>\n");
	return sink_failed(&job->spool);
}

/* The metadata must have no more mappings, and be sound. */
static int end_comparison(const struct cache_job *job)
{
	struct cache_mapping own;
	int r = cache_metadata_next(job->other, &own);

	if (r > 0)
		return not_the_same(job, NULL, &own);
	return r ? r : cache_metadata_finish(job->other, NULL, NULL);
}

static int on_end(void *ctx)
{
	struct cache_job *job = ctx;
	int r = job->other ? end_comparison(job) : 0;

	if (r)
		return r;
	if (want_xml(job))
		sink_printf(&job->spool, "  </%s>\n</superblock>\n",
			    job->has_hints ? "hints" : "mappings");
	return sink_failed(&job->spool);
}

/* A line is full when the longest argument might not fit any more. */
static void write_messages(const struct cache_job *job, struct sink *sink)
{
	const uint64_t *stale = job->stale.words;
	uint64_t nr = job->stale.nr_bits, begin = bits_next_set(stale, 0, nr);
	size_t line = 0;

	while (begin < nr && !sink_failed(sink)) {
		uint64_t end = bits_next_clear(stale, begin, nr);
		char argument[64];
		int len = snprintf(argument, sizeof(argument),
				   end - begin == 1 ? " %" PRIu64 : " %" PRIu64 "-%" PRIu64, begin,
				   end);

		if (line + (size_t)len >= LINE_BYTES) {
			sink_printf(sink, "\n");
			line = 0;
		}
		if (!line) {
			sink_printf(sink, "invalidate_cblocks");
			line = strlen("invalidate_cblocks");
		}
		sink_write(sink, argument, (size_t)len);
		line += (size_t)len;
		begin = bits_next_set(stale, end, nr);
	}
	if (line)
		sink_printf(sink, "\n");
}

static int answer(struct cache_job *job, struct sink *sink)
{
	const struct cache_question *question = job->question;

	if (job->nr_dirty && !question->allow_dirty)
		return report_fail(
			question->rep, ERA_NO_ANSWER,
			"%" PRIu64 " dirty cache blocks: the cache holds writes that "
			"dm-era has not seen; flush it first (policy cleaner), or drop them "
			"(--allow-dirty)",
			job->nr_dirty);
	if (want_xml(job))
		return sink_unspool(&job->spool, sink);
	write_messages(job, sink);
	return sink_failed(sink);
}

int cache_write_stale(struct source *mappings, const struct cache_question *question,
		      struct sink *sink)
{
	struct cache_job job = {
		.question = question,
		.other = mappings ? question->metadata : NULL,
	};
	const struct cache_stream stream = {
		.ctx = &job,
		.begin = on_begin,
		.mapping = on_mapping,
		.hints_begin = on_hints_begin,
		.hint = want_xml(&job) ? on_hint : NULL,
		.end = on_end,
	};
	int r = sink_open_spool(&job.spool, question->rep);

	if (!r)
		r = mappings ? cache_read(mappings, &stream)
			     : cache_metadata_read(question->metadata, &stream);
	if (!r)
		r = answer(&job, sink);
	sink_close(&job.spool);
	growing_bits_free(&job.stale);
	return r;
}
