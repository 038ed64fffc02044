/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "metadata/cursor_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "metadata/rules.h"
#include "ondisk/era_disk.h"

/* The length of the part behind the last one: clear bits without end. */
#define PAST_THE_END (UINT64_MAX / 2)

void writeset_cursor_init(struct writeset_cursor *c, struct era_view *view,
			  const struct writeset *ws, uint32_t capacity)
{
	char name[BTREE_NAME_MAX];

	*c = (struct writeset_cursor){.view = view, .ws = *ws};
	writeset_name(name, view->flags & ERA_VIEW_SNAPSHOT, ws->is_current, ws->era);
	array_iter_init(&c->it, &view->walk, BLOCK_BITSET, ws->root, bits_words(ws->nr_bits),
			capacity, name);
}

void writeset_cursor_free(struct writeset_cursor *c)
{
	array_iter_free(&c->it);
}

static int check_part(struct writeset_cursor *c)
{
	struct problem p;

	if (c->part.state != ARRAY_KNOWN ||
	    !writeset_check_part(&c->it, &c->part, c->ws.nr_bits, &p))
		return 0;
	c->part.state = ARRAY_UNKNOWN;
	return array_problem(&c->it, c->part.index, &p);
}

static int next_part(struct writeset_cursor *c)
{
	int r = array_iter_next(&c->it, &c->part);

	if (r > 0)
		return check_part(c);
	if (!r)
		c->part = (struct array_part){.first = c->it.nr_entries, .len = PAST_THE_END};
	return r;
}

static void copy_words(const struct writeset_cursor *c, uint32_t nr, uint64_t *words)
{
	const struct le64 *from = (const void *)c->part.values;

	le64_get_all(from + (c->next_word - c->part.first), nr, words);
}

static uint64_t word_mask(uint32_t first, uint32_t nr)
{
	uint64_t mask = nr == BITS_PER_WORD ? ~UINT64_C(0) : (UINT64_C(1) << nr) - 1;

	return mask << first;
}

static bool is_past_the_end(const struct writeset_cursor *c)
{
	return c->part.len == PAST_THE_END;
}

static bool is_lost(const struct writeset_cursor *c)
{
	return c->ws.lost || (is_past_the_end(c) ? c->ws.open_end : c->part.state == ARRAY_UNKNOWN);
}

/* The bits of the writeset's last word that are its own. */
static uint64_t end_mask(const struct writeset_cursor *c)
{
	return bits_last_mask(c->ws.nr_bits);
}

/* Clears what is past the writeset's end of its last word; where the end is open it may have been
 * set, which is the true that is returned. */
static bool end_word(const struct writeset_cursor *c, uint64_t *word)
{
	uint64_t past = ~end_mask(c);

	if (!c->ws.open_end) {
		*word &= ~past;
		return false;
	}
	*word |= past;
	return past;
}

/* The next nr words of one part.  Returns the bits of *lost for them. */
static uint64_t read_words(const struct writeset_cursor *c, uint32_t nr, uint64_t *words)
{
	bool at_end = !c->ws.lost && !is_past_the_end(c) && c->next_word + nr == c->it.nr_entries;
	uint64_t lost = is_lost(c) ? word_mask(0, nr) : 0;

	if (lost)
		memset(words, 0xff, nr * sizeof(*words));
	else if (c->part.values)
		copy_words(c, nr, words);
	else
		memset(words, 0, nr * sizeof(*words));
	if (at_end && end_word(c, &words[nr - 1]))
		lost |= word_mask(nr - 1, 1);
	return lost;
}

/* How many of the next words, at most nr, come from one part, which is read when the last one has
 * ended. Of a writeset of which nothing is known there are no parts.  Sets *n; 0 or an error. */
static int find_part(struct writeset_cursor *c, uint32_t nr, uint32_t *n)
{
	*n = nr;
	if (c->ws.lost)
		return 0;
	while (c->next_word == c->part.first + c->part.len) {
		int r = next_part(c);

		if (r)
			return r;
	}
	*n = (uint32_t)min_u64(nr, c->part.first + c->part.len - c->next_word);
	return 0;
}

int writeset_cursor_read(struct writeset_cursor *c, uint32_t nr_words, uint64_t *words,
			 uint64_t *lost)
{
	*lost = 0;
	for (uint32_t done = 0, n; done < nr_words; done += n) {
		int r = find_part(c, nr_words - done, &n);

		if (r)
			return r;
		*lost |= read_words(c, n, words + done) << done;
		c->next_word += n;
	}
	return 0;
}

int writeset_cursor_finish(struct writeset_cursor *c)
{
	int r = 0;

	while (!r && !c->ws.lost && !is_past_the_end(c))
		r = next_part(c);
	return r;
}

void era_cursor_init(struct era_cursor *c, struct era_view *view, uint32_t capacity)
{
	bool snapshot = view->flags & ERA_VIEW_SNAPSHOT;
	struct btree_root root = {
		.block = view->sb.era_array_root,
		.holder = snapshot ? view->live.metadata_snap : 0,
	};
	char name[BTREE_NAME_MAX];

	*c = (struct era_cursor){.view = view};
	snprintf(name, sizeof(name), "%sera array", era_view_prefix(snapshot));
	array_iter_init(&c->it, &view->walk, BLOCK_ERA, root, view->sb.nr_blocks, capacity, name);
}

void era_cursor_free(struct era_cursor *c)
{
	array_iter_free(&c->it);
}

/* Then the number of blocks is not known, and blocks that were written may have no place in any
 * answer. */
static int too_long(const struct era_cursor *c)
{
	return report_fail(c->view->dev.rep, ERA_DAMAGED,
			   "%s: %s: has more entries than the %" PRIu32
			   " blocks of the superblock: their number is not known",
			   c->view->dev.path, c->it.tree.name, c->view->sb.nr_blocks);
}

static int next_era_part(struct era_cursor *c)
{
	struct problem p;
	uint32_t max;
	int r = array_iter_next(&c->it, &c->part);

	if (r > 0 && c->part.excess && c->part.first + c->part.len == c->it.nr_entries)
		return too_long(c);
	if (r < 0 || c->part.state != ARRAY_KNOWN)
		return r < 0 ? r : 0;
	if (!era_check_part(&c->part, c->view->sb.current_era, &max, &p))
		return 0;
	c->part.state = ARRAY_UNKNOWN;
	return array_problem(&c->it, c->part.index, &p);
}

static void copy_eras(const struct era_cursor *c, uint32_t nr, uint32_t *eras)
{
	const struct le32 *from = (const void *)c->part.values;

	le32_get_all(from + (c->next - c->part.first), nr, eras);
}

static void lose_eras(const struct era_cursor *c, uint32_t first, uint32_t nr, uint32_t *eras,
		      uint64_t *lost)
{
	bits_set_range(lost, first, nr);
	for (uint32_t i = first; i < first + nr; i++)
		eras[i] = c->view->sb.current_era;
}

int era_cursor_read(struct era_cursor *c, uint32_t nr, uint32_t *eras,
		    uint64_t lost[CURSOR_MAX_WORDS])
{
	uint32_t done = 0, n;

	memset(lost, 0, CURSOR_MAX_WORDS * sizeof(*lost));
	while (done < nr) {
		if (c->next == c->part.first + c->part.len) {
			int r = next_era_part(c);

			if (r)
				return r;
		}
		n = (uint32_t)min_u64(nr - done, c->part.first + c->part.len - c->next);
		if (c->part.state == ARRAY_KNOWN)
			copy_eras(c, n, eras + done);
		else
			lose_eras(c, done, n, eras, lost);
		done += n;
		c->next += n;
	}
	return 0;
}

int era_cursor_finish(struct era_cursor *c)
{
	int r = array_iter_next(&c->it, &c->part);

	if (!r && c->it.nr_found > c->it.nr_blocks)
		return too_long(c);
	return r < 0 ? r : 0;
}
