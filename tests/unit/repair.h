/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Repairs the metadata in a file into another one, as era_repair does it. */
#ifndef ERA_TESTS_REPAIR_H
#define ERA_TESTS_REPAIR_H

#include <unistd.h>

#include "block/dev.h"
#include "build/build.h"
#include "open/open.h"
#include "salvage/salvage.h"

static inline int repair_salvaged(void *ctx, const struct era_stream *to)
{
	return era_salvage_stream(ctx, to);
}

static inline int repair_view(void *ctx, const struct era_stream *to)
{
	struct era_losses losses;

	return era_stream_view(ctx, to, &losses);
}

/* Of `from`, whose superblock is destroyed. */
static inline int repair_salvage(struct blk_dev *from, const char *to,
				 const struct era_salvage_hints *hints)
{
	struct era_salvage *s;
	int r = era_salvage_open(&s, from, hints);

	if (r)
		return r;
	r = era_build_all(to, false, repair_salvaged, s, NULL);
	era_salvage_close(s);
	return r;
}

/* There is nothing at `to` when it fails. */
static inline int repair_metadata(const char *from, const char *to,
				  const struct era_salvage_hints *hints)
{
	struct era_view *view;
	struct blk_dev dev;
	int r = blk_dev_open(&dev, from, BLK_READ, NULL);

	unlink(to);
	if (r)
		return r;
	r = era_salvage_is_needed(&dev);
	if (r > 0)
		return repair_salvage(&dev, to, hints);
	if (r) {
		blk_dev_close(&dev);
		return r;
	}
	r = era_view_open_dev(&view, &dev, ERA_VIEW_REPAIR);
	if (r)
		return r;
	r = era_build_all(to, false, repair_view, view, NULL);
	era_view_close(view);
	return r;
}

#endif
