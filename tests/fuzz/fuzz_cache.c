/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mappings of a cache, as cache_dump prints them, in both formats.  What stays as XML must be read
 * again, and then all of it stays.
 *
 * Input: a seed for where to cut (4 bytes), flags (1: dirty blocks are allowed, 2: the cache's
 * metadata are looked into, 4: these have dirty bits), which origin blocks were changed (8 bytes, a
 * bit a block), then the text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "output/cache.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text_source.h"

#define ORIGIN_BLOCKS 64u
#define ORIGIN_BLOCK_BYTES (64u * 512u)
#define CACHE_BLOCKS 16u
#define CACHE_BLOCK_SECTORS 64u

enum {
	ALLOW_DIRTY = 1,
	WITH_METADATA = 2,
	WITH_DIRTY_BITS = 4,
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	uint32_t cuts = (uint32_t)input_take(&input, 4);
	unsigned flags = (unsigned)input_take(&input, 1);
	uint64_t bits = input_take(&input, 8), dirty[1] = {bits * 5};
	const struct changes changes = {
		.bits = &bits,
		.nr_blocks = ORIGIN_BLOCKS,
		.block_size = ORIGIN_BLOCK_BYTES,
	};
	const struct cache_metadata metadata = {
		.clean = true,
		.block_size = CACHE_BLOCK_SECTORS,
		.nr_cache_blocks = CACHE_BLOCKS,
		.dirty = flags & WITH_DIRTY_BITS ? dirty : NULL,
	};
	struct told told;
	const struct report rep = fuzz_report(&told);
	struct cache_question question = {
		.changes = &changes,
		.format = CACHE_MESSAGES,
		.allow_dirty = flags & ALLOW_DIRTY,
		.metadata = flags & WITH_METADATA ? &metadata : NULL,
		.rep = &rep,
	};
	struct memfile file;
	int r = answer(&question, input, cuts, &file);

	must_be_told(r, &told);
	memfile_close(&file);
	question.format = CACHE_XML;
	must(answer(&question, input, 0, &file) == r);
	if (!r)
		must_stay(&question, &file);
	memfile_close(&file);
	return 0;
}
