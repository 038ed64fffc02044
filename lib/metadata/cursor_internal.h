/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reading a writeset or the era array from start to end, in pieces of the caller's size.
 *
 * With ERA_VIEW_REPAIR, unknown values come as the safe value, a set bit or the current era, and
 * are marked as lost.  Without it, the reading stops.
 */
#ifndef ERA_METADATA_CURSOR_INTERNAL_H
#define ERA_METADATA_CURSOR_INTERNAL_H

#ifndef ROOM_METADATA
#error "for lib/metadata alone"
#endif

#include "metadata/view_internal.h"
#include "pdata/array.h"

/* The words of a piece are numbered by the bits of one word. */
#define CURSOR_MAX_WORDS 64u

struct writeset_cursor {
	struct era_view *view;
	struct writeset ws;
	struct array_iter it;
	struct array_part part; /* the one being copied from */
	uint64_t next_word;
};

/* Allocates nothing and reads nothing yet.  capacity: blocks of the read buffer. */
void writeset_cursor_init(struct writeset_cursor *c, struct era_view *view,
			  const struct writeset *ws, uint32_t capacity);
void writeset_cursor_free(struct writeset_cursor *c);

/* Gets the next nr_words (at most CURSOR_MAX_WORDS) words; those past the writeset's end are
 * clear.  Bit i of *lost: a part of words[i] is unknown, and set as far as the writeset extends,
 * or may extend. */
int writeset_cursor_read(struct writeset_cursor *c, uint32_t nr_words, uint64_t *words,
			 uint64_t *lost) must_check;

/* To be called when all words have been read: anything past them in the tree is a problem, too. */
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
 * nr_blocks), and one bit of lost for each; bits past nr are clear. */
int era_cursor_read(struct era_cursor *c, uint32_t nr, uint32_t *eras,
		    uint64_t lost[CURSOR_MAX_WORDS]) must_check;

int era_cursor_finish(struct era_cursor *c) must_check;

#endif
