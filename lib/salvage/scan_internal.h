/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A look at every block of a device, without a superblock to begin at: what each one is by its
 * checksum, its own number and its structure, and which blocks its pointers lead to.
 *
 * Free space is full of older copies of what is in use, and they look as good: what a scan finds
 * says nothing of what is true.
 */
#ifndef ERA_SALVAGE_SCAN_INTERNAL_H
#define ERA_SALVAGE_SCAN_INTERNAL_H

#ifndef ROOM_SALVAGE
#error "for lib/salvage alone"
#endif

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"

enum scan_type {
	SCAN_DAMAGED, /* of no type, or unreadable */
	SCAN_ZERO,
	SCAN_SUPERBLOCK, /* or a clone of one */
	SCAN_INDEX,
	SCAN_BITMAP,
	SCAN_NODE, /* an internal node of any tree */
	SCAN_REF_LEAF,
	SCAN_WRITESETS, /* a leaf of a writeset tree */
	SCAN_ARRAY_LEAF,
	SCAN_ERAS,
	SCAN_BITS,
};

struct scan_block {
	uint8_t type;
	uint16_t nr; /* entries, of nodes and array blocks */
	/* Of eras the highest, of bits how many are set, of nodes where their entries are. */
	uint32_t value;
};

/* An entry of a leaf of the writeset tree. */
struct scan_writeset {
	uint32_t era, nr_bits, root;
};

struct scan {
	struct blk_dev *dev;
	uint64_t limit;		   /* blocks 0 .. limit - 1 were looked at */
	struct scan_block *blocks; /* limit of them */
	uint32_t *pool;		   /* the entries of nodes */
	uint64_t nr_pool;
	size_t capacity;
	uint64_t nr_of_type[SCAN_BITS + 1]; /* of blocks from 1 on */
	uint64_t end;			    /* from here on all blocks are zero */
	uint64_t nr_holes; /* blocks from 1 on and before the end that are damaged or zero */
	uint64_t first_hole;
	uint64_t hole;	       /* a block that may have been of any type, or 0; set by who looks */
	uint32_t max_era;      /* the highest in any block */
	uint32_t max_digested; /* the highest in any block of an era array */
	uint16_t partial;      /* entries of an era array's block that isn't full; 0: none found */
	bool resized;	       /* not all of these have as many: there were arrays of other sizes */
	uint64_t longest; /* entries of the longest era array that a leaf or a block tells of, older
			   * copies included, but for what its last block may lack */
	bool was_longer;  /* an era array's block holds eras behind its end */
	uint32_t max_bits; /* the most bits of any writeset in a tree, older copies included */
	uint32_t data_block_size; /* in sectors, of the last clone found; 0: none */
	uint64_t nr_looked_at; /* entries, pointers and words, by all that was done with it since */
};

/* Reads all of dev, which must outlive the scan.  What can't be read is damaged.  ERA_SYS when
 * there is no memory (reported). */
int scan_open(struct scan *scan, struct blk_dev *dev) must_check;
void scan_close(struct scan *scan);

/* The children of a SCAN_NODE or SCAN_ARRAY_LEAF; 0 stands for a number that is out of range. */
const uint32_t *scan_children(const struct scan *scan, uint64_t block);

/* The key of a SCAN_ARRAY_LEAF's first child; UINT32_MAX when those after it do not follow it. */
uint32_t scan_first_index(const struct scan *scan, uint64_t block);

/* The entries of SCAN_WRITESETS.  A root or era out of range is 0 or UINT32_MAX. */
struct scan_writeset scan_writeset(const struct scan *scan, uint64_t block, uint32_t i);

/* The highest era in a block of an era array or of a writeset tree; 0 in all others. */
uint32_t scan_newest_era(const struct scan *scan, uint64_t block);

/* Has more been looked at than a device of that size warrants?  What a kernel leaves takes some
 * hundred looks for each block, or thousands where the device is large; nobody wants to wait for
 * what takes more. */
bool scan_is_exhausted(const struct scan *scan);

/* Reads a block of it once more.  An errno, not reported. */
int scan_read(struct scan *scan, uint64_t block, void *data) must_check;

/* The blocks of the array under root, in order, of which the hole may be one.  Sets *nr, at most
 * scan->limit; free() the list.
 * NULL with *nr 0 when the tree is not that of an array of such blocks without a gap, or empty,
 * and with *nr UINT64_MAX when there is no memory (reported). */
uint32_t *scan_array(struct scan *scan, uint64_t root, enum scan_type type, uint64_t *nr);

/* An array tree without entries. */
bool scan_is_empty_array(const struct scan *scan, uint64_t root);

struct scan_writesets {
	struct scan_writeset *list;
	uint64_t nr;
};

/* The writesets of the tree under root, ascending.  1 with a list to free(), 0 and no list when it
 * is no such tree, or ERA_SYS when there is no memory (reported). */
int scan_writesets(struct scan *scan, uint64_t root, struct scan_writesets *out) must_check;

#endif
