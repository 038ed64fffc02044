/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What is made of metadata whose device was there without its target.  What was written then is
 * not known, and new metadata or a dump would not say so: every block counts as written, in an era
 * above all that may have been recorded.
 */
#ifndef ERA_REPAIR_ALL_WRITTEN_H
#define ERA_REPAIR_ALL_WRITTEN_H

#include "base/compiler.h"
#include "metadata/stream.h"
#include "tools/salvage.h"

struct all_written {
	struct era_header header;
	const struct report *rep;
};

/* Closes dev.  flags: for era_view_open_dev(); salvage: NULL, or the superblock is destroyed. */
int all_written_find(struct all_written *all, struct blk_dev *dev, unsigned flags,
		     const struct salvage_options *salvage, struct tool *tool) must_check;

/* A producer for era_build_all() and others; ctx is a struct all_written. */
int all_written_produce(void *ctx, const struct era_stream *to) must_check;

/* The status of a command that has streamed it; prints its line. */
enum exit_status all_written_status(const struct all_written *all, struct tool *tool);

#endif
