/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "era/stream.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "era/cursor.h"
#include "era/map.h"
#include "era/stretch.h"

#define BUFFER_BLOCKS 256u
#define PIECE_BLOCKS (CURSOR_MAX_WORDS * BITS_PER_WORD)

static void make_header(const struct superblock *sb, struct era_header *header)
{
	*header = (struct era_header){
		.data_block_size = sb->data_block_size,
		.nr_blocks = sb->nr_blocks,
		.current_era = sb->current_era,
	};
}

/* The writesets of one era: nearly always one, several only in damaged metadata. */
struct merge {
	struct writeset_cursor *cursors;
	size_t nr;
	uint32_t era, nr_bits;
};

static size_t count_same_era(const struct era_view *view, size_t first)
{
	size_t n = 1;

	while (first + n < view->nr_writesets &&
	       view->writesets[first + n].era == view->writesets[first].era)
		n++;
	return n;
}

static int merge_open(struct merge *merge, struct era_view *view, size_t first)
{
	size_t nr = count_same_era(view, first);

	*merge = (struct merge){.nr = nr, .era = view->writesets[first].era};
	merge->cursors = calloc(nr, sizeof(*merge->cursors));
	if (!merge->cursors)
		return report_nomem(view->dev.rep);
	for (size_t i = 0; i < nr; i++) {
		struct writeset *ws = &view->writesets[first + i];

		if (ws->lost)
			ws->nr_bits = view->sb.nr_blocks;
		if (ws->nr_bits > merge->nr_bits)
			merge->nr_bits = ws->nr_bits;
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

static int merge_read(struct merge *merge, uint32_t nr_words, uint64_t *words, uint64_t *lost)
{
	uint64_t more[CURSOR_MAX_WORDS], more_lost;
	int r = writeset_cursor_read(&merge->cursors[0], nr_words, words, lost);

	for (size_t i = 1; i < merge->nr && !r; i++) {
		r = writeset_cursor_read(&merge->cursors[i], nr_words, more, &more_lost);
		for (uint32_t j = 0; j < nr_words && !r; j++)
			words[j] |= more[j];
		*lost |= r ? 0 : more_lost;
	}
	return r;
}

static void add_lost_words(struct stretch *s, uint64_t first, uint64_t lost, uint64_t nr_bits)
{
	for (uint64_t word; lost; lost &= lost - 1) {
		word = first + (uint64_t)__builtin_ctzll(lost) * BITS_PER_WORD;
		stretch_add(s, word, min_u64(BITS_PER_WORD, nr_bits - word));
	}
}

static int stream_bits(struct merge *merge, const struct era_stream *to, struct stretch *s)
{
	uint64_t words[CURSOR_MAX_WORDS], lost;
	int r = 0;

	for (uint64_t bit = 0; bit < merge->nr_bits && !r; bit += PIECE_BLOCKS) {
		uint64_t nr_bits = min_u64(PIECE_BLOCKS, merge->nr_bits - bit);
		uint32_t nr_words = (uint32_t)bits_words(nr_bits);

		r = merge_read(merge, nr_words, words, &lost);
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

static int stream_writeset(struct era_view *view, size_t first, const struct era_stream *to,
			   struct era_losses *losses)
{
	char name[BTREE_NAME_MAX];
	struct stretch stretch;
	struct merge merge;
	int r = merge_open(&merge, view, first);

	if (!r)
		r = to->writeset_begin(to->ctx, merge.era, merge.nr_bits);
	if (!r) {
		writeset_name(name, view->flags & ERA_VIEW_SNAPSHOT, false, merge.era);
		stretch_init(&stretch, view->dev.rep, name);
		r = stream_bits(&merge, to, &stretch);
		losses->nr_bits += stretch_end(&stretch);
	}
	if (!r)
		r = to->writeset_end(to->ctx);
	merge_close(&merge);
	return r;
}

/* Blocks that a writeset may have named past its end: its stream ended before them, so that they
 * get their era here. */
static void apply_open_end(const struct era_view *view, uint64_t first, uint32_t nr, uint32_t *eras,
			   uint64_t *lost)
{
	uint64_t from = view->open_end > first ? view->open_end - first : 0;

	for (uint64_t i = from; i < nr; i++) {
		if (eras[i] >= view->open_end_era)
			continue;
		eras[i] = view->open_end_era;
		bits_set(lost, i);
	}
}

static int stream_eras(struct era_view *view, const struct era_stream *to, struct stretch *s)
{
	uint64_t lost[CURSOR_MAX_WORDS];
	uint32_t eras[PIECE_BLOCKS];
	struct era_cursor c;
	int r = 0;

	era_cursor_init(&c, view, BUFFER_BLOCKS);
	for (uint64_t block = 0; block < view->sb.nr_blocks && !r; block += PIECE_BLOCKS) {
		uint32_t nr = (uint32_t)min_u64(PIECE_BLOCKS, view->sb.nr_blocks - block);

		r = era_cursor_read(&c, nr, eras, lost);
		if (r)
			break;
		apply_open_end(view, block, nr, eras, lost);
		stretch_add_bits(s, block, lost, nr);
		r = to->eras(to->ctx, eras, nr);
	}
	if (!r)
		r = era_cursor_finish(&c);
	era_cursor_free(&c);
	return r;
}

static int stream_map(struct era_view *view, const struct era_stream *to, struct stretch *s)
{
	struct era_window window;
	struct era_map *map;
	int r = era_map_open(&map, view);

	if (r)
		return r;
	while ((r = era_map_next(map, &window)) > 0) {
		stretch_add_bits(s, window.first, window.lost, window.nr);
		r = to->eras(to->ctx, window.eras, window.nr);
		if (r)
			break;
	}
	era_map_close(map);
	return r;
}

static int stream_array(struct era_view *view, const struct era_stream *to,
			int (*produce)(struct era_view *, const struct era_stream *,
				       struct stretch *),
			struct era_losses *losses)
{
	struct stretch stretch;
	int r = to->array_begin(to->ctx);

	if (r)
		return r;
	stretch_init(&stretch, view->dev.rep, "era array");
	r = produce(view, to, &stretch);
	losses->nr_eras += stretch_end(&stretch);
	if (!r)
		r = to->array_end(to->ctx);
	return r ? r : to->end(to->ctx);
}

int era_stream_view(struct era_view *view, const struct era_stream *to, struct era_losses *losses)
{
	struct era_header header;
	int r;

	*losses = (struct era_losses){0, 0};
	make_header(&view->sb, &header);
	r = to->begin(to->ctx, &header);
	for (size_t i = 0; i < view->nr_writesets && !r; i += count_same_era(view, i))
		r = stream_writeset(view, i, to, losses);
	return r ? r : stream_array(view, to, stream_eras, losses);
}

int era_stream_logical(struct era_view *view, const struct era_stream *to,
		       struct era_losses *losses)
{
	struct era_header header;
	int r;

	*losses = (struct era_losses){0, 0};
	make_header(&view->sb, &header);
	r = to->begin(to->ctx, &header);
	return r ? r : stream_array(view, to, stream_map, losses);
}
