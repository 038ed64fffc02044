/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Building new metadata from a stream of events, and writing them to a device.
 *
 * The stream fills a staging file (block/staging.h).  The device is opened first, so that a busy
 * or small one is refused early, and is written only by era_build_commit(): the old superblock is
 * invalidated, the blocks are written, then the new superblock; each step is flushed before the
 * next.  If it is stopped at any point, the device has the old metadata, none, or the new.
 */
#ifndef ERA_BUILD_BUILD_H
#define ERA_BUILD_BUILD_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/stream.h"

struct blk_dev;
struct era_build;

enum era_build_flag {
	ERA_BUILD_TIGHT = 1,	   /* an existing device need only hold the metadata */
	ERA_BUILD_FORCE = 2,	   /* what it holds is overwritten, whatever it is */
	ERA_BUILD_KEEP_SOUND = 4,  /* unless forced, sound metadata are refused, too */
	ERA_BUILD_RECOMMENDED = 8, /* a new file has the size that build/size.h recommends, and on a
				      device larger than that STATE_ROOM_BLOCKS are left */
};

/* path: a device or file.  The commit creates a file that doesn't exist, with enough space for the
 * kernel to work.  An existing one that holds something else is refused (build/overwrite.h).
 * flags: of enum era_build_flag.  path and rep must outlive the build. */
int era_build_open(struct era_build **build, const char *path, unsigned flags,
		   const struct report *rep) must_check;

/* The same on an open device, which the build takes over; it is closed on failure, too. */
int era_build_open_dev(struct era_build **build, struct blk_dev *dev, unsigned flags) must_check;

/* What will be overwritten, for reading; without blocks if it is a file to be created.  It belongs
 * to the build. */
struct blk_dev *era_build_dev(struct era_build *build);

/* The stream that feeds the build. */
struct era_stream era_build_stream(struct era_build *build);

/* To be called when the stream has ended: writes everything to the device. */
int era_build_commit(struct era_build *build) must_check;

/* Frees everything; without a previous commit, the device is as it was.  NULL is legal. */
void era_build_close(struct era_build *build);

/* All of this: opens, lets produce feed the stream, and commits if it returns 0. */
int era_build_all(const char *path, unsigned flags,
		  int (*produce)(void *ctx, const struct era_stream *to), void *ctx,
		  const struct report *rep) must_check;

#endif
