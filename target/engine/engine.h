/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The target: dm-era in userspace, on the kernel's own metadata.
 *
 * The engine tracks writes to an origin that it never sees.  Its user, which serves the origin,
 * calls engine_mark() before it passes on a write, zero or trim request, and engine_done() after
 * the request has completed.  A request that was marked is in the committed metadata, so whatever
 * happens next, its blocks are listed.
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
 * A call returns 0 or a negative enum era_err, and has reported the reason.  engine_mark(),
 * engine_done(), the messages and the questions may be called by any number of threads at once,
 * between resume and suspend; the others by one thread, while no other call is under way.
 *
 * If a commit finds no space, the call that needed it fails with ERA_NO_SPACE, and may be tried
 * again. If a commit fails otherwise, the engine is read-only from then on: the device has the
 * last commit or the failed one.  Every later message, and every engine_mark() of blocks that are
 * not marked, fails and reports the same reason, and so does the status line.
 */
#ifndef ERA_TARGET_ENGINE_H
#define ERA_TARGET_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "block/dev.h"
#include "metadata/changes.h"
#include "metadata/superblock.h"
#include "target/engine/histogram.h"
#include "target/engine/lines.h"

struct engine;

/* What is also reported, as notes; new eras and a lack of space always are. */
enum engine_tells {
	ENGINE_TELLS_COMMITS = 1,
	ENGINE_TELLS_DIGESTION = 2,
};

struct engine_config {
	const char *metadata;	 /* path of a block device or a regular file */
	const char *origin_name; /* in the table line; may be NULL */
	/* Of a data block: a multiple of 8.  0: as the metadata say, unless they are created. */
	uint32_t block_sectors;
	bool format;		/* create metadata if block 0 is all zeroes */
	uint32_t first_era;	/* of new metadata; every block counts as written in it; 0: era 1 */
	bool manual_digest;	/* start no digester: engine_digest() is called instead */
	unsigned tells;		/* enum engine_tells */
	uint32_t cache_blocks;	/* metadata blocks kept in memory; 0 is a default of 2048 */
	uint32_t space_wait_ms; /* how long a message waits for space; 0 is a default of 10 s */

	uint32_t doubt_ms; /* DOUBT_FOR_A_WHILE: so long after a start; 0 is a minute */

	/* Makes the completed requests to the origin durable.  Returns 0, or an error that it has
	 * reported. NULL: completed requests are durable.  Called by any thread, one call at a
	 * time, under no lock of the engine. */
	int (*flush_origin)(void *origin);
	void *origin;

	/* May be NULL.  Must outlive the engine; it is called by any thread, possibly by two at
	 * once. */
	const struct report *rep;
};

/* Opens, locks and validates the metadata (superblock and space map).  Metadata in use, of another
 * version or block size, and damaged metadata are refused; so is a device without metadata, unless
 * `format` says to create them and its first block is zero.  Only formatting writes anything.
 * config and its strings need not outlive the call. */
int engine_open(struct engine **e, const struct engine_config *config) must_check;

/* The same on a device that is already open.  From then on it belongs to the engine, even after a
 * failure. config->metadata is not used. */
int engine_open_dev(struct engine **e, struct blk_dev *dev,
		    const struct engine_config *config) must_check;

/* Starts a new era on an origin of this size, in one commit: a writeset that a crash left is
 * archived, the era array is resized to the origin, and the era rolls over.  Blocks that are new
 * count as written in the era that begins.
 *
 * The origin is flushed first, since this closes the eras that were left open.  If the flush
 * fails, nothing is begun, and it counts as engine_flush_failed(). */
int engine_resume(struct engine *e, uint64_t origin_bytes) must_check;

/* What a target that was killed wrote in its last two eras may still be on its way to the origin,
 * or in a cache of it.  So after a stop that was not clean these blocks count as written in the era
 * that engine_resume() begins, and in each one that begins within the next doubt_ms; with
 * DOUBT_LASTS, for an origin where a flush is only for its own connection, in all until
 * engine_suspend(); and with DOUBT_NONE, where nothing is on its way when the process is gone, in
 * none.  To be called before engine_resume(). */
enum engine_doubt {
	DOUBT_FOR_A_WHILE = 0, /* unless it is called; but without flush_origin DOUBT_NONE */
	DOUBT_LASTS,
	DOUBT_NONE,
};
void engine_set_doubt(struct engine *e, enum engine_doubt doubt);

/* Waits for requests in flight, stops the digester, flushes the origin, archives the current
 * writeset and commits: the metadata are as the kernel leaves them when its target is removed.
 * engine_resume() may follow, with another size.  If a flush of the origin has failed, now or
 * before, this fails, and the metadata stay as the last commit left them. */
int engine_suspend(struct engine *e) must_check;

/* Frees everything and unlocks; NULL is legal.  Without a previous suspend, the metadata stay as
 * the last commit left them, as after a crash.  No request may be in flight. */
void engine_close(struct engine *e);

/* A request between engine_mark() and engine_done(). */
struct engine_request {
	uint32_t slot;
};

/* Returns 0 once every data block that bytes offset .. offset + len - 1 touch is committed as
 * written in the current era.  The request is in flight from then until engine_done().  On failure
 * it isn't, and must fail; ERA_NO_SPACE means that it may succeed later.  The range must be within
 * the origin; len may be 0.
 *
 * This takes no lock if the blocks are marked already.  Otherwise the calls that wait share a
 * commit. */
int engine_mark(struct engine *e, uint64_t offset, uint64_t len,
		struct engine_request *req) must_check;

/* The request has completed below, with or without an error. */
void engine_done(struct engine *e, struct engine_request req);

/*
 * The messages.
 *
 * Beginning an era returns when every request that was marked in an older era is done, and the
 * origin has been flushed since.  So the origin's durable contents, together with what is later
 * listed since *era, miss nothing.  Meanwhile new requests proceed in the new era.  era may be
 * NULL.
 *
 * A message that fails because a snapshot is already held, or none is, changes nothing, and the
 * target continues.  If the metadata lack space, the message waits for the digester, at most
 * space_wait_ms, and then fails with ERA_NO_SPACE; *cancelled, which may be NULL, ends that wait,
 * too.
 *
 * Eras do not get ahead of the time of day, in seconds since 1970 (live/pace.h): the next one waits
 * for up to two seconds, and a pause, before it begins, for up to four, so that an era and a
 * metadata snapshot need not wait in it.
 *
 * A flush of the origin that fails is final for beginning eras: see engine_flush_failed().
 */
int engine_begin_era(struct engine *e, bool snapshot, const _Atomic bool *cancelled,
		     uint32_t *era) must_check;
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
 * To be called when any flush of the origin has failed, the user's or the engine's: what was
 * written since the last good one may be lost, and a second flush that succeeds would prove
 * nothing.  Every later engine_begin_era() fails until the metadata are opened again; marks
 * continue.  The metadata record it: all blocks that were marked in eras that no good flush has
 * closed count as written once more in the era that begins with the next engine_resume() of opened
 * metadata.  Called by any thread, under no lock of the engine.
 */
void engine_flush_failed(struct engine *e);

/*
 * Several targets at one moment: pause all, roll all over, unpause all.
 *
 * engine_pause() holds new requests back and waits for those in flight; the pause lapses by itself
 * after `ms` milliseconds, within which it must also have begun.  There is one at a time, named by
 * *token, the nanoseconds since 1970 when it began.  engine_roll() begins an era in it, as
 * engine_begin_era() does.  engine_unpause() lets requests proceed; if it returns 0, none has
 * proceeded before.  With a token that has lapsed both fail with ERA_NO_ANSWER, and then no era
 * that any of the targets began counts as given out.
 */
int engine_pause(struct engine *e, uint32_t ms, uint64_t *token) must_check;
int engine_roll(struct engine *e, uint64_t token, uint32_t *era) must_check;
int engine_unpause(struct engine *e, uint64_t token) must_check;

/* Ends the pause of that token, and reports nothing if it has ended already.  Token 0 ends any
 * pause, even one for which engine_pause() still waits, which then fails. */
void engine_drop_pause(struct engine *e, uint64_t token);
bool engine_is_paused(struct engine *e);

/* The line of lines.h, or "Error: " and the reason if the engine is read-only. */
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

/* Sets the bit of every data block that was written in era `since` or later; bits has
 * bits_words(engine_nr_blocks()) words, and is cleared first.  Every request that was marked
 * before the call is included; those that are marked meanwhile may be.  ERA_NO_ANSWER, reported,
 * if since is more than one past the current era. */
int engine_changes(struct engine *e, uint32_t since, uint64_t *bits) must_check;

/* The same, for a caller that may cancel it: goes_on(ctx) is called repeatedly, under no lock, and
 * if it returns false the call ends with ERA_CANCELLED, which is not reported.  *era is the era
 * whose marks were read first, at one moment after the call began. */
int engine_read_changes(struct engine *e, uint32_t since, uint64_t *bits,
			bool (*goes_on)(void *ctx), void *ctx, uint32_t *era) must_check;

/* Updates bits, which engine_read_changes() has filled for `since` with the marks of `era`, to the
 * present. */
enum engine_added {
	ENGINE_ADDED,	  /* they include every request marked before the call */
	ENGINE_MISSING,	  /* they don't, and must not be changed */
	ENGINE_OTHER_ERA, /* another era has begun, or the engine has failed: read again */
};

enum engine_added engine_add_marks(struct engine *e, uint32_t since, uint32_t era, uint64_t *bits,
				   bool may_change) must_check;

/* The superblock as it is now. */
void engine_superblock(struct engine *e, struct superblock *sb);

/*
 * Tells the listener the eras of all blocks, in ascending chunks, while requests, messages and
 * digestion go on.  A block is said to be of the era in which it was last written when the call
 * began, or a later one, but of none after `most`, which is an era that has begun before the call.
 * So whatever is told stays true: no block's era is ever lower again.
 *
 * *cancelled, which may be NULL, ends the call with ERA_CANCELLED, which is not reported.
 */
int engine_read_eras(struct engine *e, uint32_t most, const struct era_chunk_listener *listener,
		     const _Atomic bool *cancelled) must_check;

/* One step of digestion.  Returns 1 if there is more to do, 0 if no writeset is left or there is
 * no space to continue.  For manual_digest. */
int engine_digest(struct engine *e) must_check;

struct engine_stats {
	uint64_t marks; /* calls of engine_mark() that had to wait for a commit */
	uint64_t commits;
	uint64_t flushes;
	uint64_t blocks_written; /* metadata blocks, superblocks included */
	uint64_t digested;	 /* writesets */
	uint64_t origin_flushes; /* that succeeded */

	/* As they are now. */
	uint64_t waiting;     /* writesets that are not digested yet */
	uint64_t in_flight;   /* requests */
	uint64_t used, total; /* metadata blocks */
	uint64_t spare;	      /* of these, how many can be used before no era can begin */
	uint64_t origin_bytes;
	uint32_t era;
	bool has_snapshot, is_read_only, is_unflushed, is_paused;

	struct histogram mark_wait; /* of `marks` */
	struct histogram commit;
	struct histogram begin_era;    /* engine_begin_era(), if it succeeded */
	struct histogram origin_flush; /* the same */
};

void engine_stats(struct engine *e, struct engine_stats *stats);

#endif
