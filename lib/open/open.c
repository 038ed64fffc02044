/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is read may be sound block by block and still be short, because a pointer leads to an older
 * copy, or nowhere any more, or because the superblock is an older one.  So a check of all comes
 * first.
 *
 * Strict, what it finds ends it.  With repair the damage of an array's block is unknown where it
 * is, and nothing else: such a block has no pointers.  But every block counts as written
 *
 * - when the space map counts other blocks than are reached, or says so in its sums: a pointer may
 *   lead to another block than it did;
 * - when the space map can't be read, or something is damaged that may have held pointers, since
 *   then it can't be told which of the blocks that are counted in vain were its own; unless no more
 *   is wrong than one block, or a pointer of the superblock, and the newest state that can be found
 *   as if both were destroyed says no more than what would be read;
 * - when a block is not what it should be, but sound and of another type.  Damage doesn't make such
 *   ones: it was written when the block was in use for something else;
 * - when an era after the current one is found, or one that follows it closely in any block of the
 *   device;
 * - when a flush of the origin has failed: blocks that were written since may have their old
 *   content again.
 *
 * Where the current era itself may be another, the new one is far above all that are found, like
 * that of a salvage.  So high an era that this isn't possible is not believed.  A metadata
 * snapshot's can't be above the live one.
 */
#include "open/open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/next_step.h"
#include "block/dev.h"
#include "block/suspended.h"
#include "block/validate.h"
#include "check/check.h"
#include "salvage/salvage.h"
#include "salvage/vouch.h"

#define REASON_MAX 256

enum meaning {
	NAMES_ERA = 1,	 /* an era that contradicts the current one was found */
	OF_TYPE = 2,	 /* the block may be of another type than it should be */
	UNREADABLE = 4,	 /* the block is destroyed, which says nothing of others */
	CONTRADICTS = 8, /* the space map contradicts the pointers, or itself */
};

static const uint8_t meanings[NR_PROBLEMS] = {
	[PROBLEM_READ] = UNREADABLE,
	[PROBLEM_CHECKSUM] = OF_TYPE | UNREADABLE,
	[PROBLEM_BLOCKNR] = UNREADABLE,
	[PROBLEM_TYPE] = OF_TYPE,
	[PROBLEM_VALUE_SIZE] = OF_TYPE,
	[PROBLEM_ERA_AFTER] = NAMES_ERA,
	[PROBLEM_WRITESET_AFTER] = NAMES_ERA,
	[PROBLEM_WRITESET_TWICE] = NAMES_ERA,
	[PROBLEM_SNAP_ERA] = NAMES_ERA,
	[PROBLEM_SM_CUT] = CONTRADICTS,
	[PROBLEM_SM_PAST_END] = CONTRADICTS,
	[PROBLEM_INDEX_PAST_END] = CONTRADICTS,
	[PROBLEM_REF_FREE] = CONTRADICTS,
	[PROBLEM_REF_LOW] = CONTRADICTS,
	[PROBLEM_REF_HIGH] = CONTRADICTS,
	[PROBLEM_LEAK] = CONTRADICTS,
	[PROBLEM_LOST] = CONTRADICTS,
	[PROBLEM_REF_TREE_STRAY] = CONTRADICTS,
	[PROBLEM_REF_TREE_MISSING] = CONTRADICTS,
	[PROBLEM_REF_TREE_VALUE] = CONTRADICTS,
	[PROBLEM_NR_ALLOCATED] = CONTRADICTS,
};

struct findings {
	struct blk_dev *dev;
	const struct report *rep;
	void *data; /* a buffer */
	struct era_check_result result;
	bool contradicts;	      /* the space map, and what is reached */
	bool names_era;		      /* another one contradicts the current era */
	bool era_unread;	      /* what may name one could not be read */
	uint64_t destroyed;	      /* the first block that is, or 0 */
	uint64_t nr_elsewhere;	      /* problems that are neither of it nor of the superblock */
	uint64_t other;		      /* the first block that is of another type, or 0 */
	uint32_t newest;	      /* the highest era that was found where it counts */
	struct salvage_traces traces; /* of a live view */
	bool is_unflushed;	      /* the origin, since an era */
	uint32_t unflushed_since;
};

static void raise_to(uint32_t *to, uint64_t era)
{
	if (era > *to && era <= UINT32_MAX - ERA_SALVAGE_GAP)
		*to = (uint32_t)era;
}

static bool is_of_any_type(const struct findings *f, uint64_t block)
{
	return !blk_dev_read(f->dev, block, 1, f->data) &&
	       blk_recognise((struct blk_ro){block, f->data}) != BLOCK_NONE;
}

static void note_place(struct findings *f, const struct problem *p)
{
	if (!f->destroyed && meanings[p->code] & UNREADABLE)
		f->destroyed = p->block;
	f->nr_elsewhere += p->block && p->block != f->destroyed;
}

static void note_meaning(struct findings *f, const struct problem *p)
{
	uint8_t meaning = meanings[p->code];

	if (meaning & NAMES_ERA)
		raise_to(&f->newest, p->found);
	f->names_era |= !!(meaning & NAMES_ERA);
	if (meaning & OF_TYPE && !f->other && is_of_any_type(f, p->block))
		f->other = p->block;
	f->contradicts |= !!(meaning & CONTRADICTS);
	f->era_unread |= p->type == BLOCK_ERA || p->type == BLOCK_ERA_NODE;
}

static void on_problem(void *ctx, const struct problem *p)
{
	struct findings *f = ctx;

	if (problem_severity(p) == PROBLEM_NOTE)
		return;
	report_problem(f->rep, p);
	note_place(f, p);
	note_meaning(f, p);
}

static void on_progress(void *ctx, const struct progress *progress)
{
	const struct findings *f = ctx;

	report_progress(f->rep, progress->step, progress->done, progress->total);
}

static int check(struct findings *f, unsigned flags)
{
	const struct report rep = {.ctx = f,
				   .problem = on_problem,
				   .progress = on_progress,
				   .errors_to = f->rep};
	bool snapshot = flags & ERA_VIEW_SNAPSHOT;

	if (flags & (ERA_VIEW_REPAIR | ERA_VIEW_WHOLE))
		return era_check_dev(f->dev, snapshot ? ERA_CHECK_SNAPSHOT : ERA_CHECK_ALL, &rep,
				     &f->result);
	return era_check_before_reading(f->dev, snapshot, &rep, &f->result);
}

static int find_problems(struct findings *f, struct blk_dev *dev, const struct era_superblocks *sbs,
			 unsigned flags)
{
	int r;

	*f = (struct findings){
		.dev = dev,
		.rep = dev->rep,
		.data = blk_alloc(1),
		.newest = sbs->view.current_era,
	};
	f->is_unflushed = superblock_is_unflushed(&sbs->live, &f->unflushed_since);
	r = f->data ? check(f, flags) : report_nomem(dev->rep);
	free(f->data);
	return r;
}

static int refuse_unflushed(const struct findings *f, uint32_t since)
{
	return report_fail(
		f->rep, ERA_NO_ANSWER,
		"%s: a flush of the origin has failed, and what was written since era %" PRIu32
		" may be gone from it: no answer is safe; start the target, which marks all of it "
		"again; --repair counts every block as written; otherwise " NEXT_FULL_BACKUP,
		f->dev->path, since);
}

/* What to do about it, for a strict reader. */
static int refuse(const struct findings *f)
{
	const struct era_check_result *result = &f->result;

	if (!result->nr_refusals)
		return refuse_unflushed(f, f->unflushed_since);
	return report_fail(f->rep, result->nr_read_errors ? ERA_SYS : ERA_DAMAGED,
			   "%s: %" PRIu64 " problems: no answer is safe; %s", f->dev->path,
			   result->nr_refusals, era_check_next_step(result));
}

/* The era that is surely not below the true one. */
static uint32_t safe_era(const struct findings *f, const struct era_superblocks *sbs,
			 unsigned flags)
{
	uint32_t current = sbs->view.current_era, newest = f->newest;

	if (flags & ERA_VIEW_SNAPSHOT && f->newest <= sbs->live.current_era)
		return sbs->live.current_era;
	if (current > UINT32_MAX - ERA_SALVAGE_GAP)
		return current;
	raise_to(&newest, f->traces.newest);
	return newest + ERA_SALVAGE_GAP;
}

/* Why every block counts as written.  Of several reasons the first is told. */
enum reason {
	OTHER_TYPE,
	LATER_ERA,
	WRONG_ERA,
	FOLLOWED,
	UNFLUSHED,
	CONTRADICTION,
	SPACE_MAP_LOST,
	POINTERS_HIDDEN,
	NO_REASON,
};

static enum reason first_reason(const struct findings *f, uint32_t current_era)
{
	const bool holds[NO_REASON] = {
		[OTHER_TYPE] = f->other,
		[LATER_ERA] = f->newest > current_era,
		[WRONG_ERA] = f->names_era,
		[FOLLOWED] = f->traces.is_followed,
		[UNFLUSHED] = f->is_unflushed,
		[CONTRADICTION] = f->contradicts,
		[SPACE_MAP_LOST] = f->result.space_map_lost,
		[POINTERS_HIDDEN] = f->result.pointers_hidden,
	};
	unsigned reason = 0;

	while (reason < NO_REASON && !holds[reason])
		reason++;
	return (enum reason)reason;
}

/* The words of those that have no numbers. */
static const char *const reason_words[NO_REASON] = {
	[CONTRADICTION] = "the space map and what leads to its blocks contradict each other, as "
			  "when a pointer was lost",
	[SPACE_MAP_LOST] = "the space map can't be read, and nothing else proves that no pointer "
			   "was lost",
	[POINTERS_HIDDEN] = "what is damaged held pointers, and nothing proves that no other one "
			    "was lost",
};

static void print_reason(char *text, size_t size, enum reason reason, const struct findings *f,
			 const struct era_superblocks *sbs, unsigned flags)
{
	const char *name = flags & ERA_VIEW_SNAPSHOT ? "metadata snapshot" : "superblock";
	uint32_t current = sbs->view.current_era;

	switch (reason) {
	case OTHER_TYPE:
		snprintf(text, size,
			 "block %" PRIu64 ": is sound, but of another kind: the %s is an older "
			 "one, or a pointer is wrong",
			 f->other, name);
		break;
	case LATER_ERA:
		snprintf(text, size, "era %" PRIu32 " is found, and the %s says %" PRIu32,
			 f->newest, name, current);
		break;
	case WRONG_ERA:
		snprintf(text, size, "an era is found that contradicts the current one, %" PRIu32,
			 current);
		break;
	case FOLLOWED:
		snprintf(text, size,
			 "blocks tell of eras after %" PRIu32 ": the superblock is an older one, "
			 "or they are left of other metadata",
			 current);
		break;
	case UNFLUSHED:
		snprintf(text, size,
			 "a flush of the origin has failed, and what was written since era %" PRIu32
			 " may be gone from it",
			 f->unflushed_since);
		break;
	case CONTRADICTION:
	case SPACE_MAP_LOST:
	case POINTERS_HIDDEN:
		snprintf(text, size, "%s", reason_words[reason]);
		break;
	case NO_REASON:
		*text = '\0';
	}
}

/* Nothing contradicts the current era, and the newest archived writeset is of the one before, as
 * the kernel leaves it. */
static bool era_is_vouched_for(const struct findings *f, unsigned flags)
{
	bool snapshot = flags & ERA_VIEW_SNAPSHOT;
	const struct era_check_view *view = snapshot ? &f->result.snapshot : &f->result.live;
	uint64_t archived = view->sb.current_era + (uint64_t)(!snapshot && !view->sb.current_root);

	return !f->other && !f->contradicts && !f->names_era &&
	       f->traces.newest <= view->sb.current_era && !view->tree_damaged &&
	       view->nr_writesets && view->newest_writeset + UINT64_C(1) == archived;
}

/* The most data blocks that anything tells of but the superblock itself. */
static uint64_t most_blocks(const struct findings *f, bool is_all_lost, unsigned flags)
{
	const struct era_check_result *result = &f->result;
	bool snapshot = flags & ERA_VIEW_SNAPSHOT;
	uint64_t counts[] =
		{
			result->live.most_bits,
			result->snapshot.most_bits,
			snapshot ? result->live.sb.nr_blocks : result->snapshot.sb.nr_blocks,
			is_all_lost ? f->traces.longest : 0,
		},
		 most = 0;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		most = counts[i] > most ? counts[i] : most;
	return most;
}

/* Blocks past their number would have no place in any answer. */
static int check_nr_blocks(const struct findings *f, const struct era_superblocks *sbs,
			   unsigned flags)
{
	bool is_all_lost = flags & ERA_VIEW_ALL_LOST;
	uint64_t most = most_blocks(f, is_all_lost, flags);

	if (most <= sbs->view.nr_blocks || (!is_all_lost && !f->era_unread))
		return 0;
	return report_fail(f->rep, ERA_DAMAGED,
			   "%s: found %" PRIu32 " blocks in the superblock, others tell of "
			   "%" PRIu64 ": their number is not known; treat every block as written",
			   f->dev->path, sbs->view.nr_blocks, most);
}

static void note_all_written(const struct findings *f, enum reason reason,
			     const struct era_superblocks *sbs, unsigned flags, uint32_t era)
{
	char text[REASON_MAX];

	print_reason(text, sizeof(text), reason, f, sbs, flags);
	report_note(f->rep, "%s: %s: every block counts as written, in era %" PRIu32, f->dev->path,
		    text, era);
}

static void note_new_era(const struct findings *f, uint32_t current, uint32_t era)
{
	report_note(f->rep,
		    "%s: eras that can't be read may be after %" PRIu32 ", the current one: it "
		    "becomes %" PRIu32,
		    f->dev->path, current, era);
}

/* Decides whether every block counts as written, and what the current era is taken for: a later
 * one, where the era in which unknown blocks were written may be later. */
static int decide(const struct findings *f, struct era_superblocks *sbs, unsigned *flags)
{
	enum reason reason = first_reason(f, sbs->view.current_era);
	bool is_known = era_is_vouched_for(f, *flags);
	uint32_t current = sbs->view.current_era;
	uint32_t era = is_known ? current : safe_era(f, sbs, *flags);

	if (reason != NO_REASON) {
		note_all_written(f, reason, sbs, *flags, era);
		*flags |= ERA_VIEW_ALL_LOST;
	} else if (f->era_unread && !is_known) {
		note_new_era(f, current, era);
	} else {
		era = current;
	}
	sbs->view.current_era = era;
	if (!(*flags & ERA_VIEW_SNAPSHOT))
		sbs->live.current_era = era;
	return check_nr_blocks(f, sbs, *flags);
}

/* Lost pointers may have gone unnoticed. */
static bool could_not_look(const struct findings *f)
{
	return f->result.space_map_lost || f->result.pointers_hidden;
}

/* Of live metadata: a field of the superblock that is wrong is put right, and a space map that
 * can't be read is not missed, where what else lies on the device proves it. */
static int ask_the_device(struct findings *f, struct era_superblocks *sbs, bool *proven)
{
	int r = salvage_roots(f->dev, &sbs->view, &f->traces);

	if (!r && could_not_look(f) && !f->other && !f->contradicts && !f->nr_elsewhere)
		r = salvage_vouches(f->dev, &sbs->view, f->destroyed);
	*proven = r > 0;
	sbs->live = sbs->view;
	return r < 0 ? r : 0;
}

static int repair(struct findings *f, struct era_superblocks *sbs, unsigned *flags)
{
	bool proven = false;
	int r = 0;

	*flags |= ERA_VIEW_TOLD;
	if (!(*flags & ERA_VIEW_SNAPSHOT))
		r = ask_the_device(f, sbs, &proven);
	return r || (proven && !f->is_unflushed) ? r : decide(f, sbs, flags);
}

static uint64_t nr_passed_over(const struct findings *f)
{
	return f->result.nr_fatal + f->result.nr_non_fatal + f->is_unflushed;
}

/* Else something is being written, or was, that the archived writesets do not have. */
static int check_archived(const struct blk_dev *dev, const struct superblock *live)
{
	if (!live->current_root)
		return 0;
	return report_fail(dev->rep, ERA_NO_ANSWER,
			   "%s: the target has not archived its era: it was not suspended by this "
			   "kernel, or is no longer",
			   dev->path);
}

/* Of a target's metadata: it must be the only one. */
static int check_holders(const struct blk_dev *dev, unsigned flags)
{
	int r = flags & ERA_VIEW_SUSPENDED ? suspended_check(dev) : 0;

	return !r && flags & (ERA_VIEW_SNAPSHOT | ERA_VIEW_SUSPENDED) ? shared_check(dev) : r;
}

int era_view_open_dev(struct era_view **view, struct blk_dev *dev, unsigned flags)
{
	struct era_superblocks sbs;
	struct findings f = {.dev = dev};
	bool wants_repair = flags & ERA_VIEW_REPAIR;
	int r = check_holders(dev, flags);

	if (!r)
		r = era_read_superblocks(dev, flags, &sbs);
	if (!r && flags & ERA_VIEW_SUSPENDED)
		r = check_archived(dev, &sbs.live);
	if (!r)
		r = find_problems(&f, dev, &sbs, flags);
	if (!r && (f.result.nr_refusals || f.is_unflushed))
		r = wants_repair ? repair(&f, &sbs, &flags) : refuse(&f);
	else
		flags &= ~(unsigned)ERA_VIEW_REPAIR;
	if (r) {
		blk_dev_close(dev);
		return r;
	}
	return era_view_begin(view, dev, &sbs, flags, wants_repair ? nr_passed_over(&f) : 0);
}

int era_view_open(struct era_view **view, const char *path, unsigned flags,
		  const struct report *rep)
{
	bool is_shared = flags & (ERA_VIEW_SNAPSHOT | ERA_VIEW_SUSPENDED);
	struct blk_dev dev;
	int r = blk_dev_open(&dev, path, is_shared ? BLK_READ_SHARED : BLK_READ, rep);

	return r ? r : era_view_open_dev(view, &dev, flags);
}
