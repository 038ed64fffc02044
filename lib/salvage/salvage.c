/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "salvage/salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "metadata/map.h"
#include "metadata/recognise.h"
#include "metadata/superblocks.h"
#include "metadata/view.h"
#include "ondisk/era_disk.h"
#include "salvage/first_era.h"
#include "salvage/salvage_internal.h"

#define CHUNK_BLOCKS 4096u

int era_salvage_is_needed(struct blk_dev *dev)
{
	struct superblock sb;
	struct problem p;
	int r = era_look_like_metadata(dev);

	if (r)
		return r;
	r = era_read_live_superblock(dev, false, &sb, &p);
	if (r != ERA_DAMAGED)
		return r;
	report_problem(dev->rep, &p);
	if (p.code == PROBLEM_VERSION)
		return first_block_refuse(dev, &p);
	first_block_note(dev);
	return 1;
}

/* A device of more blocks than the metadata know of has blocks of which nothing is said.  What
 * tells of more may be from before the device shrank, or the end of the era array may be wrong. */
static bool may_have_been_longer(const struct era_salvage *s)
{
	const struct scan *scan = &s->scan;
	uint32_t nr_blocks = s->header.nr_blocks;

	return scan->longest > nr_blocks || scan->max_bits > nr_blocks || scan->was_longer;
}

static int deduce_nr_blocks(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	if (hints->nr_blocks) {
		s->header.nr_blocks = hints->nr_blocks;
		return 0;
	}
	if (!s->nr_found)
		return report_fail(
			s->dev.rep, ERA_DAMAGED,
			"%s: cannot tell how many data blocks there were: give --nr-blocks",
			s->dev.path);
	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.nr_blocks > s->header.nr_blocks)
			s->header.nr_blocks = s->found[i].sb.nr_blocks;
	if (may_have_been_longer(s))
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: cannot tell how many data blocks there were: the era array "
				   "has %" PRIu32 ", other blocks tell of more: give --nr-blocks",
				   s->dev.path, s->header.nr_blocks);
	report_note(s->dev.rep, "%s: deduced --nr-blocks=%" PRIu32 " from the era array",
		    s->dev.path, s->header.nr_blocks);
	return 0;
}

static int deduce_block_size(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	uint32_t found = 0;

	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.data_block_size)
			found = s->found[i].sb.data_block_size;
	s->header.data_block_size = hints->data_block_size ? hints->data_block_size : found;
	if (!s->header.data_block_size && s->scan.data_block_size)
		return report_fail(
			s->dev.rep, ERA_DAMAGED,
			"%s: cannot tell the size of a data block: give --block-size (an old "
			"metadata snapshot says %" PRIu32 " sectors)",
			s->dev.path, s->scan.data_block_size);
	if (!s->header.data_block_size)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: cannot tell the size of a data block: give --block-size",
				   s->dev.path);
	if (found && found != s->header.data_block_size)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: --block-size: the metadata snapshot says %" PRIu32
				   " sectors, wanted %" PRIu32,
				   s->dev.path, found, s->header.data_block_size);
	if (!hints->data_block_size)
		report_note(s->dev.rep,
			    "%s: deduced --block-size=%" PRIu32 "s from the metadata snapshot",
			    s->dev.path, s->header.data_block_size);
	return 0;
}

/* Above the eras that may have been recorded.  Where none is left, these may keep to the clock. */
static uint32_t new_current_era(const struct era_salvage *s)
{
	uint32_t found = s->scan.max_era;
	uint32_t era = found ? found + ERA_SALVAGE_GAP : first_era_of_unknown(0);

	if (found)
		report_note(s->dev.rep,
			    "%s: the new current era is %" PRIu32 ": the highest found, %" PRIu32
			    ", plus %u",
			    s->dev.path, era, found, ERA_SALVAGE_GAP);
	else
		report_note(s->dev.rep,
			    "%s: the new current era is %" PRIu32
			    ": none was found, so it is above the seconds since 1970",
			    s->dev.path, era);
	return era;
}

static int deduce_current_era(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	uint64_t lowest = 0;

	for (size_t i = 0; i < s->nr_found; i++) {
		uint64_t era = generation_lowest_era(&s->found[i]);

		lowest = era > lowest ? era : lowest;
	}
	if (hints->current_era && hints->current_era < lowest)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: --current-era: found %" PRIu32 ", wanted at least %" PRIu64,
				   s->dev.path, hints->current_era, lowest);
	if (!hints->current_era && s->scan.max_era > UINT32_MAX - ERA_SALVAGE_GAP)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: the highest era found is %" PRIu32 ": give --current-era",
				   s->dev.path, s->scan.max_era);
	s->header.current_era = hints->current_era ? hints->current_era : new_current_era(s);
	return 0;
}

static int deduce(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r = deduce_nr_blocks(s, hints);

	if (!r)
		r = deduce_block_size(s, hints);
	if (!r)
		r = deduce_current_era(s, hints);
	for (size_t i = 0; i < s->nr_found && !r; i++) {
		s->found[i].sb.data_block_size = s->header.data_block_size;
		s->found[i].sb.current_era = s->header.current_era;
	}
	return r;
}

static bool is_metadata(const struct scan *scan)
{
	return scan->nr_of_type[SCAN_INDEX] + scan->nr_of_type[SCAN_WRITESETS] +
	       scan->nr_of_type[SCAN_ERAS] + scan->nr_of_type[SCAN_BITS] +
	       scan->nr_of_type[SCAN_BITMAP];
}

/* A superblock whose checksum is right, and some field of which is not, still tells where it
 * points. */
static int agrees_with_superblock(struct era_salvage *s)
{
	struct superblock sb;
	int r = superblock_read_any(&s->dev, 0, &sb);
	bool agrees = false;

	if (r <= 0)
		return r;
	for (size_t i = 0; i < s->nr_found && !agrees; i++)
		agrees = salvage_has_trees_of(&sb, &s->found[i].sb);
	if (agrees)
		return 0;
	report_note(
		s->dev.rep,
		"%s: block 0 has a right checksum, and points to other trees than those that were "
		"found",
		s->dev.path);
	s->nr_found = 0;
	return 0;
}

struct taking {
	uint32_t *next;
};

static int on_begin(void *ctx, const struct era_header *header)
{
	(void)ctx;
	(void)header;
	return 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct taking *taking = ctx;

	memcpy(taking->next, eras, nr * sizeof(*eras));
	taking->next += nr;
	return 0;
}

static int on_mark(void *ctx)
{
	(void)ctx;
	return 0;
}

static int take_answer(struct era_salvage *s, struct salvage_answer *answer)
{
	struct taking taking = {answer->eras};
	const struct era_stream to = {.ctx = &taking,
				      .begin = on_begin,
				      .array_begin = on_mark,
				      .eras = on_eras,
				      .array_end = on_mark,
				      .end = on_mark};

	return answer->eras ? era_salvage_stream(s, &to) : 0;
}

/* The highest number of blocks of what was found, or what the user knows. */
static uint32_t most_blocks(const struct era_salvage *s, const struct era_salvage_hints *hints)
{
	uint32_t nr = hints->nr_blocks;

	for (size_t i = 0; i < s->nr_found && !hints->nr_blocks; i++)
		nr = s->found[i].sb.nr_blocks > nr ? s->found[i].sb.nr_blocks : nr;
	return nr;
}

static uint32_t least_told_era(const struct era_salvage *s)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < s->nr_found; i++)
		least = s->found[i].told_era < least ? s->found[i].told_era : least;
	return least;
}

/* Of what was found, whatever the current era was: may anything else be newer?  1, 0, or ERA_SYS.
 */
static int is_unchallenged(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	struct salvage_answer answer;
	int r;

	s->header =
		(struct era_header){.nr_blocks = most_blocks(s, hints), .current_era = UINT32_MAX};
	for (size_t i = 0; i < s->nr_found; i++)
		s->found[i].sb.current_era = UINT32_MAX;
	r = salvage_answer_open(&answer, &s->scan, s->header.nr_blocks, SALVAGE_CURRENT,
				least_told_era(s));
	for (size_t i = 0; i < s->nr_found && !r; i++)
		salvage_answer_own(&answer, &s->scan, s->found[i].sb.sm.index);
	if (!r)
		r = take_answer(s, &answer);
	if (!r)
		r = salvage_is_unchallenged(&s->scan, s->whole, &answer);
	if (r > 0 && s->scan.hole)
		r = salvage_leftovers_say_nothing(s, &answer);
	salvage_answer_close(&answer);
	s->header = (struct era_header){.nr_blocks = 0};
	return r;
}

static int find_newest(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r = salvage_find_newest(s, hints);

	if (!r && s->nr_found)
		r = agrees_with_superblock(s);
	if (!r && s->nr_found) {
		r = is_unchallenged(s, hints);
		if (!r)
			s->nr_found = 0;
		r = r < 0 ? r : 0;
	}
	salvage_close_whole(s);
	return r;
}

static int find_out(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r;

	if (!is_metadata(&s->scan))
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: no block of dm-era's metadata is left", s->dev.path);
	r = find_newest(s, hints);
	if (!r && !s->nr_found)
		report_note(s->dev.rep,
			    "%s: no generation is proven to be the newest: every block counts as "
			    "written",
			    s->dev.path);
	return r ? r : deduce(s, hints);
}

int era_salvage_open(struct era_salvage **out, struct blk_dev *dev,
		     const struct era_salvage_hints *hints)
{
	struct era_salvage *s = malloc(sizeof(*s));
	int r;

	if (!s) {
		r = report_nomem(dev->rep);
		blk_dev_close(dev);
		return r;
	}
	*s = (struct era_salvage){.dev = *dev};
	r = scan_open(&s->scan, &s->dev);
	if (!r)
		r = generations_open(&s->generations, &s->scan);
	if (!r)
		r = find_out(s, hints);
	generations_close(&s->generations);
	if (r)
		era_salvage_close(s);
	else
		*out = s;
	return r;
}

void era_salvage_close(struct era_salvage *s)
{
	if (!s)
		return;
	free(s->found);
	scan_close(&s->scan);
	blk_dev_close(&s->dev);
	free(s);
}

const struct era_header *era_salvage_header(const struct era_salvage *s)
{
	return &s->header;
}

const struct era_salvage_result *era_salvage_result(const struct era_salvage *s)
{
	return &s->result;
}

struct source {
	struct era_view *view;
	struct era_map *map;
};

static void close_sources(struct source *sources, size_t nr)
{
	for (size_t i = 0; sources && i < nr; i++) {
		era_map_close(sources[i].map);
		era_view_close(sources[i].view);
	}
	free(sources);
}

static int open_sources(struct era_salvage *s, struct source *sources)
{
	int r = 0;

	for (size_t i = 0; i < s->nr_found && !r; i++) {
		r = era_view_open_as(&sources[i].view, &s->dev, &s->found[i].sb,
				     s->scan.hole ? ERA_VIEW_REPAIR : 0);
		if (!r)
			r = era_map_open(&sources[i].map, sources[i].view);
	}
	return r;
}

/* What one source says of nr blocks: as *chunk, of as many of them as it has. */
static int read_source(const struct source *source, uint64_t first, uint32_t nr_blocks,
		       struct era_chunk *chunk)
{
	int r;

	*chunk = (struct era_chunk){.nr = 0};
	if (first >= nr_blocks)
		return 0;
	r = era_map_next(source->map, chunk);
	return r < 0 ? r : 0;
}

/* Lays one source over those before: the highest era, and `unsure` where its own is not known. */
static void merge_source(struct era_salvage *s, const struct era_chunk *chunk, uint32_t nr,
			 bool is_first, uint32_t *eras, uint64_t *unsure)
{
	for (uint32_t i = 0; i < nr; i++) {
		bool is_known = i < chunk->nr;
		uint32_t era = is_known ? chunk->eras[i] : s->header.current_era;

		if (is_first)
			eras[i] = era;
		if (era != eras[i] || (is_known && bits_test(chunk->lost, i)))
			bits_set(unsure, i);
		raise_u32(&eras[i], era);
	}
}

/* The highest era of all sources; blocks that they don't agree on are marked as unsure.  Without a
 * source nothing is known. */
static int merge_chunk(struct era_salvage *s, struct source *sources, uint64_t first, uint32_t nr,
		       uint32_t *eras, uint64_t *unsure)
{
	struct era_chunk chunk;

	memset(unsure, 0, CHUNK_BLOCKS / 8);
	for (size_t i = 0; i < s->nr_found; i++) {
		int r = read_source(&sources[i], first, s->found[i].sb.nr_blocks, &chunk);

		if (r)
			return r;
		merge_source(s, &chunk, nr, !i, eras, unsure);
	}
	for (uint32_t i = 0; i < nr && !s->nr_found; i++)
		eras[i] = s->header.current_era;
	return 0;
}

static void count_chunk(struct era_salvage *s, uint32_t nr, const uint32_t *eras,
			const uint64_t *unsure)
{
	struct era_salvage_result *result = &s->result;

	for (uint32_t j = 0; j < nr; j++) {
		if (!s->nr_found || bits_test(unsure, j))
			result->nr_written++;
		else
			result->nr_kept++;
		if (s->nr_found && !bits_test(unsure, j) && eras[j] == s->header.current_era)
			result->nr_current++;
	}
}

static int stream_eras(struct era_salvage *s, struct source *sources, const struct era_stream *to)
{
	uint32_t eras[CHUNK_BLOCKS];
	uint64_t unsure[CHUNK_BLOCKS / BITS_PER_WORD];
	int r = 0;

	for (uint64_t first = 0; first < s->header.nr_blocks && !r; first += CHUNK_BLOCKS) {
		uint32_t nr = (uint32_t)min_u64(CHUNK_BLOCKS, s->header.nr_blocks - first);

		r = merge_chunk(s, sources, first, nr, eras, unsure);
		if (r)
			break;
		count_chunk(s, nr, eras, unsure);
		r = to->eras(to->ctx, eras, nr);
		report_progress(s->dev.rep, PROGRESS_BUILD, (first + nr) * sizeof(eras[0]),
				(uint64_t)s->header.nr_blocks * sizeof(eras[0]));
	}
	return r;
}

int era_salvage_stream(struct era_salvage *s, const struct era_stream *to)
{
	struct source *sources = calloc(s->nr_found + 1, sizeof(*sources));
	int r = sources ? open_sources(s, sources) : report_nomem(s->dev.rep);

	s->result = (struct era_salvage_result){0, 0, 0};
	if (!r)
		r = to->begin(to->ctx, &s->header);
	if (!r)
		r = to->array_begin(to->ctx);
	if (!r)
		r = stream_eras(s, sources, to);
	if (!r)
		r = to->array_end(to->ctx);
	if (!r)
		r = to->end(to->ctx);
	close_sources(sources, s->nr_found);
	return r;
}
