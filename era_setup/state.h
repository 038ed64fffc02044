/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is known of a tracked device while its target is stopped: its size, and hashes of some of
 * its blocks, by which it is noticed that it was written to directly, or is another one.
 *
 * It lies in the last MiB of the metadata device, if the metadata leave it free, in two slots that
 * are written by turns; otherwise in a file of its own.  doc/state.md has the format.
 */
#ifndef ERA_SETUP_STATE_H
#define ERA_SETUP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"
#include "metadata/superblock.h"

#define STATE_MAX_SAMPLES 2048u

struct state_sample {
	uint32_t block; /* a data block */
	uint64_t hash;	/* of its contents */
};

struct state {
	uint64_t sequence;    /* of the slot; 0: none was read */
	bool discards_passed; /* at any time */
	uint32_t era;	      /* blocks whose era is not later had these contents */
	uint32_t block_sectors, nr_blocks;
	uint64_t sectors; /* of the origin */
	uint32_t nr;
	struct state_sample samples[STATE_MAX_SAMPLES]; /* ascending */
};

/* Where it is kept. */
struct state_place {
	struct blk_dev *dev; /* of the metadata; open for writing if it is written */
	const char *name;    /* of the tracked device */
	bool on_device;
};

struct state_place state_find(struct blk_dev *dev, const struct superblock *sb, const char *name);

/* The same by the superblock as it is now.  Errors are reported. */
int state_find_by_dev(struct blk_dev *dev, const char *name, struct state_place *place) must_check;

/* Returns 1, 0 if there is none that is sound, or an error, reported. */
int state_read(const struct state_place *place, struct state *state) must_check;

/* Is there one at the end of the device, whatever the metadata are?  Returns as state_read(). */
int state_is_at_end(struct blk_dev *dev) must_check;

/* Replaces the one that was read; if this is stopped, one of both is there.  Errors are reported.
 */
int state_write(const struct state_place *place, struct state *state) must_check;

/* There is none any more. */
int state_forget(const struct state_place *place) must_check;

/* The same for one that lies in a file, whatever the metadata are. */
int state_forget_file(const char *name, const struct report *rep) must_check;

#endif
