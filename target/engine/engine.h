/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The target: dm-era in userspace, on the kernel's own metadata.
 *
 * The engine tracks writes to an origin that it never sees.  Whoever serves the origin asks
 * engine_mark() before each write, zeroing or trim goes down, and says engine_done() after it has
 * come back.  A request that was marked is in the committed metadata, so whatever happens next, its
 * blocks are listed.
 *
 *	engine_open(&e, &config);               before a fork; no thread is started
 *	engine_resume(e, origin_bytes);         after it; starts the digester
 *	    if (!engine_mark(e, offset, len, &req)) {
 *	            ... write ...
 *	            engine_done(e, req);
 *	    }
 *	engine_suspend(e);
 *	engine_close(e);
 *
 * A call returns 0 or a negative enum era_err, and has reported why.  engine_mark(), engine_done(),
 * the messages and the questions may be called by any number of threads at once, between resume and
 * suspend; the others by one thread, while no other call is under way.
 *
 * When a commit finds no space, what it was for fails with ERA_NO_SPACE, and may be tried again.  When
 * one fails otherwise the engine is read-only from then on: what is on the device is its last commit
 * or that one, every later message and every engine_mark() of blocks that are not marked fails and
 * reports the same reason, and so does the status line.
 */
#ifndef ERA_TARGET_ENGINE_H
#define ERA_TARGET_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "block/dev.h"
#include "target/engine/histogram.h"
#include "target/engine/lines.h"

struct engine;

/* What is told besides, as notes; eras and want of room always are. */
enum engine_tells {
	ENGINE_TELLS_COMMITS = 1,
	ENGINE_TELLS_DIGESTION = 2,
};

struct engine_config {
	const char *metadata;   /* path of a block device or a regular file */
	const char *origin_name; /* in the table line; may be NULL */
	uint32_t block_sectors; /* of a data block: a multiple of 8; 0, but to format: the metadata's */
	bool format;            /* make new metadata where block 0 is all zeroes */
	bool manual_digest;     /* start no digester: engine_digest() is called instead */
	unsigned tells;         /* enum engine_tells */
	uint32_t cache_blocks;  /* metadata blocks kept in memory; 0 is a default of 2048 */
	uint32_t room_wait_ms;  /* how long a message waits for room; 0 is a default of 10 s */

	/* Makes durable what requests that are done have written to the origin: 0, or an error that it
	 * has reported.  NULL: what is done is durable.  Called by any thread, one call at a time,
	 * under no lock of the engine. */
	int (*flush_origin)(void *origin);
	void *origin;

	/* May be NULL.  Must live as long as the engine; its calls come from any thread, also two
	 * at once. */
	const struct report *rep;
};

/* Opens, locks and validates the metadata (superblock and space map).  Refused: metadata in use, of
 * another version or block size, damaged ones, and a device without metadata unless `format`
 * says to make them, and then only if its first block is zero.  Only formatting writes anything.
 * config and its strings may go away after the call. */
int engine_open(struct engine **e, const struct engine_config *config) must_check;

/* The same on a device that is open already, and is the engine's from then on, also on failure.
 * config->metadata is not used. */
int engine_open_dev(struct engine **e, struct blk_dev *dev, const struct engine_config *config)
	must_check;

/* Starts a new era on an origin of so many bytes, in one commit: a writeset that a crash left is
 * archived, the era array gets the origin's length, and the era rolls over.  Blocks that are
 * new count as written in the era that begins.
 *
 * The origin is flushed before, since this closes the eras that were left open.  When that fails, nothing
 * is begun, and it counts as engine_flush_failed(). */
int engine_resume(struct engine *e, uint64_t origin_bytes) must_check;

/* Waits for requests in flight, stops the digester, flushes the origin, archives the current writeset
 * and commits: the metadata are as the kernel leaves them when its target is removed.
 * engine_resume() may follow, with another size.  When a flush of the origin has failed, now or before, this
 * fails, and the metadata stay as the last commit left them. */
int engine_suspend(struct engine *e) must_check;

/* Frees all and unlocks; NULL is legal.  Without a suspend before, the metadata stay as the last
 * commit left them, as after a crash.  Call it while no request is in flight. */
void engine_close(struct engine *e);

/* A request between engine_mark() and engine_done(). */
struct engine_request {
	uint32_t slot;
};

/* Returns 0 once every data block that bytes offset .. offset + len - 1 touch is committed as
 * written in the current era.  The request is in flight from then until engine_done(); on failure
 * it isn't, and must fail: ERA_NO_SPACE says that the same may succeed later.  The range must lie
 * within the origin; len may be 0.
 *
 * Without a lock when the blocks are marked already.  Else the calls that wait share a commit. */
int engine_mark(struct engine *e, uint64_t offset, uint64_t len, struct engine_request *req)
	must_check;

/* The request has completed below, well or not. */
void engine_done(struct engine *e, struct engine_request req);

/*
 * The messages.
 *
 * Beginning an era returns when every request that was marked in an older one is done, and the origin
 * has been flushed since: what the origin keeps then, and what is listed since *era later, together
 * miss nothing.  Meanwhile new requests go on in the new era.  era may be NULL.
 *
 * One that fails because a snapshot is held already, or none is, changes nothing; the target goes on.
 * Where the metadata have no room it waits for the digester, at most room_wait_ms, and then fails
 * with ERA_NO_SPACE; *cancelled, which may be NULL, ends that wait, too.
 *
 * A flush of the origin that fails is final for beginning eras: see engine_flush_failed().
 */
int engine_begin_era(struct engine *e, bool snapshot, const _Atomic bool *cancelled, uint32_t *era)
	must_check;
int engine_drop_metadata_snap(struct engine *e) must_check;

static inline int engine_checkpoint(struct engine *e, uint32_t *era)
{
	return engine_begin_era(e, false, NULL, era);
}

static inline int engine_take_metadata_snap(struct engine *e, uint32_t *era)
{
	return engine_begin_era(e, true, NULL, era);
}

/*
 * A flush of the origin has failed, whoever asked for it: what was written since the last good one
 * may be lost, and a second flush that succeeds would prove nothing.  Every later engine_begin_era()
 * fails until the metadata are opened again; marks go on.  The metadata remember it: all blocks that
 * were marked in eras that no good flush has closed count as written once more in the era that the
 * next engine_resume() of opened metadata begins.  Called by any thread, under no lock of the engine.
 */
void engine_flush_failed(struct engine *e);

/*
 * Several targets at one moment: pause all, roll all over, unpause all.
 *
 * engine_pause() holds new requests back and waits for those in flight; it lapses by itself after
 * `ms` milliseconds, in which it must have begun, too.  One at a time; *token names it.
 * engine_roll() begins an era meanwhile, as engine_begin_era() does.  engine_unpause() lets requests
 * go on; when it returns 0 none has gone on before.  With a token that has lapsed both fail with
 * ERA_NO_ANSWER, and then no era that any of the targets began counts as given out.
 */
int engine_pause(struct engine *e, uint32_t ms, uint64_t *token) must_check;
int engine_roll(struct engine *e, uint64_t token, uint32_t *era) must_check;
int engine_unpause(struct engine *e, uint64_t token) must_check;

/* Ends the pause of that token, and says nothing where it has ended already.  With 0 it ends any
 * pause, also one for which engine_pause() still waits, which fails then. */
void engine_drop_pause(struct engine *e, uint64_t token);
bool engine_is_paused(struct engine *e);

/* The line of lines.h, or "Error: " and why, when the engine is read-only. */
void engine_status(struct engine *e, char *line, size_t size);

/* Has the engine failed, so that nothing can be marked any more? */
bool engine_is_read_only(struct engine *e);

/* Where the metadata are. */
const char *engine_metadata_name(const struct engine *e);

/* The line of lines.h. */
void engine_table(struct engine *e, char *line, size_t size);

/* The era of the last commit.  It is shown before any request is marked in it. */
uint32_t engine_era(struct engine *e);
uint32_t engine_nr_blocks(const struct engine *e);
uint64_t engine_block_bytes(const struct engine *e);
uint64_t engine_origin_bytes(const struct engine *e); /* as of the last resume */

/* Sets the bit of every data block that was written in era `since` or later; bits is of
 * bits_words(engine_nr_blocks()) words, and the call clears it first.  Every request that
 * was marked before the call is in it; those that are marked meanwhile may be.  ERA_NO_ANSWER,
 * reported, when since lies more than one past the current era. */
int engine_changes(struct engine *e, uint32_t since, uint64_t *bits) must_check;

/* The same, for a caller that may lose interest: goes_on(ctx) is called again and again, under no
 * lock, and when it says false the call ends with ERA_CANCELLED, which is not reported.  *era is the
 * one whose marks were taken over first, at one moment after the call began. */
int engine_read_changes(struct engine *e, uint32_t since, uint64_t *bits,
			bool (*goes_on)(void *ctx), void *ctx, uint32_t *era) must_check;

/* Brings bits, which engine_read_changes() has filled for `since` with the marks of `era`, up to this
 * moment. */
enum engine_added {
	ENGINE_ADDED,    /* it has every request that was marked before the call */
	ENGINE_MISSING,  /* it has not, and was not to be changed */
	ENGINE_OTHER_ERA, /* another era has begun, or the engine has failed: they must be read anew */
};

enum engine_added engine_add_marks(struct engine *e, uint32_t since, uint32_t era, uint64_t *bits,
				   bool may_change) must_check;

/* One step of digestion: 1 when there is more to do, 0 when no writeset is left, or there is no room
 * to go on.  For manual_digest. */
int engine_digest(struct engine *e) must_check;

struct engine_stats {
	uint64_t marks;          /* calls of engine_mark() that had to wait for a commit */
	uint64_t commits;
	uint64_t flushes;
	uint64_t blocks_written; /* metadata blocks, superblocks included */
	uint64_t digested;       /* writesets */
	uint64_t origin_flushes; /* that succeeded */

	/* As they are now. */
	uint64_t waiting;        /* writesets that are not digested yet */
	uint64_t in_flight;      /* requests */
	uint64_t used, total;    /* metadata blocks */
	uint64_t spare;          /* of these, what can be taken before no era can be begun */
	uint32_t era;
	bool has_snapshot, is_read_only, is_unflushed, is_paused;

	struct histogram mark_wait;    /* of `marks` */
	struct histogram commit;
	struct histogram begin_era;    /* engine_begin_era(), where it succeeded */
	struct histogram origin_flush; /* the same */
};

void engine_stats(struct engine *e, struct engine_stats *stats);

#endif
