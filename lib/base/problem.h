/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Everything that can be wrong with dm-era metadata, as one table.
 *
 * A problem is a row of that table (its code), the place where it was found, and two numbers: what
 * was found and what was wanted.  The row determines the wording, so every program and every
 * format says the same thing in the same words.
 */
#ifndef ERA_BASE_PROBLEM_H
#define ERA_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block_type.h"

enum problem_code {
	/* any block */
	PROBLEM_READ, /* found: errno */
	PROBLEM_CHECKSUM,
	PROBLEM_BLOCKNR,
	PROBLEM_POINTER,	  /* found: the pointer; wanted: the largest that is in range */
	PROBLEM_MULTIPLY_CLAIMED, /* reached a second time within one view */
	PROBLEM_TYPE,		  /* found, wanted: enum block_type */
	PROBLEM_POSITION,	  /* shared by both views, but at different places of the array */
	/* superblock */
	PROBLEM_SUPERBLOCK_CHECKSUM, /* scripts look for its wording */
	PROBLEM_MAGIC,
	PROBLEM_VERSION,
	PROBLEM_META_BLOCK_SIZE,
	PROBLEM_DATA_BLOCK_SIZE,
	PROBLEM_NR_BLOCKS,
	/* btree nodes */
	PROBLEM_NODE_FLAGS,
	PROBLEM_VALUE_SIZE,
	PROBLEM_MAX_ENTRIES,
	PROBLEM_TOO_MANY_ENTRIES,
	PROBLEM_EMPTY_NODE,
	PROBLEM_KEY_ORDER, /* found: the key; wanted: above its left neighbour */
	PROBLEM_KEY_LOW,
	PROBLEM_KEY_HIGH,
	PROBLEM_DEPTH,
	/* arrays */
	PROBLEM_ARRAY_ENTRIES,
	PROBLEM_ARRAY_MISSING, /* found: the first index there is; wanted: the one missing */
	PROBLEM_ARRAY_EXTRA,
	/* eras and writesets */
	PROBLEM_ERA_AFTER,
	PROBLEM_WRITESET_AFTER,
	PROBLEM_WRITESET_TWICE,
	PROBLEM_WRITESET_BITS,
	PROBLEM_WRITESET_TAIL, /* found: the first bit past the end that is set; wanted: nr_bits */
	PROBLEM_WRITESET_COUNT,
	PROBLEM_WRITESET_GAP,
	PROBLEM_UNFLUSHED, /* found: the first era in doubt; wanted: one after the current one */
	/* the metadata snapshot's clone */
	PROBLEM_SNAP_ERA,
	PROBLEM_SNAP_BLOCK_SIZE,
	PROBLEM_SNAP_NESTED,
	/* space map */
	PROBLEM_SM_SIZE,
	PROBLEM_SM_DEVICE,
	PROBLEM_SM_SHORT, /* found: a block in use; wanted: how many the space map has */
	PROBLEM_SM_CUT,	  /* found: a block that is counted; wanted: how many the device has */
	PROBLEM_SM_PAST_END,
	PROBLEM_INDEX_PAST_END,
	PROBLEM_REF_FREE,
	PROBLEM_REF_LOW,
	PROBLEM_REF_HIGH,
	PROBLEM_LEAK,
	PROBLEM_OLD_COPY, /* a leak that is proven to be an older copy of the superblock */
	PROBLEM_LOST,	  /* a block whose pointer was lost; found, wanted: reference counts */
	PROBLEM_REF_TREE_STRAY,
	PROBLEM_REF_TREE_MISSING,
	PROBLEM_REF_TREE_VALUE,
	PROBLEM_NR_ALLOCATED,
	PROBLEM_NR_FREE,
	PROBLEM_NR_FREE_LOW,
	PROBLEM_NONE_FREE_BEFORE,
	NR_PROBLEMS
};

enum problem_severity {
	PROBLEM_FATAL,	   /* the metadata are wrong, or will be overwritten */
	PROBLEM_NON_FATAL, /* wasteful or untidy; no era is wrong */
	PROBLEM_NOTE,	   /* the metadata are sound: does not fail a check */
};

#define PROBLEM_NO_BLOCK UINT64_MAX
#define PROBLEM_WHERE_MAX 96

struct problem {
	enum problem_code code;
	uint64_t block;		       /* metadata block, or PROBLEM_NO_BLOCK */
	uint64_t nr_blocks;	       /* 0, or how many blocks have the problem, from `block` on */
	char where[PROBLEM_WHERE_MAX]; /* e.g. "era array, block 17 of 40" */
	uint64_t found, wanted;
	/* The type that the block, or the target of a wrong pointer, should have; or BLOCK_NONE. */
	enum block_type type;
};

/* Fills in everything but `where` and `type`, which are left to the validator's caller. */
void problem_set(struct problem *p, enum problem_code code, uint64_t block, uint64_t found,
		 uint64_t wanted);

enum problem_severity problem_severity(const struct problem *p);
const char *problem_severity_name(enum problem_severity severity);
bool problem_is_repairable(const struct problem *p);

/* The error that a call returns because of the problem.  A block that can't be read says nothing
 * about the metadata (ERA_SYS); anything else is ERA_DAMAGED. */
int problem_error(const struct problem *p);

/* Is it only a wrong number in the space map: a count, or a total of counts? */
bool problem_is_of_counts(const struct problem *p);

/* A name that never changes, for programs: "checksum", "leak". */
const char *problem_name(const struct problem *p);

/* The wording: what is wrong, and found and wanted as text (empty if there is nothing to say).
 * Texts need at most PROBLEM_TEXT_MAX bytes. */
#define PROBLEM_TEXT_MAX 96
const char *problem_what(const struct problem *p);
void problem_found(const struct problem *p, char *text, size_t size);
void problem_wanted(const struct problem *p, char *text, size_t size);

/* The whole line, without newline: "block 17: where: what: found X, wanted Y". */
#define PROBLEM_LINE_MAX 512
void problem_line(const struct problem *p, char *text, size_t size);

#endif
