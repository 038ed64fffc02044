/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Mappings of a cache, as cache_dump prints them, in both formats.  What stays as XML must be read
 * again, and then all of it stays.  Of the blocks that stay where nothing was changed, those are
 * stale whose bytes were; the others are stale either way.
 *
 * Input: a seed for where to cut (4 bytes), flags (1: dirty blocks are allowed), which origin
 * blocks were changed (8 bytes, one bit per block), then the text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cache/stale.h"
#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text_source.h"

#define ORIGIN_BLOCKS 64u
#define ORIGIN_BLOCK_BYTES (64u * 512u)

enum {
	ALLOW_DIRTY = 1,
};

static int answer(const struct cache_question *question, struct input text, uint32_t cuts,
		  struct memfile *file)
{
	struct source source;
	struct sink sink;
	int r;

	memfile_open(file, NULL, 0);
	must(!sink_open(&sink, file->path, question->rep));
	text_source_open(&source, text, cuts, question->rep);
	r = cache_write_stale(&source, question, &sink);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

/* Of what stays, nothing is stale. */
static void must_stay(const struct cache_question *question, const struct memfile *stays)
{
	struct input text;
	struct memfile again;
	void *data = memfile_read(stays, &text.len);

	text.data = data;
	must(!answer(question, text, 0, &again));
	must(memfile_same(stays, &again));
	memfile_close(&again);
	free(data);
}

/* An answer as a string; free() it. */
static char *answer_text(const struct cache_question *question, struct input text)
{
	struct memfile file;
	size_t len;
	char *answered;

	must(!answer(question, text, 0, &file));
	answered = memfile_read(&file, &len);
	answered[len] = 0;
	memfile_close(&file);
	return answered;
}

/* How many of the blocks from..to - 1 the messages name. */
static uint64_t nr_named(const char *messages, uint64_t from, uint64_t to)
{
	uint64_t begin, end, nr = 0;

	while (*(messages += strcspn(messages, "0123456789"))) {
		char *next;

		begin = strtoull(messages, &next, 10);
		end = *next == '-' ? strtoull(next + 1, &next, 10) : begin + 1;
		must(end > begin);
		begin = begin > from ? begin : from;
		end = min_u64(end, to);
		nr += end > begin ? end - begin : 0;
		messages = next;
	}
	return nr;
}

/* Was a byte of the cache's origin block changed? */
static bool is_changed(const struct changes *changes, uint64_t origin_block, uint64_t block_bytes)
{
	uint64_t begin = origin_block * block_bytes, end = begin + block_bytes;

	for (uint64_t i = 0; i < changes->nr_blocks; i++)
		if ((changes->bits[0] >> i & 1) && begin < (i + 1) * changes->block_size &&
		    i * changes->block_size < end)
			return true;
	return false;
}

/* Holds what is stale against what stays where nothing was changed. */
static void must_be_stale(const struct changes *changes, const char *stale,
			  const char *stale_anyway, const char *stays)
{
	uint64_t nr_changed = 0, cache_block, origin_block;
	uint32_t sectors;

	stays = strstr(stays, " block_size=\"");
	must(stays && sscanf(stays, " block_size=\"%" SCNu32, &sectors) == 1);
	while ((stays = strstr(stays + 1, "<mapping "))) {
		bool changed;

		must(sscanf(stays, "<mapping cache_block=\"%" SCNu64 "\" origin_block=\"%" SCNu64,
			    &cache_block, &origin_block) == 2);
		changed = is_changed(changes, origin_block, (uint64_t)sectors * SECTOR_SIZE);
		must(nr_named(stale, cache_block, cache_block + 1) == changed);
		nr_changed += changed;
	}
	must(nr_named(stale, 0, UINT64_MAX) == nr_named(stale_anyway, 0, UINT64_MAX) + nr_changed);
}

static void compare_with_unchanged(const struct cache_question *question, struct input text)
{
	static const uint64_t none;
	struct changes unchanged = *question->changes;
	struct cache_question messages = *question, xml;
	char *stale, *stale_anyway, *stays;

	unchanged.bits = &none;
	messages.format = CACHE_MESSAGES;
	stale = answer_text(&messages, text);
	messages.changes = &unchanged;
	stale_anyway = answer_text(&messages, text);
	xml = messages;
	xml.format = CACHE_XML;
	stays = answer_text(&xml, text);
	must_be_stale(question->changes, stale, stale_anyway, stays);
	free(stale);
	free(stale_anyway);
	free(stays);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	uint32_t cuts = (uint32_t)input_take(&input, 4);
	unsigned flags = (unsigned)input_take(&input, 1);
	uint64_t bits = input_take(&input, 8);
	const struct changes changes = {
		.bits = &bits,
		.nr_blocks = ORIGIN_BLOCKS,
		.block_size = ORIGIN_BLOCK_BYTES,
	};
	struct told told;
	const struct report rep = fuzz_report(&told);
	struct cache_question question = {
		.changes = &changes,
		.format = CACHE_MESSAGES,
		.allow_dirty = flags & ALLOW_DIRTY,
		.rep = &rep,
	};
	struct memfile file;
	int r = answer(&question, input, cuts, &file);

	must_be_told(r, &told);
	memfile_close(&file);
	question.format = CACHE_XML;
	must(answer(&question, input, 0, &file) == r);
	if (!r) {
		must_stay(&question, &file);
		compare_with_unchanged(&question, input);
	}
	memfile_close(&file);
	return 0;
}
