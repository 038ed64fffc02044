/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A simulated metadata device, for tests: it fails where it is told to, and after a run it shows
 * every state that a power failure could have left.
 *
 * It lies in memory behind struct blk_dev_ops, and logs all that is written and flushed.  A stop is
 * then a place in that log: what was flushed before it is on the medium, of each write since each
 * sector may be, or not, in any combination.  So the code under test runs once, and no thread or
 * process has to be stopped.
 *
 *	simdev_open(&sim, nr_blocks);
 *	... fill sim.data, simdev_settle(&sim) ...
 *	simdev_dev(&sim, &dev, rep);
 *	... run the code under test on dev ...
 *	simdev_for_each_stop(&sim, &how, judge, ctx, &result);
 *	simdev_close(&sim);
 *
 * Reads, writes, flushes and promises may come from several threads at once; nothing else may.
 */
#ifndef ERA_TESTS_SIM_SIMDEV_H
#define ERA_TESTS_SIM_SIMDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block/dev.h"

#define SIMDEV_NO_BLOCK UINT64_MAX

/* What goes wrong.  Calls are counted from 1, from simdev_open() or simdev_settle() on; 0: none. */
struct simdev_faults {
	uint64_t bad_block;	     /* reads that touch it fail with EIO; or SIMDEV_NO_BLOCK */
	uint64_t read, write, flush; /* which of them fails */
	int error;		     /* with this; 0 is EIO */
	bool short_write;	     /* half of the write is done before it fails */
	bool lasting;		     /* and so do all after it */
};

struct simdev_event;

struct simdev {
	uint8_t *data; /* as a reader sees it */
	uint64_t nr_blocks;
	struct simdev_faults faults;	 /* none after simdev_open() */
	uint64_t reads, writes, flushes; /* how many there were */
	/* The rest is its own. */
	uint8_t *base;
	struct simdev_event *log;
	size_t nr_events, room;
	pthread_mutex_t lock;
};

/* All zero.  Out of memory ends the test program, here and everywhere. */
void simdev_open(struct simdev *sim, uint64_t nr_blocks);
void simdev_close(struct simdev *sim);

/* The device as the library wants it; any number may be open.  What blk_dev_open_ops() returns. */
int simdev_dev(struct simdev *sim, struct blk_dev *dev, const struct report *rep) must_check;

/* All of sim->data is on the medium, and the log begins here.  Counters and faults are cleared. */
void simdev_settle(struct simdev *sim);

/* From here on a judge is told n (0 before): what the code under test has promised to the world,
 * such as the number of marks acknowledged. */
void simdev_promise(struct simdev *sim, uint64_t n);

/* How thorough to be. */
struct simdev_how {
	/* About how many states of one stop are judged; all that there are, when they are fewer,
	 * else the extremes and a random choice.  0 is 1024; some tens do for logs of thousands.  A
	 * state costs what the judge takes, and a copy of all that is not flushed. */
	unsigned states;
	uint64_t seed;
	uint64_t without_flush; /* this flush is taken for one that did nothing; 0: none */
};

struct simdev_stop {
	struct simdev *image; /* what is there when power comes back; the judge may write to it, and
			       * even go through its stops */
	uint64_t promise;     /* the last before the stop */
	char why[256];	      /* for the judge: what is wrong */
};

struct simdev_result {
	uint64_t stops, states, bad;
	char first_bad[512];
};

/* Judges the states that a power failure at any point of the log could leave, from before the first
 * write to after the last.  judge returns false for a state that must not be.  A write that failed
 * may be there or not, whole or in part, whatever is flushed later (unless it failed with ENOSPC:
 * then it isn't); so may all that a failed flush should have flushed. */
void simdev_for_each_stop(const struct simdev *sim, const struct simdev_how *how,
			  bool (*judge)(void *ctx, struct simdev_stop *stop), void *ctx,
			  struct simdev_result *result);

#endif
