/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/block_type.h"
#include "base/compiler.h"
#include "base/err.h"

enum value_form {
	NOTHING,
	DECIMAL,
	HEX,
	TYPE,
	ERRNO,
};

static const struct row {
	const char *name;
	const char *what;
	const char *wanted; /* stands before the number wanted */
	enum value_form found_form, wanted_form;
	enum problem_severity severity;
	bool repairable;
} table[NR_PROBLEMS] = {
	[PROBLEM_READ] = {"read", "cannot be read", "", ERRNO, NOTHING, PROBLEM_FATAL, true},
	[PROBLEM_CHECKSUM] = {"checksum", "bad checksum", "", HEX, HEX, PROBLEM_FATAL, true},
	[PROBLEM_BLOCKNR] = {"block-number", "wrong own block number", "", DECIMAL, DECIMAL,
			     PROBLEM_FATAL, true},
	[PROBLEM_POINTER] = {"pointer", "pointer out of range", "1 to ", DECIMAL, DECIMAL,
			     PROBLEM_FATAL, true},
	[PROBLEM_MULTIPLY_CLAIMED] = {"twice", "reached twice", "", NOTHING, NOTHING, PROBLEM_FATAL,
				      true},
	[PROBLEM_TYPE] = {"role", "block in two types", "", TYPE, TYPE, PROBLEM_FATAL, true},
	[PROBLEM_POSITION] = {"position", "shared block at another place of its array", "", DECIMAL,
			      DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SUPERBLOCK_CHECKSUM] = {"checksum", "bad checksum in superblock", "", HEX, HEX,
					 PROBLEM_FATAL, false},
	[PROBLEM_MAGIC] = {"magic", "bad magic", "", DECIMAL, DECIMAL, PROBLEM_FATAL, false},
	[PROBLEM_VERSION] = {"version", "unknown version", "", DECIMAL, DECIMAL, PROBLEM_FATAL,
			     false},
	[PROBLEM_META_BLOCK_SIZE] = {"metadata-block-size", "bad metadata block size in sectors",
				     "", DECIMAL, DECIMAL, PROBLEM_FATAL, false},
	[PROBLEM_DATA_BLOCK_SIZE] = {"data-block-size", "bad data block size in sectors",
				     "a positive multiple of ", DECIMAL, DECIMAL, PROBLEM_FATAL,
				     false},
	[PROBLEM_NR_BLOCKS] = {"nr-blocks", "too many data blocks", "at most ", DECIMAL, DECIMAL,
			       PROBLEM_FATAL, false},
	[PROBLEM_NODE_FLAGS] = {"node-flags", "bad node flags", "1 (internal) or ", DECIMAL,
				DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_VALUE_SIZE] = {"value-size", "wrong value size", "", DECIMAL, DECIMAL,
				PROBLEM_FATAL, true},
	[PROBLEM_MAX_ENTRIES] = {"max-entries", "wrong max_entries", "", DECIMAL, DECIMAL,
				 PROBLEM_FATAL, true},
	[PROBLEM_TOO_MANY_ENTRIES] = {"too-many-entries", "too many entries", "at most ", DECIMAL,
				      DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_EMPTY_NODE] = {"empty-node", "node without entries", "at least ", DECIMAL, DECIMAL,
				PROBLEM_FATAL, true},
	[PROBLEM_KEY_ORDER] = {"key-order", "keys do not ascend", "above ", DECIMAL, DECIMAL,
			       PROBLEM_FATAL, true},
	[PROBLEM_KEY_LOW] = {"key-low", "key before its parent's range", "at least ", DECIMAL,
			     DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_KEY_HIGH] = {"key-high", "key past its parent's range", "below ", DECIMAL, DECIMAL,
			      PROBLEM_FATAL, true},
	[PROBLEM_DEPTH] = {"depth", "tree too deep", "at most ", DECIMAL, DECIMAL, PROBLEM_FATAL,
			   true},
	[PROBLEM_ARRAY_ENTRIES] = {"array-entries", "wrong number of entries", "", DECIMAL, DECIMAL,
				   PROBLEM_FATAL, true},
	[PROBLEM_ARRAY_MISSING] = {"array-missing", "array block missing", "", DECIMAL, DECIMAL,
				   PROBLEM_FATAL, true},
	[PROBLEM_ARRAY_EXTRA] = {"array-extra", "array block past the end", "below ", DECIMAL,
				 DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_ERA_AFTER] = {"era-after", "era after the current one", "at most ", DECIMAL,
			       DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_AFTER] = {"writeset-after", "writeset of an era after the current one",
				    "at most ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_TWICE] = {"writeset-twice",
				    "archived writeset of the era that is still "
				    "being written",
				    "below ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_BITS] = {"writeset-bits", "too many bits in a writeset", "at most ",
				   DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_TAIL] = {"writeset-tail", "bit set past the end of the writeset",
				   "below ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_COUNT] = {"writeset-count", "arrays of more blocks than there are",
				    "at most ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_WRITESET_GAP] = {"writeset-gap",
				  "no writeset for some eras (usual only after a "
				  "restore)",
				  "", DECIMAL, DECIMAL, PROBLEM_NOTE, false},
	[PROBLEM_UNFLUSHED] = {"origin-unflushed",
			       "a flush of the origin has failed (the target marks "
			       "again at its next start), first era in doubt",
			       "after ", DECIMAL, DECIMAL, PROBLEM_NOTE, false},
	[PROBLEM_SNAP_ERA] = {"snapshot-era", "snapshot's era is after the live one", "at most ",
			      DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SNAP_BLOCK_SIZE] = {"snapshot-block-size",
				     "snapshot's data block size is not "
				     "the live one",
				     "", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SNAP_NESTED] = {"snapshot-nested", "snapshot of a snapshot", "", DECIMAL, DECIMAL,
				 PROBLEM_FATAL, true},
	[PROBLEM_SM_SIZE] = {"space-map-size", "bad number of blocks in the space map", "1 to ",
			     DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SM_DEVICE] = {"space-map-device",
			       "the device is shorter than the metadata, in blocks", "at least ",
			       DECIMAL, DECIMAL, PROBLEM_FATAL, false},
	[PROBLEM_SM_SHORT] = {"space-map-short", "block in use past the end of the space map",
			      "below ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SM_CUT] = {"device-cut", "block counted as in use past the end of the device",
			    "below ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_SM_PAST_END] = {"bitmap-tail", "count of a block past the end of the space map",
				 "", DECIMAL, DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_INDEX_PAST_END] = {"index-tail", "index entry past the last bitmap", "", DECIMAL,
				    DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_REF_FREE] = {"reachable-free",
			      "block in use is free in the space map, reference "
			      "count",
			      "", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_REF_LOW] = {"count-low", "reference count too low", "", DECIMAL, DECIMAL,
			     PROBLEM_FATAL, true},
	[PROBLEM_REF_HIGH] = {"count-high", "reference count too high", "", DECIMAL, DECIMAL,
			      PROBLEM_NON_FATAL, true},
	[PROBLEM_LEAK] = {"leak", "allocated but unused (leak), reference count", "", DECIMAL,
			  DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_OLD_COPY] = {"old-copy",
			      "an older copy of the superblock was left allocated "
			      "(leak), reference count",
			      "", DECIMAL, DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_LOST] = {"lost",
			  "a pointer to it was lost: it is whole, and counted as in use, "
			  "reference count",
			  "", DECIMAL, DECIMAL, PROBLEM_FATAL, false},
	[PROBLEM_REF_TREE_STRAY] = {"count-stray",
				    "ref-count tree counts a block whose bitmap "
				    "entry does not say so",
				    "", DECIMAL, DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_REF_TREE_MISSING] = {"count-missing",
				      "no entry in the ref-count tree, bitmap "
				      "entry",
				      "below ", DECIMAL, DECIMAL, PROBLEM_FATAL, true},
	[PROBLEM_REF_TREE_VALUE] = {"count-value", "small count in the ref-count tree", "at least ",
				    DECIMAL, DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_NR_ALLOCATED] = {"nr-allocated", "wrong nr_allocated", "", DECIMAL, DECIMAL,
				  PROBLEM_NON_FATAL, true},
	[PROBLEM_NR_FREE] = {"nr-free", "wrong nr_free in the index (harmless)", "", DECIMAL,
			     DECIMAL, PROBLEM_NOTE, true},
	[PROBLEM_NR_FREE_LOW] = {"nr-free-low", "nr_free hides free blocks", "at least ", DECIMAL,
				 DECIMAL, PROBLEM_NON_FATAL, true},
	[PROBLEM_NONE_FREE_BEFORE] = {"none-free-before", "none_free_before hides free blocks",
				      "at most ", DECIMAL, DECIMAL, PROBLEM_NON_FATAL, true},
};

static const bool of_counts[NR_PROBLEMS] = {
	[PROBLEM_SM_PAST_END] = true,	   [PROBLEM_INDEX_PAST_END] = true,
	[PROBLEM_REF_FREE] = true,	   [PROBLEM_REF_LOW] = true,
	[PROBLEM_REF_HIGH] = true,	   [PROBLEM_LEAK] = true,
	[PROBLEM_OLD_COPY] = true,	   [PROBLEM_REF_TREE_STRAY] = true,
	[PROBLEM_REF_TREE_MISSING] = true, [PROBLEM_REF_TREE_VALUE] = true,
	[PROBLEM_NR_ALLOCATED] = true,	   [PROBLEM_NR_FREE] = true,
	[PROBLEM_NR_FREE_LOW] = true,	   [PROBLEM_NONE_FREE_BEFORE] = true,
};

static const char *const type_names[NR_BLOCK_TYPES] = {
	[BLOCK_NONE] = "unused",
	[BLOCK_SUPERBLOCK] = "superblock",
	[BLOCK_SNAPSHOT] = "metadata snapshot",
	[BLOCK_INDEX] = "space-map index",
	[BLOCK_BITMAP] = "space-map bitmap",
	[BLOCK_REF_NODE] = "ref-count tree node",
	[BLOCK_WRITESET_NODE] = "writeset tree node",
	[BLOCK_BITSET_NODE] = "writeset node",
	[BLOCK_BITSET] = "writeset block",
	[BLOCK_ERA_NODE] = "era array node",
	[BLOCK_ERA] = "era array block",
};

const char *block_type_name(enum block_type type)
{
	return type_names[type];
}

void problem_set(struct problem *p, enum problem_code code, uint64_t block, uint64_t found,
		 uint64_t wanted)
{
	*p = (struct problem){.code = code, .block = block, .found = found, .wanted = wanted};
}

enum problem_severity problem_severity(const struct problem *p)
{
	return table[p->code].severity;
}

const char *problem_severity_name(enum problem_severity severity)
{
	static const char *const names[] = {
		[PROBLEM_FATAL] = "fatal",
		[PROBLEM_NON_FATAL] = "non-fatal",
		[PROBLEM_NOTE] = "note",
	};

	return names[severity];
}

bool problem_is_repairable(const struct problem *p)
{
	return table[p->code].repairable;
}

int problem_error(const struct problem *p)
{
	return p->code == PROBLEM_READ ? ERA_SYS : ERA_DAMAGED;
}

bool problem_is_of_counts(const struct problem *p)
{
	return of_counts[p->code];
}

const char *problem_name(const struct problem *p)
{
	return table[p->code].name;
}

const char *problem_what(const struct problem *p)
{
	return table[p->code].what;
}

static void value_text(enum value_form form, uint64_t value, char *text, size_t size)
{
	switch (form) {
	case NOTHING:
		text[0] = '\0';
		break;
	case DECIMAL:
		snprintf(text, size, "%" PRIu64, value);
		break;
	case HEX:
		snprintf(text, size, "0x%08" PRIx64, value);
		break;
	case TYPE:
		snprintf(text, size, "%s", block_type_name((enum block_type)value));
		break;
	case ERRNO:
		snprintf(text, size, "%s", strerror((int)value));
		break;
	}
}

void problem_found(const struct problem *p, char *text, size_t size)
{
	value_text(table[p->code].found_form, p->found, text, size);
}

void problem_wanted(const struct problem *p, char *text, size_t size)
{
	const struct row *row = &table[p->code];
	char number[PROBLEM_TEXT_MAX / 2];

	value_text(row->wanted_form, p->wanted, number, sizeof(number));
	snprintf(text, size, "%s%s", row->wanted, number);
}

static void place_text(const struct problem *p, char *text, size_t size)
{
	if (p->block == PROBLEM_NO_BLOCK)
		text[0] = '\0';
	else if (p->nr_blocks > 1)
		snprintf(text, size, "blocks %" PRIu64 " to %" PRIu64 ": ", p->block,
			 p->block + p->nr_blocks - 1);
	else
		snprintf(text, size, "block %" PRIu64 ": ", p->block);
}

void problem_line(const struct problem *p, char *text, size_t size)
{
	char place[64], found[PROBLEM_TEXT_MAX], wanted[PROBLEM_TEXT_MAX];

	place_text(p, place, sizeof(place));
	problem_found(p, found, sizeof(found));
	problem_wanted(p, wanted, sizeof(wanted));
	snprintf(text, size, "%s%s: %s%s%s%s%s", place, p->where, problem_what(p),
		 *found ? ": found " : "", found, *wanted ? ", wanted " : "", wanted);
}
