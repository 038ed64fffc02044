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

/* What is to be said of each data block. */
struct salvage_answer {
	uint32_t *eras; /* NULL: too many to be held; free() it */
	uint32_t nr_blocks, current_era;
	uint32_t told_era; /* the least of those of the generations that it is made of */
};

/* Room for the eras, if there aren't too many. */
void salvage_answer_open(struct salvage_answer *answer, uint32_t nr_blocks, uint32_t current_era,
			 uint32_t told_era);

/* May a space map that isn't marked in `whole` be newer, and say more?  1 when not, 0 (noted), or
 * ERA_SYS. */
int salvage_is_unchallenged(struct scan *scan, const uint64_t *whole,
			    const struct salvage_answer *answer) must_check;

/* Finds what may have been the newest generation, into s->found; nothing there when nothing is
 * proven (noted).  0, or an error: ERA_DAMAGED when the hints contradict what was found
 * (reported).  s->whole is open then. */
int salvage_find_newest(struct era_salvage *s, const struct era_salvage_hints *hints) must_check;

#endif
