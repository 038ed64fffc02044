/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a writeset or the era array from its start to its end, in pieces of the caller's size.
 *
 * What is unknown (only with ERA_VIEW_REPAIR; else the reading stops) comes as the safe value, a
 * set bit or the current era, and is marked as lost.
 */
#ifndef ERA_METADATA_CURSOR_H
#define ERA_METADATA_CURSOR_H

#include "metadata/view.h"
#include "pdata/array.h"

/* Words of a piece are numbered by the bits of one word. */
#define CURSOR_MAX_WORDS 64u

struct writeset_cursor {
	struct era_view *view;
	struct writeset ws;
	struct array_iter it;
	struct array_part part; /* the one being copied from */
	uint64_t next_word;
};

/* Takes no memory and reads nothing yet.  capacity: blocks of the read buffer. */
void writeset_cursor_init(struct writeset_cursor *c, struct era_view *view,
			  const struct writeset *ws, uint32_t capacity);
void writeset_cursor_free(struct writeset_cursor *c);

/* Gets the next nr_words (at most CURSOR_MAX_WORDS) words; those past the writeset's end are clear.
 * Bit i of *lost: something of words[i] is unknown, and set as far as the writeset goes, or may go. */
int writeset_cursor_read(struct writeset_cursor *c, uint32_t nr_words, uint64_t *words,
			 uint64_t *lost) must_check;

/* To be called when all words are read: what the tree holds past them is a problem, too. */
int writeset_cursor_finish(struct writeset_cursor *c) must_check;

struct era_cursor {
	struct era_view *view;
	struct array_iter it;
	struct array_part part;
	uint64_t next;
};

void era_cursor_init(struct era_cursor *c, struct era_view *view, uint32_t capacity);
void era_cursor_free(struct era_cursor *c);

/* Gets the eras of the next nr blocks (at most CURSOR_MAX_WORDS * 64, and never past the view's
 * nr_blocks).  A bit of lost for each; bits past nr are clear. */
int era_cursor_read(struct era_cursor *c, uint32_t nr, uint32_t *eras,
		    uint64_t lost[CURSOR_MAX_WORDS]) must_check;

int era_cursor_finish(struct era_cursor *c) must_check;

/* What the arrays' users know of a sound block besides: no bit of a writeset lies past its end, and
 * no era after the current one.  part is a known one; *max becomes its highest era.  0, or
 * ERA_DAMAGED with *p set but `where`. */
int writeset_check_part(const struct array_iter *it, const struct array_part *part,
			uint32_t nr_bits, struct problem *p) must_check;
int era_check_part(const struct array_part *part, uint32_t current_era, uint32_t *max,
		   struct problem *p) must_check;

/* "writeset of era 5", "current writeset", with the view's prefix; of BTREE_NAME_MAX bytes. */
void writeset_name(char *name, bool snapshot, bool is_current, uint32_t era);

#endif
