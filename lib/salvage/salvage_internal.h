/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_SALVAGE_SALVAGE_INTERNAL_H
#define ERA_SALVAGE_SALVAGE_INTERNAL_H

#ifndef ROOM_SALVAGE
#error "for lib/salvage alone"
#endif

#include "base/compiler.h"
#include "block/dev.h"
#include "salvage/generation_internal.h"
#include "salvage/salvage.h"
#include "salvage/vouch.h"

struct era_salvage {
	struct blk_dev dev;
	struct scan scan;
	struct generations generations; /* while they are looked for */
	struct generation *found;	/* what may have been the newest generation */
	size_t nr_found, capacity;	/* none found: nothing is proven */
	uint64_t *whole; /* while they are looked for: bitmaps of whole generations */
	struct era_header header;
	struct era_salvage_result result;
};

/* What a superblock says, as a generation that no other can supersede. */
struct generation salvage_generation_of(const struct superblock *sb);

/* Do both point to the same trees? */
bool salvage_has_trees_of(const struct superblock *sb, const struct superblock *other);

/* Generations that are whole, by their bitmaps: of each that generation_find() finds, mark it
 * then.  open is 0 or ERA_SYS; close does no harm twice. */
int salvage_open_whole(struct era_salvage *s) must_check;
void salvage_mark_whole(struct era_salvage *s);
void salvage_close_whole(struct era_salvage *s);

#define SALVAGE_CURRENT UINT32_MAX /* the era of the current writeset, whatever it was */

/* What is to be said of each data block. */
struct salvage_answer {
	uint32_t *eras; /* NULL: too many to be held */
	uint64_t *own;	/* metadata blocks that it is made of, where one bitmap counts them all */
	uint32_t nr_blocks, current_era;
	uint32_t told_era;   /* the least of those of the generations that it is made of */
	bool has_superblock; /* that points to what it is made of */
};

/* Room for the eras, if there aren't too many.  ERA_SYS when there is no memory (reported). */
int salvage_answer_open(struct salvage_answer *answer, const struct scan *scan, uint32_t nr_blocks,
			uint32_t current_era, uint32_t told_era) must_check;
void salvage_answer_close(struct salvage_answer *answer);

/* It is made of the generation of that index, besides. */
void salvage_answer_own(struct salvage_answer *answer, struct scan *scan, uint64_t index);

/* Is there all that a block of an array says, of nr entries and at that place in the array: each
 * bit with that era or a later one, or each era? */
bool salvage_answer_has_bits(const struct salvage_answer *answer, const void *data, uint32_t nr,
			     uint64_t place, uint32_t era);
bool salvage_answer_has_eras(const struct salvage_answer *answer, const void *data, uint32_t nr,
			     uint64_t place);

/* May blocks besides the answer's own be of a generation that is newer than all that were found,
 * and of which the hole was the bitmap?  And say more?  1 when not, 0 (noted), or ERA_SYS. */
int salvage_leftovers_say_nothing(struct era_salvage *s,
				  const struct salvage_answer *answer) must_check;

/* May a space map that isn't marked in `whole` be newer, and say more?  1 when not, 0 (noted), or
 * ERA_SYS. */
int salvage_is_unchallenged(struct scan *scan, const uint64_t *whole,
			    const struct salvage_answer *answer) must_check;

/* Finds what may have been the newest generation, into s->found; nothing there when nothing is
 * proven (noted).  0, or an error: ERA_DAMAGED when the hints contradict what was found
 * (reported).  s->whole is open then. */
int salvage_find_newest(struct era_salvage *s, const struct era_salvage_hints *hints) must_check;

#endif
