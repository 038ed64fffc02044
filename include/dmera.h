/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdmera reads the metadata of dm-era, the device-mapper target of Linux 
 * (drivers/md/dm-era-target.c) that records for each block of a device the era in which it was
 * last written.
 *
 *	struct dmera *era = dmera_create();
 *	struct dmera_changes *changes;
 *	struct dmera_run run = {0};
 *
 *	if (!dmera_open(era, "/dev/vg/meta", 0) && !dmera_changes_since(era, 7, &changes)) {
 *		while (dmera_changes_next(changes, &run))
 *			copy(run.offset, run.length);
 *		dmera_changes_free(changes);
 *	}
 *	dmera_destroy(era);
 *
 * The promise: a block that was written is never missing from an answer.  No part of an answer is
 * handed out before everything it depends on has been read, and compared with whatever on the
 * device could contradict it.  A call that fails gives no answer at all: treat every block as
 * written.
 *
 * Results.  Calls that can fail return 0 or a negative enum dmera_result; some return a count or a
 * truth value, and say so.  A call that fails leaves its outputs as they were, unless it says
 * otherwise.
 *
 * Units.  A data block is what dm-era tracks: dmera_facts.block_size bytes of the tracked device.
 * A metadata block is 4096 bytes of the metadata device.  Offsets, lengths and sizes are in bytes.
 * An era is a 32-bit number that only rises; block 0 is the first.
 *
 * Ownership.  The caller owns what dmera_create() and dmera_changes_since() return, and frees it
 * with dmera_destroy() and dmera_changes_free().  Strings that the library passes or returns belong
 * to the library, and are good as long as is said there.  Strings that the caller passes are
 * copied.
 *
 * Threads.  The library has no state of its own: threads that use different handles do not disturb
 * each other.  A handle is used by one thread at a time.  A struct dmera_changes is never changed,
 * so any number of threads may read it.
 *
 * The library does not print, does not end the process, installs no signal handler and starts no
 * thread.  With more than 512 writesets, reading needs a temporary file without a name (in $TMPDIR,
 * else in /var/tmp); a process that has a limit on the size of files should ignore SIGXFSZ.
 *
 * Compatibility.  Names, values and structures of this header stay as they are while the library's
 * soname is libdmera.so.0.  Structures that are passed with their size may get more members at
 * their end.
 */
#ifndef DMERA_H
#define DMERA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#define DMERA_MUST_CHECK __attribute__((__warn_unused_result__))
#else
#define DMERA_MUST_CHECK
#endif

/* How a call ended. */
enum dmera_result {
	DMERA_OK = 0,
	/* The metadata are damaged, or contradict themselves. */
	DMERA_DAMAGED = -1,
	/* The system refused: open, read, memory, a device in use. */
	DMERA_SYSTEM = -2,
	/* The question has no safe answer: there is no metadata snapshot, or it was dropped
	 * while it was read; the era is one that these metadata cannot have tracked; a size
	 * contradicts them. */
	DMERA_NO_ANSWER = -3,
	/* The program called the library in a way that it does not allow. */
	DMERA_INVALID = -4,
};

/* The version of the library, for example "1.2.0". */
const char *dmera_version(void);

/* ---- Handles ---- */

/* Settings, and the metadata that are open. */
struct dmera;

/* Returns a handle with nothing open, or NULL when there is no memory. */
struct dmera *dmera_create(void) DMERA_MUST_CHECK;

/* Closes what is open, and frees the handle.  NULL is allowed. */
void dmera_destroy(struct dmera *era);

/* Why the last call with this handle failed, as one line without newline: "PATH: WHAT: found X,
 * wanted Y"; "" when it did not fail.  PATH is as it was passed, whatever bytes it has.  Good
 * until the next call with the handle. */
const char *dmera_error(const struct dmera *era);

/*
 * ---- What is said while a call works ----
 *
 * A callback is called by the thread that called the library, with the ctx that was set with it.
 * It must not call the library with the same handle, and must return.  What it is passed is good
 * until it returns.  NULL in the place of a function switches a callback off, as at first.
 */

/* The call fails, for the reason in text: the same as dmera_error() says afterwards.  For damage
 * that ends a call there may be problems (below) and no text here. */
typedef void (*dmera_error_fn)(void *ctx, const char *text);
void dmera_set_error_callback(struct dmera *era, dmera_error_fn fn, void *ctx);

/* Nothing fails, but a user wants to know: the metadata snapshot is of an earlier era than the live
 * metadata; what DMERA_REPAIR counts as written. */
typedef void (*dmera_note_fn)(void *ctx, const char *text);
void dmera_set_note_callback(struct dmera *era, dmera_note_fn fn, void *ctx);

enum dmera_severity {
	DMERA_FATAL = 0,     /* eras may be wrong, or blocks in use will be overwritten */
	DMERA_NON_FATAL = 1, /* wasteful or untidy; no era is wrong */
	DMERA_NOTE = 2,      /* known to be harmless: the metadata are sound */
};

#define DMERA_NO_BLOCK UINT64_MAX

/* Something that is wrong with the metadata.  It may get more members at its end. */
struct dmera_problem {
	const char *name;    /* "checksum", "leak": never changes; era_check(8) lists all */
	uint32_t severity;   /* enum dmera_severity */
	uint32_t repairable; /* 1 when era_repair(8) makes sound metadata in spite of it, else 0 */
	uint64_t block;      /* metadata block, or DMERA_NO_BLOCK */
	uint64_t nr_blocks;  /* how many metadata blocks, from `block` on, have it: at least 1 */
	const char *where;   /* "era array, block 17 of 40" */
	const char *what;    /* "bad checksum" */
	const char *found;   /* in words; "" where there is nothing to say */
	const char *wanted;  /* the same */
	const char *text;    /* all of it: "block 17: where: what: found X, wanted Y" */
};

typedef void (*dmera_problem_fn)(void *ctx, const struct dmera_problem *problem);
void dmera_set_problem_callback(struct dmera *era, dmera_problem_fn fn, void *ctx);

/* Metadata blocks were read: `done` of about `total`, or of an unknown number when that is 0.  A
 * call may read the metadata several times, and then begins with 0 again. */
typedef void (*dmera_progress_fn)(void *ctx, uint64_t done, uint64_t total);
void dmera_set_progress_callback(struct dmera *era, dmera_progress_fn fn, void *ctx);

/* ---- Opening ---- */

enum dmera_open_flags {
	/* Read the metadata snapshot that the target holds (message take_metadata_snap), while
	 * the target runs.  Without this flag the device is opened exclusively, and a target
	 * that runs is refused. */
	DMERA_SNAPSHOT = 1,
	/* Read damaged metadata, too: whatever is unknown counts as written. */
	DMERA_REPAIR = 2,
};

/*
 * Opens the metadata on `path`, a block device or a regular file, and checks all of them. flags:
 * enum dmera_open_flags, or 0.
 *
 * Without DMERA_REPAIR, anything that is wrong, but for what is proven to have lost nothing, is
 * told as a problem and ends the call with DMERA_DAMAGED, or DMERA_SYSTEM for what cannot be read.
 * With DMERA_REPAIR problems are told and counted (dmera_facts.nr_problems).  Only a damaged
 * superblock still ends it: without block size, number of blocks and era there is no answer.
 *
 * DMERA_NO_ANSWER: there is no metadata snapshot.  DMERA_INVALID: unknown flags, or metadata are
 * open.
 */
int dmera_open(struct dmera *era, const char *path, unsigned flags) DMERA_MUST_CHECK;

/* Closes what is open, if anything is.  Settings and callbacks stay. */
void dmera_close(struct dmera *era);

enum dmera_fact_flags {
	DMERA_IS_SNAPSHOT = 1,  /* what is open is the metadata snapshot */
	DMERA_HAS_SNAPSHOT = 2, /* the target holds a metadata snapshot */
	/* The live metadata have no current writeset: the target was stopped cleanly, or nothing
	 * was written yet.  Not set for a target that runs, and after a crash. */
	DMERA_IS_CLEAN = 4,
	/* A flush of the origin has failed under the target of era-tools: what was written may be gone
	 * from the origin's disk.  Only DMERA_REPAIR opens such metadata, and lists every block. */
	DMERA_IS_UNFLUSHED = 8,
};

struct dmera_facts {
	uint64_t block_size;  /* of a data block, in bytes */
	uint64_t nr_blocks;   /* data blocks that are tracked */
	uint64_t nr_problems; /* that DMERA_REPAIR has passed over so far */
	uint32_t flags;       /* enum dmera_fact_flags */
	/* The current era of what is open.  With DMERA_REPAIR, where the true one is not known, it is
	 * one that is far above all that were found. */
	uint32_t era;
	uint32_t live_era; /* that of the live metadata; another one only for a metadata snapshot */
	/* The era to ask for next time, where what the device holds now is copied before its target is
	 * active again.  0 where the metadata cannot tell: of a metadata snapshot (the target's status
	 * tells, see era-tools(7)), and when anything is in doubt. */
	uint32_t era_to_remember;
	uint32_t unflushed_since; /* the first era of DMERA_IS_UNFLUSHED; 0 for all, and without it */
	uint32_t reserved;        /* 0 */
};

/* Fills in *facts, of `size` bytes: sizeof(*facts).  Members that this library does not know
 * become 0.  DMERA_INVALID: nothing is open. */
int dmera_get_facts(struct dmera *era, struct dmera_facts *facts, size_t size) DMERA_MUST_CHECK;

/* ---- Changes ---- */

/*
 * What the caller knows and the metadata don't.  These hold for calls of dmera_changes_since() that
 * follow.
 */

/* The size of the tracked device in bytes, or 0: not known, as at first.  Where it is known, no
 * run goes past it, and a size that does not have the number of blocks that are tracked is
 * DMERA_NO_ANSWER. */
void dmera_set_device_size(struct dmera *era, uint64_t bytes);

/* The smallest size in bytes that the tracked device has had since the era that is asked for.
 * Linux gives the blocks that a device grows by era 0, whatever they held; so all blocks past
 * this size are listed.  UINT64_MAX, as at first: the device did not grow. */
void dmera_set_old_size(struct dmera *era, uint64_t bytes);

/* Take only a metadata snapshot of this era; any other one is DMERA_NO_ANSWER.  DMERA_ANY_ERA, as at
 * first: take whichever is held. */
#define DMERA_ANY_ERA UINT64_MAX
void dmera_set_snapshot_era(struct dmera *era, uint64_t snapshot_era);

/* An answer: one bit per data block, and another one when something is unknown. */
struct dmera_changes;

/*
 * Which blocks were written in era `since` or later? Reads all that is open, and sets *changes,
 * which does not depend on the handle any more. 0 lists every block.  It may be asked any number of
 * times.
 *
 * When anything is wrong there is no answer (DMERA_DAMAGED, DMERA_SYSTEM); with DMERA_REPAIR every
 * block whose era is unknown is listed, and marked as unknown.  DMERA_NO_ANSWER: see there; `since`
 * may be the current era plus one at most, for a metadata snapshot its era.
 */
int dmera_changes_since(struct dmera *era, uint32_t since, struct dmera_changes **changes)
	DMERA_MUST_CHECK;

/* NULL is allowed. */
void dmera_changes_free(struct dmera_changes *changes);

struct dmera_totals {
	uint64_t nr_blocks;  /* that are tracked */
	uint64_t nr_changed; /* that are listed */
	uint64_t nr_unknown; /* of these, the ones that are listed because their era is unknown */
	uint64_t nr_problems; /* that DMERA_REPAIR passed over; what they hid is listed */
};

/* Fills in *totals, of `size` bytes: sizeof(*totals).  Members that this library does not know
 * become 0. */
void dmera_changes_get_totals(const struct dmera_changes *changes, struct dmera_totals *totals,
			      size_t size);

enum dmera_run_flags {
	DMERA_RUN_UNKNOWN = 1, /* listed because it is unknown when it was written */
};

/* Changed blocks that lie side by side. */
struct dmera_run {
	uint64_t block, nr_blocks; /* in data blocks */
	uint64_t offset, length;   /* in bytes of the tracked device */
	uint32_t flags;            /* enum dmera_run_flags */
	uint32_t reserved;         /* 0 */
};

/* Makes *run the first run behind it, and returns 1; returns 0, and leaves *run alone, when
 * there is none.  All zeroes stand before the first.  Runs ascend and do not overlap; where
 * known and unknown blocks meet, one run ends and another begins.  To start elsewhere, set
 * `block` to where, and nr_blocks to 0. */
int dmera_changes_next(const struct dmera_changes *changes, struct dmera_run *run) DMERA_MUST_CHECK;

enum dmera_bitmap {
	DMERA_CHANGED = 0, /* the block is listed */
	DMERA_UNKNOWN = 1, /* the block is listed because it is unknown when it was written */
};

/* Copies bytes `first` to first + size - 1 of a bitmap to `bits`.  Block n is bit n % 8, counted
 * from the least significant one, of byte n / 8.  Bits past the last block are 0.  Returns how
 * many bytes were copied: fewer than `size` at the end of the bitmap, which has (nr_blocks + 7)
 * / 8. */
size_t dmera_changes_bitmap(const struct dmera_changes *changes, enum dmera_bitmap which,
			    uint64_t first, void *bits, size_t size) DMERA_MUST_CHECK;

/* ---- Checking ---- */

enum dmera_check_scope {
	DMERA_CHECK_ALL = 0,        /* all that is reachable, and every reference count */
	DMERA_CHECK_SUPERBLOCK = 1, /* block 0 alone */
	DMERA_CHECK_SNAPSHOT = 2,   /* what the metadata snapshot reaches; the target may run */
};

struct dmera_check {
	uint64_t nr_fatal, nr_non_fatal, nr_notes; /* problems */
	uint64_t nr_read_errors; /* of the fatal ones, metadata blocks that cannot be read */
	uint64_t nr_refusals;    /* problems for which dmera_open() without DMERA_REPAIR refuses */
	/* In metadata blocks; 0 where it was not found out. */
	uint64_t device_blocks; /* of the device */
	uint64_t space_map_blocks, allocated_blocks; /* as the space map says */
	uint64_t reachable_blocks; /* in use, as counted; for DMERA_CHECK_ALL */
};

/*
 * Checks the metadata on `path`; nothing may be open.  Each problem goes to the problem callback,
 * and the check goes on.  Returns 0 when all is sound (notes do not count); DMERA_DAMAGED for any
 * problem, DMERA_SYSTEM when blocks cannot be read, or for another error; DMERA_NO_ANSWER: there is
 * no metadata snapshot, or it was dropped meanwhile.
 *
 * *check, of `size` bytes, sizeof(*check), is filled in always; it is all zeroes when the check
 * could not begin.  NULL and 0 are allowed.
 */
int dmera_check(struct dmera *era, const char *path, enum dmera_check_scope scope,
		struct dmera_check *check, size_t size) DMERA_MUST_CHECK;

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
