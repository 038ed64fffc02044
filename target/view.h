/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What a server without an engine reads: the live metadata, which nobody may write to, or a
 * metadata snapshot, whose target goes on. */
#ifndef ERA_TARGET_VIEW_H
#define ERA_TARGET_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/view.h"
#include "target/metadata.h"

#define TARGET_LIVE_ERA UINT64_MAX

struct target_view {
	const struct metadata *metadata;
	bool is_snapshot;
	uint64_t snapshot; /* its block, when the server was started */
	uint32_t era;	   /* of the snapshot */
};

/* Prepares v to read the live metadata. */
void target_view_live(struct target_view *v, const struct metadata *metadata);

/*
 * Prepares v to read the metadata snapshot that is held now, which must be of era `wanted`;
 * TARGET_LIVE_ERA is the era in which the live metadata are now, so that a snapshot that was left
 * over is refused.  Later, the live metadata may go on.  Returns 0, or an error, reported.
 */
int target_view_snapshot(struct target_view *v, const struct metadata *metadata,
			 uint64_t wanted) must_check;

/* Opens it.  A snapshot must be the one that was held at the start.  Returns 0, or an error,
 * reported. */
int target_view_open(const struct target_view *v, struct era_view **view) must_check;

#endif
