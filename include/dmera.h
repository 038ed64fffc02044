/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * libdmera reads the metadata of dm-era, the device-mapper target of Linux (drivers/md/dm-era-
 * target.c) that records for each block of a device the era in which it was last written.
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
 * The promise: a block that was written is never missing from an answer.  An answer is returned
 * only after everything it depends on has been read, and compared with whatever on the device could
 * contradict it.  A call that fails returns no part of an answer: treat every block as written.
 *
 * Results.  Calls that can fail return 0 or a negative enum dmera_result.  Those that return a
 * count or a truth value say so.  A call that fails does not change its outputs, unless stated
 * otherwise.
 *
 * Pointers.  A call that returns an enum dmera_result fails with DMERA_INVALID if a path or an
 * output is NULL.  Handles, answers, and all pointers of other calls must not be NULL.  Where NULL
 * is allowed, the comment says so.
 *
 * Units.  A data block is what dm-era tracks: dmera_facts.block_size bytes of the tracked device.
 * A metadata block is 4096 bytes of the metadata device.  Offsets, lengths and sizes are in bytes.
 * An era is a 32-bit number that only rises.  The first block is block 0.
 *
 * Ownership.  The caller owns what dmera_create(), dmera_changes_since(), dmera_witness_load() and
 * dmera_witness_decode() return, and frees it with dmera_destroy(), dmera_changes_free() and
 * dmera_witness_free().  Strings that the library passes or returns belong to the library; the
 * comments say how long they are valid.  Strings that the caller passes are copied.
 *
 * Threads.  The library has no global state: threads may use different handles at the same time.  A
 * handle must not be used by two threads at the same time.  A struct dmera_changes is never
 * modified, so any number of threads may read it.
 *
 * The library does not print, does not end the process, installs no signal handler and starts no
 * thread.  With more than 512 writesets, reading needs a temporary file without a name (in $TMPDIR,
 * else in /var/tmp); a process with a limit on the size of files should ignore SIGXFSZ.
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
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* dmera_check() in C++ */
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
	 * while it was read, or is left over from an earlier era; the era is one that these
	 * metadata cannot have tracked; a size or a witness contradicts them; a flush of the
	 * origin has failed. */
	DMERA_NO_ANSWER = -3,
	/* The program called the library in a way that it does not allow. */
	DMERA_INVALID = -4
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

/* Why the last call with this handle failed: "PATH: WHAT: found X, wanted Y", without a newline at
 * the end.  "" if it did not fail.  PATH is as it was passed, with all of its bytes: escape them
 * before they are printed.  Valid until the next call with the handle. */
const char *dmera_error(const struct dmera *era);

/*
 * ---- Callbacks ----
 *
 * A callback is called by the thread that called the library, with the ctx that was set with it.
 * It must not call the library with the same handle, and it must return.  What is passed to it is
 * valid until it returns.  NULL instead of a function switches a callback off, which is the
 * default.
 */

/* The call fails, for the reason in text, which dmera_error() returns afterwards.  If damage
 * ends a call, the problem callback may be the only one to be called; dmera_error() returns the
 * problem. */
typedef void (*dmera_error_fn)(void *ctx, const char *text);
void dmera_set_error_callback(struct dmera *era, dmera_error_fn fn, void *ctx);

/* Nothing fails, but users may want to know: that the live metadata are further on than the
 * metadata snapshot that was asked for, or what DMERA_REPAIR counts as written. */
typedef void (*dmera_note_fn)(void *ctx, const char *text);
void dmera_set_note_callback(struct dmera *era, dmera_note_fn fn, void *ctx);

enum dmera_severity {
	DMERA_FATAL = 0,     /* eras may be wrong, or blocks in use will be overwritten */
	DMERA_NON_FATAL = 1, /* wasteful or untidy; no era is wrong */
	/* The metadata are sound.  All notes are harmless but "origin-unflushed": the metadata say
	 * that the origin may not be. */
	DMERA_NOTE = 2
};

#define DMERA_NO_BLOCK UINT64_MAX

/* Something that is wrong with the metadata.  It may get more members at its end. */
struct dmera_problem {
	const char *name;    /* "checksum", "leak": never changes; era-check(8) lists all */
	uint32_t severity;   /* enum dmera_severity */
	uint32_t repairable; /* 1 when era-repair(8) makes sound metadata in spite of it, else 0 */
	uint64_t block;	     /* metadata block, or DMERA_NO_BLOCK */
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
 * call may read them several times, and `done` begins anew each time; the total is an estimate, so
 * `done` may pass it. */
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
	/*
	 * Read the live metadata of a kernel's target while its device is suspended.  They have
	 * every write that was let through, and nothing changes them until the resume.  Whoever
	 * sets this flag has suspended the device, and nobody may write to it by another way; that
	 * it is suspended is seen before the metadata are read, and by dmera_changes_since() again
	 * afterwards.  Until the resume, no status and no message of the target has an answer, and
	 * whatever writes to the device waits.
	 */
	DMERA_SUSPENDED = 4
};

/*
 * Opens the metadata on `path`, a block device or a regular file.  flags: enum dmera_open_flags, or
 * 0.  All of them are checked.  Only the blocks that hold the eras and the bits of what is opened
 * are left to dmera_changes_since(), unless DMERA_REPAIR is set.  So a successful dmera_open() does
 * not prove that the metadata are sound; a successful dmera_check() does.
 *
 * Without DMERA_REPAIR, what is found wrong is reported as a problem, and the call fails with
 * DMERA_DAMAGED, or with DMERA_SYSTEM if blocks cannot be read.  The only exceptions are problems
 * that are proven to have lost nothing.  With DMERA_REPAIR, problems are reported and counted
 * (dmera_facts.nr_problems); the call still fails if the superblock is damaged, since without block
 * size, number of blocks and era there is no answer.
 *
 * If there is no sound superblock, dmera_error() says what the device holds instead: a filesystem
 * or anything else that libblkid knows, metadata of another target, compressed data, or zeroes.
 *
 * DMERA_NO_ANSWER: there is no metadata snapshot; or, without DMERA_REPAIR, a flush of the origin
 * has failed (DMERA_IS_UNFLUSHED); or, with DMERA_SUSPENDED, `path` is not the metadata device of a
 * target that is suspended, or Linux is older than 5.19, which commits too early.  DMERA_INVALID:
 * unknown flags, no path, or metadata are open already.
 */
int dmera_open(struct dmera *era, const char *path, unsigned flags) DMERA_MUST_CHECK;

/* Closes the metadata, if any are open.  Settings and callbacks remain. */
void dmera_close(struct dmera *era);

enum dmera_fact_flags {
	DMERA_IS_SNAPSHOT = 1,	/* what is open is the metadata snapshot */
	DMERA_HAS_SNAPSHOT = 2, /* the target holds a metadata snapshot */
	/* The live metadata have no current writeset: the target was stopped cleanly, or was never
	 * active.  Not set while a target is active, nor after a crash. */
	DMERA_IS_CLEAN = 4,
	/* A flush of the origin has failed under the target of era-tools: what was written may
	 * be gone from the origin's disk.  Only DMERA_REPAIR opens such metadata, and lists
	 * every block. */
	DMERA_IS_UNFLUSHED = 8
};

struct dmera_facts {
	uint64_t block_size;  /* of a data block, in bytes */
	uint64_t nr_blocks;   /* data blocks that are tracked */
	uint64_t nr_problems; /* that DMERA_REPAIR has passed over so far, or that ended a call */
	uint32_t flags;	      /* enum dmera_fact_flags */
	/* The current era of what is open.  With DMERA_REPAIR, if the true one is not known, an
	 * era far above all that were found. */
	uint32_t era;
	uint32_t live_era; /* that of the live metadata; another one only for a metadata snapshot */
	/* The era to ask for next time, if the tracked device is copied as it is now, before its
	 * target is active again.  0 if the metadata cannot tell: for a metadata snapshot, where
	 * the target's status does (era-tools(7)), if a flush of the origin has failed, and once
	 * damage has been found.  As that may be as late as in dmera_changes_since(), ask for the
	 * facts afterwards.  To ask for era 0 is safe: it lists every block. */
	uint32_t era_to_remember;
	uint32_t unflushed_since; /* with DMERA_IS_UNFLUSHED: since this era, else 0 */
	uint32_t reserved;	  /* 0 */
};

/* Fills in *facts, of `size` bytes: sizeof(*facts).  Members that this library does not know
 * become 0.  DMERA_INVALID: nothing is open, or facts is NULL. */
int dmera_get_facts(struct dmera *era, struct dmera_facts *facts, size_t size) DMERA_MUST_CHECK;

/* ---- Changes ---- */

/*
 * What the caller knows and the metadata do not.  These settings apply to later calls of
 * dmera_changes_since().
 */

/* The size of the tracked device in bytes, or 0 if it is not known, which is the default.  No
 * run goes past this size.  If a device of this size does not have as many blocks as are
 * tracked, dmera_changes_since() fails with DMERA_NO_ANSWER. */
void dmera_set_device_size(struct dmera *era, uint64_t bytes);

/* The smallest size in bytes that the tracked device has had since the era that is asked for.
 * Linux gives era 0 to blocks that are added when a device grows, whatever they contain, so all
 * blocks past this size are listed.  UINT64_MAX, the default: the device did not grow. */
void dmera_set_old_size(struct dmera *era, uint64_t bytes);

/*
 * The era that the metadata snapshot must have; with any other, dmera_changes_since() fails with
 * DMERA_NO_ANSWER.
 *
 * DMERA_LIVE_ERA, the default, is the era that the live metadata were in when the metadata were
 * opened.  To take a metadata snapshot begins an era, so a new one passes; one that is left over
 * from earlier, and lacks what was written since, is refused once the live metadata are in a later
 * era.  This does not prove that a metadata snapshot is new: within its own era, writes after it
 * leave no mark in it.  So a program that takes one must also see that this succeeds.  Set the era
 * if the live metadata may have moved on since, by a checkpoint, for example.
 */
#define DMERA_LIVE_ERA UINT64_MAX
void dmera_set_snapshot_era(struct dmera *era, uint64_t snapshot_era);

/* An answer: one bit per data block, and a second one if anything is unknown. */
struct dmera_changes;

/*
 * Lists the blocks that were written in era `since` or later; 0 lists every block.  Reads all of
 * the metadata that are open, and sets *changes, which remains valid when the handle is closed or
 * destroyed.  May be called any number of times.
 *
 * Without DMERA_REPAIR, if anything is wrong, there is no answer (DMERA_DAMAGED, DMERA_SYSTEM).
 * With it, every block whose era is unknown is listed, and marked as unknown.  DMERA_DAMAGED, too,
 * if 63 bits cannot hold the size of the device in bytes.
 *
 * DMERA_NO_ANSWER: `since` is above the current era plus one, or for a metadata snapshot above its
 * era; a setting or the witness contradicts the metadata; or the metadata snapshot is not of the
 * live era, or of the one that was set, or was dropped or replaced meanwhile.  DMERA_INVALID:
 * nothing is open, or changes is NULL.
 */
int dmera_changes_since(struct dmera *era, uint32_t since,
			struct dmera_changes **changes) DMERA_MUST_CHECK;

/* NULL is allowed. */
void dmera_changes_free(struct dmera_changes *changes);

struct dmera_totals {
	uint64_t nr_blocks;   /* that are tracked */
	uint64_t nr_changed;  /* that are listed */
	uint64_t nr_unknown;  /* of these, blocks that are listed because their era is unknown */
	uint64_t nr_problems; /* that DMERA_REPAIR passed over; what they may hide is listed */
};

/* Fills in *totals, of `size` bytes: sizeof(*totals).  Members that this library does not know
 * become 0. */
void dmera_changes_get_totals(const struct dmera_changes *changes, struct dmera_totals *totals,
			      size_t size);

enum dmera_run_flags {
	DMERA_RUN_UNKNOWN = 1 /* listed because its era is unknown */
};

/* Adjacent blocks that are listed. */
struct dmera_run {
	uint64_t block, nr_blocks; /* in data blocks */
	uint64_t offset, length;   /* in bytes of the tracked device */
	uint32_t flags;		   /* enum dmera_run_flags */
	uint32_t reserved;	   /* 0 */
};

/* Replaces *run by the next run, and returns 1; at the end, leaves *run as it is and returns 0.
 * Begin with a run of all zeroes.  Runs ascend and do not overlap.  A run is either known or
 * unknown as a whole.  To begin elsewhere, set `block` to the first block, and `nr_blocks` to 0. */
int dmera_changes_next(const struct dmera_changes *changes, struct dmera_run *run) DMERA_MUST_CHECK;

enum dmera_bitmap {
	DMERA_CHANGED = 0, /* the block is listed */
	DMERA_UNKNOWN = 1  /* the block is listed because its era is unknown */
};

/* Copies bytes `first` to first + size - 1 of a bitmap to `bits`.  Block n is bit n % 8 of byte
 * n / 8, where bit 0 is the least significant.  The bitmap has (nr_blocks + 7) / 8 bytes, and
 * its bits past the last block are 0.  Returns the number of bytes copied, fewer than `size` at
 * the end. */
size_t dmera_changes_bitmap(const struct dmera_changes *changes, enum dmera_bitmap which,
			    uint64_t first, void *bits, size_t size) DMERA_MUST_CHECK;

/*
 * ---- Witnesses ----
 *
 * Nothing in the metadata identifies them: metadata that were made anew, an older copy, or those of
 * another disk also have an era 7, and what they list since era 7 is something else.  A witness
 * sums up what the metadata said of all their blocks.  Save one with each era that is to be asked
 * for later, and set it before asking: metadata in which the era of any block has fallen since are
 * refused.  doc/witness.md has the format, and how often other metadata are not noticed.
 *
 *	dmera_set_witness(era, old);
 *	dmera_set_make_witness(era, 1);
 *	if (!dmera_changes_since(era, 7, &changes)) {
 *		... copy, and then:
 *		dmera_witness_save(era, dmera_changes_witness(changes), path);
 *
 * A struct dmera_witness is never modified, so any number of threads may read it.
 */
struct dmera_witness;

/* The size of the largest witness, encoded, in bytes. */
#define DMERA_WITNESS_MAX_BYTES 65536

/* Reads a witness from a file.  Sets *witness, to be freed by dmera_witness_free().  DMERA_DAMAGED:
 * it is damaged, cut off, of a later version, compressed, or no witness.  DMERA_SYSTEM: the file
 * cannot be read. */
int dmera_witness_load(struct dmera *era, const char *path,
		       struct dmera_witness **witness) DMERA_MUST_CHECK;

/* Writes a witness to a file, which is replaced when all of it is on the disk; until then, and on
 * failure, the old one stays. */
int dmera_witness_save(struct dmera *era, const struct dmera_witness *witness,
		       const char *path) DMERA_MUST_CHECK;

/* The same from memory and to memory.  name is what messages call the witness.
 * dmera_witness_encode() returns the size of the witness; if that is more than `size`, nothing is
 * copied.  0: there is no memory. */
int dmera_witness_decode(struct dmera *era, const char *name, const void *data, size_t size,
			 struct dmera_witness **witness) DMERA_MUST_CHECK;
size_t dmera_witness_encode(const struct dmera_witness *witness, void *data,
			    size_t size) DMERA_MUST_CHECK;

/* NULL is allowed.  The one that a handle is set to must not be freed. */
void dmera_witness_free(struct dmera_witness *witness);

struct dmera_witness_facts {
	uint64_t block_size; /* of a data block, in bytes */
	uint64_t nr_blocks;  /* data blocks that were tracked */
	uint32_t era;	     /* the current era of what it was made from */
	uint32_t flags;	     /* DMERA_IS_SNAPSHOT: made from a metadata snapshot; else 0 */
};

/* Fills in *facts, of `size` bytes: sizeof(*facts).  Members that this library does not know
 * become 0. */
void dmera_witness_get_facts(const struct dmera_witness *witness, struct dmera_witness_facts *facts,
			     size_t size);

/*
 * Compares the metadata with a witness in each later dmera_changes_since(); NULL, the default: with
 * none.  The witness is not copied: it must exist until another one is set, or the handle is
 * destroyed.
 *
 * DMERA_NO_ANSWER: the era of a block has fallen, so these are other metadata, or older ones; the
 * block size is another one; a metadata snapshot was taken before the witness was made; or `since`
 * is more than one past the witness's era, so it was not remembered with the witness.
 *
 * If there are more blocks than the witness has, the device has grown, and they are listed.  If
 * there are fewer, a note says so, and the others are compared.  With DMERA_REPAIR, only what is
 * known is compared.
 *
 * A device that has shrunk and grown again has lost eras, and is refused, unless
 * dmera_set_old_size() says that it was smaller.
 */
void dmera_set_witness(struct dmera *era, const struct dmera_witness *witness);

/* Make a witness in each later dmera_changes_since()?  1 or 0; the default is 0, since it takes
 * longer than the answer itself. */
void dmera_set_make_witness(struct dmera *era, int wanted);

/* The witness that was made with the answer, which owns it.  NULL: none was wanted, or
 * DMERA_REPAIR has passed over anything. */
const struct dmera_witness *dmera_changes_witness(const struct dmera_changes *changes);

/* ---- Checking ---- */

enum dmera_check_scope {
	DMERA_CHECK_ALL = 0,	    /* all that is reachable, and every reference count */
	DMERA_CHECK_SUPERBLOCK = 1, /* block 0 alone */
	DMERA_CHECK_SNAPSHOT = 2    /* what the metadata snapshot reaches; the target may run */
};

struct dmera_check {
	uint64_t nr_fatal, nr_non_fatal, nr_notes; /* problems */
	uint64_t nr_read_errors; /* of the fatal ones, metadata blocks that cannot be read */
	/* Problems for which there is no answer without DMERA_REPAIR, from dmera_open() or from
	 * dmera_changes_since(): all fatal and non-fatal ones except "old-copy" and
	 * "space-map-device", which have lost nothing, and of the notes "origin-unflushed".  So
	 * there may be one although the metadata are sound. */
	uint64_t nr_refusals;
	/* In metadata blocks; 0 if not determined. */
	uint64_t device_blocks;			     /* of the device */
	uint64_t space_map_blocks, allocated_blocks; /* as the space map says */
	uint64_t reachable_blocks;		     /* in use, as counted; for DMERA_CHECK_ALL */
};

/*
 * Checks the metadata on `path`; the handle must have nothing open.  Each problem is passed to the
 * problem callback, and the check goes on.  Returns 0 if the metadata are sound; notes do not
 * count.  DMERA_DAMAGED: there are problems.  DMERA_SYSTEM: blocks cannot be read, or another error
 * of the system.  DMERA_NO_ANSWER: there is no metadata snapshot, or it was dropped meanwhile.
 *
 * Fills in *check, of `size` bytes: sizeof(*check).  That is done on failure, too, with all zeroes
 * if the check could not begin.  NULL is allowed.
 *
 * In C++, this function hides the name of the structure, which has to be written with its keyword:
 * struct dmera_check.
 */
int dmera_check(struct dmera *era, const char *path, enum dmera_check_scope scope,
		struct dmera_check *check, size_t size) DMERA_MUST_CHECK;

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
