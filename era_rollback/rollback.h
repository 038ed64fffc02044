/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One rollback of the storage below a dm-cache.
 *
 *	stack	 the cache and the era device below it, by their tables: what is refused
 *	clean	 what only a writeback cache has is written to the origin
 *	progress what has been done, in a file that is written before each step
 *	compare	 what is in a cache that was not seen to stop, with what is on the origin
 *	work	 the devices are stopped: stale mappings go, blocks are marked
 *	storage	 what COMMAND has made of the origin
 *
 * All that a boot needs to be right is written before COMMAND begins: the new cache metadata lack
 * every block that COMMAND may change, and the same blocks are marked in a new era.
 */
#ifndef ERA_ERA_ROLLBACK_ROLLBACK_H
#define ERA_ERA_ROLLBACK_ROLLBACK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "cache/rebuild.h"
#include "dm/dm.h"
#include "dm/target.h"
#include "tools/tool.h"

struct rollback_options {
	const char *path; /* the name of the cache */
	const char *exec, *witness, *tables, *state;
	uint32_t era, limit_s;
	bool has_era, has_limit, drop_all, done, status, cancel, quick, dry_run, json, quiet;
};

#define LAYER_PARAMS 4096u

/* The devices below the two. */
enum part { PART_CACHE_METADATA, PART_CACHE_DATA, PART_ERA_METADATA, PART_ORIGIN, NR_PARTS };

/* What stays the same when a device gets another number. */
#define PART_ID 192u

/* A device that is one target. */
struct layer {
	char name[MAPPER_NAME_MAX], uuid[MAPPER_UUID_MAX];
	uint64_t sectors;
	char params[LAYER_PARAMS];
	bool active, no_discards;
	bool had_no_discards; /* before a run that was killed */
};

/* Was any block written after the marks of an earlier run? */
enum rollback_use { USE_UNKNOWN, USE_NONE, USE_WRITTEN };

enum rollback_step {
	STEP_NONE,
	STEP_STOPPING, /* nothing has been written */
	STEP_READY,    /* the devices are stopped; stale mappings go, blocks are marked */
	STEP_COMMAND,  /* COMMAND was begun */
	STEP_DONE,     /* COMMAND has ended well */
	NR_STEPS
};

/* What is read of a device at once. */
#define PIECE_BLOCKS 256u /* of metadata: what memory for direct reads is counted in */
#define PIECE_BYTES (PIECE_BLOCKS * 4096u)

/* A block of the origin, and what it held before COMMAND. */
struct sample {
	uint64_t block, hash;
};

struct samples {
	uint64_t size; /* of a block, in bytes */
	uint64_t read; /* how much of it is read, from its beginning */
	size_t nr, room;
	struct sample *all;
};

enum sample_set {
	SAMPLES_LISTED,	  /* some that COMMAND may change */
	SAMPLES_UNLISTED, /* some that it must not change */
	SAMPLES_KEPT,	  /* all that the cache will still hold, in blocks of the cache */
	NR_SAMPLE_SETS
};

/* Which blocks there are in a set, and what they held; which is 0: unknown. */
struct sampled {
	uint64_t which, held;
};

struct rollback {
	const struct rollback_options *options;
	struct tool *tool;
	const struct report *rep;
	struct mapper *mapper;

	struct layer cache, era;
	struct cache_table cache_table;
	struct era_table era_table;
	char parts[NR_PARTS][PART_ID];
	bool passes_discards;
	bool is_another;  /* the origin was that of another snapshot when this run began */
	bool drops_all;	  /* mappings */
	bool marks_all;	  /* blocks */
	bool is_trusted;  /* the cache was stopped since it was seen to be clean */
	bool stopped;	  /* by this run */
	bool is_cleaning; /* the cache has the table that cleans it, not its own */
	bool was_active;  /* when this run began */
	bool resumes;	  /* COMMAND was begun by a run that was interrupted */
	bool was_done;	  /* it has ended well, and whether it must be run again is not known yet */
	bool is_over;	  /* it need not: nothing is left to do but to start the devices */
	bool has_begun;	  /* COMMAND, in this run */
	bool was_used;	  /* COMMAND has used the devices: their metadata are not as they were */

	char *file; /* of the progress */
	int lock;
	enum rollback_step step;
	bool has_progress; /* of an earlier run */
	bool is_this_boot; /* that it was written in */
	uint32_t since;	   /* of that */
	uint32_t marks;	   /* the era of the marks that it has made; 0: unknown */
	enum rollback_use use;

	/* What comes of it. */
	uint64_t nr_cleaned, nr_mapped, nr_dirty, nr_kept, nr_blocks, nr_marked, block_size;
	uint32_t marked_era;
	uint64_t written; /* a hash of both superblocks, as they were written before COMMAND */
	uint64_t *marked; /* one bit per block */
	struct samples samples[NR_SAMPLE_SETS];
	/* As they were before COMMAND was begun for the first time. */
	struct sampled listed, unlisted;
};

/* What is rolled back to; for --cancel, by the earlier run. */
static inline uint32_t rollback_era(const struct rollback *r)
{
	return r->options->has_era ? r->options->era : r->since;
}

/* All return 0 or an error, reported, unless they say otherwise. */

/* Prints what is done, or would be. */
void rollback_say(const struct rollback *r, const char *fmt, ...) format_printf(2, 3);

/* Finds both devices: those that are active, or as they were in the file of an earlier run, or in
 * that of --tables; then refuses what is refused. */
int stack_find(struct rollback *r) must_check;

/* Reads the progress, if there is any; takes the lock. */
int progress_read(struct rollback *r) must_check;
int progress_write(struct rollback *r, enum rollback_step step) must_check;
int progress_forget(struct rollback *r) must_check;
const char *progress_name(enum rollback_step step);
/* What to do next, for a message. */
const char *progress_advice(const struct rollback *r);

/* Removes both; creates them again, with the same tables, and compares these. */
int stack_stop(struct rollback *r) must_check;
int stack_start(struct rollback *r) must_check;
/* Has somebody else created one of them meanwhile? */
int stack_refuse_active(const struct rollback *r) must_check;

/* parts.c.  COMMAND may deactivate a volume and activate it again, with another number. */
int parts_identify(struct rollback *r) must_check;
/* Puts the numbers that the devices have now into both tables. */
int parts_find(struct rollback *r) must_check;

int clean_cache(struct rollback *r) must_check;
/* Gives a cache that is being cleaned its own table. */
int clean_undo(struct rollback *r) must_check;

/* Of both devices, which are stopped; nr_mapped is how often it will be asked. */
struct comparison;

int comparison_open(struct rollback *r, uint64_t nr_mapped,
		    struct comparison **comparison) must_check;
/* Does this cache block hold what the origin has? */
int comparison_ask(struct comparison *comparison, const struct cache_mapping *mapping,
		   bool *same) must_check;
/* NULL is legal. */
void comparison_close(struct comparison *comparison);

/* The paths of the metadata; NULL: those of the devices, which are stopped. */
struct work_paths {
	char era[PATH_MAX], cache[PATH_MAX];
};

/* Lists, chooses, and writes: not in a dry run, nor if an earlier run has done it all (is_over). */
int work_prepare(struct rollback *r, const struct work_paths *paths) must_check;
/* Are the metadata not those that were written?  Whoever has used the devices changed both: each
 * start begins an era, and the cache counts what is read. */
int work_look_whether_used(struct rollback *r) must_check;
/* The same by copies of the metadata of devices that are active. */
int work_dry(struct rollback *r) must_check;

/* Chooses some of the blocks in r->marked, and some others; reads all of them, before COMMAND. */
int storage_choose(struct rollback *r) must_check;
/* The cache will hold this one, of so many bytes. */
int storage_keep(struct rollback *r, uint64_t origin_block, uint64_t size) must_check;
int storage_sample(struct rollback *r) must_check;
/* As they were read then. */
struct sampled storage_sampled(const struct rollback *r, enum sample_set set);
void storage_free(struct rollback *r);

enum storage_change {
	STORAGE_UNKNOWN,   /* nothing was there to compare */
	STORAGE_SAME,	   /* no listed block has changed */
	STORAGE_CHANGED,   /* only listed ones have */
	STORAGE_UNEXPECTED /* others have, too */
};

int storage_compare(struct rollback *r, enum storage_change *change) must_check;

/* Is a merge of LVM to be done when the origin is activated the next time? */
bool storage_is_pending(struct rollback *r);

int print_answer(struct rollback *r) must_check;

#endif
