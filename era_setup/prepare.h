/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Devices that are not in use: their metadata are checked, and brought up to date with an origin
 * that has changed meanwhile. */
#ifndef ERA_SETUP_PREPARE_H
#define ERA_SETUP_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "era_setup/origin.h"
#include "era_setup/setup.h"
#include "era_setup/state.h"
#include "metadata/changes.h"

struct preparation {
	struct setup *s;
	struct tracked t;
	bool may_shrink, marks_all; /* what was asked for */
	bool is_new;		    /* the metadata, in which all blocks are written */
	uint64_t sectors;	    /* how much of the origin was tracked, for prepare_remember() */
	bool has_discarded;	    /* the target, for the same */

	/* What is found, and stays when the devices have been closed. */
	struct origin origin;
	char metadata[MAPPER_DEVICE_MAX];
	uint32_t nr_blocks;   /* of the origin */
	struct superblock sb; /* as it was */

	/* While it is done. */
	struct state_place place;
	struct state state, next;	  /* as it was left, and as it will be */
	uint32_t eras[STATE_MAX_SAMPLES]; /* of the samples of `state` */
	bool has_state, is_marked;
	char since[UNTRACKED_SINCE_BYTES]; /* if is_marked: it was without its target */
	bool is_doubted; /* this sample differed, and may have been written by the target */
	uint32_t doubted;
	struct era_changes unseen; /* blocks that were written after `state`; no bits: none */
};

/* Holds both devices until it has checked the metadata and marked what they don't know of: blocks
 * by which the origin has grown, and all if it isn't what it was when the target was stopped.
 * Errors are reported. */
int prepare(struct preparation *p) must_check;

/* To be called when the target was stopped: remembers what the origin is.  If that is impossible,
 * nothing is remembered, so that all blocks will count as written. */
int prepare_remember(struct preparation *p) must_check;

/* The same while the target is active, from the metadata snapshot, which must have been taken for
 * it.  Returns 1 if a newer snapshot is needed to tell what the target has written.  If it fails,
 * what was remembered before stays, or nothing does, so that all blocks will count as written. */
int prepare_remember_active(struct preparation *p) must_check;

/* While the target is active: discards may have passed it. */
int prepare_note_discards(const struct preparation *p) must_check;

#endif
