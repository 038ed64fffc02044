/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Kinds of damage to metadata of which is known which block was written when. */
#ifndef ERA_TESTS_SALVAGE_DAMAGE_H
#define ERA_TESTS_SALVAGE_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block/dev.h"

#define BLOCK ((size_t)META_BLOCK_SIZE)

/* What is drawn follows from it alone. */
extern uint64_t damage_random;
/* Below n, or 0. */
uint32_t damage_roll(uint64_t n);

struct image {
	char *name;
	uint8_t *data;
	uint64_t nr; /* metadata blocks */
	uint32_t block_size, nr_blocks, current_era;
	uint32_t *eras;
};

/* One device to be damaged: a copy of an image. */
struct victim {
	const struct image *image;
	uint8_t *data;
	uint64_t nr;
	unsigned pattern;
	bool has_state; /* behind the metadata, that of a tracked device */
};

/* free() its data. */
struct victim victim_of(const struct image *image);

/* By its pattern; a block that it does not have is no error. */
void victim_overwrite(struct victim *v, uint64_t block);

/* What a block has at a place, or 0 if it is not the number of one. */
uint64_t victim_pointer(const struct victim *v, uint64_t block, unsigned at);

void damage_nothing(struct victim *v);

struct damage {
	const char *name;
	void (*damage)(struct victim *v);
	bool superblock; /* is destroyed, too */
	unsigned least;	 /* percent of the blocks that keep their era, on average */
};

extern const struct damage damages[];
extern const size_t nr_damages;

#endif
