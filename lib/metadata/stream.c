/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "metadata/cursor_internal.h"
#include "metadata/map.h"
#include "metadata/rules.h"
#include "metadata/unknown_ranges.h"
#include "metadata/view_internal.h"

#define BUFFER_BLOCKS 256u
#define WRITTEN_PIECE 4096u
#define PIECE_BLOCKS (CURSOR_MAX_WORDS * BITS_PER_WORD)

void era_header_of(const struct superblock *sb, struct era_header *header)
{
	*header = (struct era_header){
		.data_block_size = sb->data_block_size,
		.nr_blocks = sb->nr_blocks,
		.current_era = sb->current_era,
	};
}

/* The eras of the blocks from first on, as the array has them, and a bit for each that is unknown.
 */
typedef int piece_fn(void *ctx, uint64_t first, uint32_t nr, uint32_t *eras, const uint64_t *lost);

static int read_array(struct era_view *view, piece_fn *each, void *ctx)
{
	uint64_t lost[CURSOR_MAX_WORDS];
	uint32_t eras[PIECE_BLOCKS];
	struct era_cursor c;
	int r = 0;

	era_cursor_init(&c, view, BUFFER_BLOCKS);
	for (uint64_t block = 0; block < view->sb.nr_blocks && !r; block += PIECE_BLOCKS) {
		uint32_t nr = (uint32_t)min_u64(PIECE_BLOCKS, view->sb.nr_blocks - block);

		r = era_cursor_read(&c, nr, eras, lost);
		if (!r)
			r = each(ctx, block, nr, eras, lost);
	}
	if (!r)
		r = era_cursor_finish(&c);
	era_cursor_free(&c);
	return r;
}

static int on_unknown_piece(void *ctx, uint64_t first, uint32_t nr, uint32_t *eras,
			    const uint64_t *lost)
{
	struct unknown_ranges *unknown = ctx;

	(void)eras;
	unknown_ranges_add_bits(unknown, first, lost, nr);
	return unknown->error;
}

/* Reads the era array for nothing else; the view stays as it was. */
static int find_unknown(struct unknown_ranges *unknown, struct era_view *view)
{
	struct era_view before = *view;
	int r;

	unknown_ranges_keep(unknown, view->dev.rep);
	if (!(view->flags & ERA_VIEW_REPAIR))
		return 0;
	view->seen = bits_copy(before.seen, view->walk.limit);
	view->flags |= ERA_VIEW_TOLD;
	r = view->seen ? read_array(view, on_unknown_piece, unknown) : report_nomem(view->dev.rep);
	free(view->seen);
	view->seen = before.seen;
	view->flags = before.flags;
	view->nr_problems = before.nr_problems;
	if (r)
		return r;
	unknown_ranges_end(unknown);
	return unknown->error;
}

/*
 * The writesets of one era: nearly always one, several only in damaged metadata.  What is unknown
 * of the array is in that of the current era, since the array is overruled by every writeset that
 * the kernel has yet to digest.
 */
struct merge {
	struct era_view *view;
	struct writeset_cursor *cursors;
	size_t nr;
	uint32_t era;
	uint64_t nr_bits;
	const struct unknown_ranges *unknown; /* or NULL */
	size_t next_unknown;
};

static size_t count_same_era(const struct era_view *view, size_t first)
{
	size_t n = 0;

	while (first + n < view->nr_writesets &&
	       view->writesets[first + n].era == view->writesets[first].era)
		n++;
	return n;
}

static uint64_t may_have_bits(const struct era_view *view, const struct writeset *ws)
{
	uint64_t nr_blocks = view->sb.nr_blocks;

	if (ws->lost || (ws->open_end && ws->nr_bits < nr_blocks))
		return nr_blocks;
	return ws->nr_bits;
}

static int merge_open(struct merge *merge, struct era_view *view, size_t first, uint32_t era,
		      const struct unknown_ranges *unknown)
{
	size_t nr = count_same_era(view, first);

	*merge = (struct merge){.view = view, .nr = nr, .era = era};
	if (unknown->nr && era == view->sb.current_era) {
		merge->unknown = unknown;
		merge->nr_bits = view->sb.nr_blocks;
	}
	merge->cursors = calloc(nr + 1, sizeof(*merge->cursors));
	if (!merge->cursors)
		return report_nomem(view->dev.rep);
	for (size_t i = 0; i < nr; i++) {
		const struct writeset *ws = &view->writesets[first + i];
		uint64_t nr_bits = may_have_bits(view, ws);

		merge->nr_bits = nr_bits > merge->nr_bits ? nr_bits : merge->nr_bits;
		writeset_cursor_init(&merge->cursors[i], view, ws, BUFFER_BLOCKS);
	}
	return 0;
}

static void merge_close(struct merge *merge)
{
	for (size_t i = 0; merge->cursors && i < merge->nr; i++)
		writeset_cursor_free(&merge->cursors[i]);
	free(merge->cursors);
}

static int merge_read(struct merge *merge, uint64_t first, uint32_t nr_words, uint64_t *words,
		      uint64_t *lost)
{
	uint64_t more[CURSOR_MAX_WORDS], more_lost;
	int r = 0;

	*lost = 0;
	memset(words, 0, nr_words * sizeof(*words));
	for (size_t i = 0; i < merge->nr && !r; i++) {
		r = writeset_cursor_read(&merge->cursors[i], nr_words, more, &more_lost);
		for (uint32_t j = 0; j < nr_words && !r; j++)
			words[j] |= more[j];
		*lost |= r ? 0 : more_lost;
	}
	if (!r && merge->unknown)
		unknown_ranges_set(merge->unknown, &merge->next_unknown, first,
				   nr_words * BITS_PER_WORD, words);
	return r;
}

static void add_lost_words(struct unknown_ranges *s, uint64_t first, uint64_t lost,
			   uint64_t nr_bits)
{
	for (uint64_t word; lost; lost &= lost - 1) {
		word = first + (uint64_t)__builtin_ctzll(lost) * BITS_PER_WORD;
		unknown_ranges_add(s, word, min_u64(BITS_PER_WORD, nr_bits - word));
	}
}

static int stream_bits(struct merge *merge, const struct era_stream *to, struct unknown_ranges *s)
{
	uint64_t words[CURSOR_MAX_WORDS], lost;
	int r = 0;

	for (uint64_t bit = 0; bit < merge->nr_bits && !r; bit += PIECE_BLOCKS) {
		uint64_t nr_bits = min_u64(PIECE_BLOCKS, merge->nr_bits - bit);
		uint32_t nr_words = (uint32_t)bits_words(nr_bits);

		r = merge_read(merge, bit, nr_words, words, &lost);
		if (r)
			return r;
		words[nr_words - 1] &= bits_last_mask(nr_bits);
		add_lost_words(s, bit, lost, merge->nr_bits);
		r = to->words(to->ctx, words, nr_words);
	}
	for (size_t i = 0; i < merge->nr && !r; i++)
		r = writeset_cursor_finish(&merge->cursors[i]);
	return r;
}

static int stream_merge(struct merge *merge, const struct era_stream *to, struct era_losses *losses)
{
	struct era_view *view = merge->view;
	char name[BTREE_NAME_MAX];
	struct unknown_ranges ranges;
	int r = to->writeset_begin(to->ctx, merge->era, (uint32_t)merge->nr_bits);

	if (r)
		return r;
	writeset_name(name, view->flags & ERA_VIEW_SNAPSHOT, false, merge->era);
	unknown_ranges_init(&ranges, view->dev.rep, name);
	r = stream_bits(merge, to, &ranges);
	losses->nr_bits += unknown_ranges_end(&ranges);
	return r ? r : to->writeset_end(to->ctx);
}

static int stream_writeset(struct era_view *view, size_t first, uint32_t era,
			   const struct era_stream *to, const struct unknown_ranges *unknown,
			   struct era_losses *losses)
{
	struct merge merge;
	int r = merge_open(&merge, view, first, era, unknown);

	if (!r)
		r = stream_merge(&merge, to, losses);
	merge_close(&merge);
	return r;
}

/* In the order of their eras; where something is unknown there is one of the current era. */
static int stream_writesets(struct era_view *view, const struct era_stream *to,
			    const struct unknown_ranges *unknown, struct era_losses *losses)
{
	uint32_t current = view->sb.current_era;
	size_t i = 0, nr = view->nr_writesets;
	int r = 0;

	for (; i < nr && !r; i += count_same_era(view, i))
		r = stream_writeset(view, i, view->writesets[i].era, to, unknown, losses);
	if (!r && unknown->nr && (!nr || view->writesets[nr - 1].era != current))
		r = stream_writeset(view, nr, current, to, unknown, losses);
	return r;
}

/* What is unknown has no era of its own here. */
static void clear_lost(uint32_t *eras, const uint64_t *lost, uint32_t nr)
{
	for (uint64_t i = bits_next_set(lost, 0, nr); i < nr; i = bits_next_set(lost, i + 1, nr))
		eras[i] = 0;
}

struct eras_out {
	const struct era_stream *to;
	struct unknown_ranges *ranges;
};

static int on_piece(void *ctx, uint64_t first, uint32_t nr, uint32_t *eras, const uint64_t *lost)
{
	const struct eras_out *out = ctx;

	clear_lost(eras, lost, nr);
	unknown_ranges_add_bits(out->ranges, first, lost, nr);
	return out->to->eras(out->to->ctx, eras, nr);
}

static int stream_eras(struct era_view *view, const struct era_stream *to, struct unknown_ranges *s)
{
	struct eras_out out = {to, s};

	return read_array(view, on_piece, &out);
}

static int on_chunk(void *ctx, const struct era_chunk *chunk)
{
	const struct eras_out *out = ctx;

	unknown_ranges_add_bits(out->ranges, chunk->first, chunk->lost, chunk->nr);
	return out->to->eras(out->to->ctx, chunk->eras, chunk->nr);
}

static int stream_map(struct era_view *view, const struct era_stream *to, struct unknown_ranges *s)
{
	struct eras_out out = {to, s};

	return era_map_read(view, on_chunk, &out);
}

static int stream_array(struct era_view *view, const struct era_stream *to,
			int (*produce)(struct era_view *, const struct era_stream *,
				       struct unknown_ranges *),
			struct era_losses *losses)
{
	struct unknown_ranges ranges;
	int r = to->array_begin(to->ctx);

	if (r)
		return r;
	unknown_ranges_init(&ranges, view->dev.rep, "era array");
	r = produce(view, to, &ranges);
	losses->nr_eras += unknown_ranges_end(&ranges);
	if (!r)
		r = to->array_end(to->ctx);
	return r ? r : to->end(to->ctx);
}

static int stream_view(struct era_view *view, const struct era_stream *to,
		       const struct unknown_ranges *unknown, struct era_losses *losses)
{
	struct era_header header;
	int r;

	era_header_of(&view->sb, &header);
	r = to->begin(to->ctx, &header);
	if (!r)
		r = stream_writesets(view, to, unknown, losses);
	return r ? r : stream_array(view, to, stream_eras, losses);
}

int era_stream_view(struct era_view *view, const struct era_stream *to, struct era_losses *losses)
{
	struct unknown_ranges unknown;
	int r;

	*losses = (struct era_losses){0, 0};
	r = find_unknown(&unknown, view);
	if (!r)
		r = stream_view(view, to, &unknown, losses);
	free(unknown.kept);
	return r;
}

int era_stream_logical(struct era_view *view, const struct era_stream *to,
		       struct era_losses *losses)
{
	struct era_header header;
	int r;

	*losses = (struct era_losses){0, 0};
	era_header_of(&view->sb, &header);
	r = to->begin(to->ctx, &header);
	return r ? r : stream_array(view, to, stream_map, losses);
}

static int written_array(const struct era_stream *to, const struct era_header *header,
			 const struct report *rep)
{
	uint32_t eras[WRITTEN_PIECE], nr;
	int r = to->array_begin(to->ctx);

	for (uint32_t i = 0; i < WRITTEN_PIECE; i++)
		eras[i] = header->current_era;
	for (uint32_t done = 0; done < header->nr_blocks && !r; done += nr) {
		nr = (uint32_t)min_u64(WRITTEN_PIECE, header->nr_blocks - done);
		r = to->eras(to->ctx, eras, nr);
		report_progress(rep, PROGRESS_BUILD, (uint64_t)(done + nr) * sizeof(eras[0]),
				(uint64_t)header->nr_blocks * sizeof(eras[0]));
	}
	return r ? r : to->array_end(to->ctx);
}

int era_stream_written(const struct era_header *header, const struct era_stream *to,
		       const struct report *rep)
{
	int r = to->begin(to->ctx, header);

	if (!r)
		r = written_array(to, header, rep);
	return r ? r : to->end(to->ctx);
}
