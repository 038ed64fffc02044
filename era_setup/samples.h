/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which blocks of an origin are compared, and how.
 *
 * Those at its beginning, and where others begin in it (partitions, volumes, encrypted data); those
 * that were written last, in all of it and in each part, which superblocks and journals are among;
 * and some at random.
 */
#ifndef ERA_SETUP_SAMPLES_H
#define ERA_SETUP_SAMPLES_H

#include "base/compiler.h"
#include "era_setup/origin.h"
#include "era_setup/state.h"
#include "metadata/view.h"

/* Reads the eras of all blocks, and where the partitions of the origin begin, which is open as fd.
 * Sets state->samples to the blocks that are chosen by them, without hashes, and eras[i] to that of
 * old->samples[i].  Errors are reported. */
int samples_choose(struct era_view *view, int fd, struct state *state, const struct state *old,
		   uint32_t *eras) must_check;

/* Computes the hashes of state->samples.  Blocks past the end of the origin are left out. */
int samples_read(const struct origin *origin, const char *path, struct state *state,
		 const struct report *rep) must_check;

/* Compares the samples whose era isn't later than that of the state.  Returns 1 if all are the
 * same, 0 with *differs set to the first block that isn't, or an error, reported. */
int samples_compare_origin(const struct origin *origin, const char *path, const struct state *state,
			   const uint32_t *eras, uint32_t *differs,
			   const struct report *rep) must_check;

#endif
