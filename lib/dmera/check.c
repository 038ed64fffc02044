/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "check/check.h"

#include <inttypes.h>
#include <string.h>

#include "base/compiler.h"
#include "dmera/dmera_internal.h"
#include "metadata/superblock.h"

static const enum era_check_scope scopes[] = {
	[DMERA_CHECK_ALL] = ERA_CHECK_ALL,
	[DMERA_CHECK_SUPERBLOCK] = ERA_CHECK_SUPERBLOCK,
	[DMERA_CHECK_SNAPSHOT] = ERA_CHECK_SNAPSHOT,
};

/* A note, since the metadata are sound, but they can't tell what is on the origin. */
static uint64_t nr_refusals(const struct era_check_result *result)
{
	uint32_t since;

	return result->nr_refusals + superblock_is_unflushed(&result->live.sb, &since);
}

static struct dmera_check figures(const struct era_check_result *result)
{
	return (struct dmera_check){
		.nr_fatal = result->nr_fatal,
		.nr_non_fatal = result->nr_non_fatal,
		.nr_notes = result->nr_notes,
		.nr_read_errors = result->nr_read_errors,
		.nr_refusals = nr_refusals(result),
		.device_blocks = result->device_blocks,
		.space_map_blocks = result->live.sb.sm.nr_blocks,
		.allocated_blocks = result->live.sb.sm.nr_allocated,
		.reachable_blocks = result->nr_reachable,
	};
}

/* A check that came to its end is a success only when it found nothing. */
static int judge(struct dmera *era, const struct era_check_result *result)
{
	if (!result->nr_fatal && !result->nr_non_fatal)
		return 0;
	if (result->is_explained)
		return ERA_DAMAGED;
	return report_fail(&era->report, result->nr_read_errors ? ERA_SYS : ERA_DAMAGED,
			   "%s: %" PRIu64 " fatal and %" PRIu64 " non-fatal problems: %s",
			   era->path, result->nr_fatal, result->nr_non_fatal,
			   era_check_next_step(result));
}

int dmera_check(struct dmera *era, const char *path, enum dmera_check_scope scope,
		struct dmera_check *check, size_t size)
{
	struct era_check_result result = {0};
	struct dmera_check found;
	int r;

	if (check)
		memset(check, 0, size);
	dmera_begin(era, path);
	if ((unsigned)scope >= ARRAY_SIZE(scopes))
		return dmera_misused(era, "dmera_check: unknown scope");
	if (!path)
		return dmera_misused(era, "dmera_check: no path");
	if (era->view)
		return dmera_misused(era, "dmera_check: metadata are open");
	r = era_check(path, scopes[scope], &era->report, &result);
	if (!r)
		r = judge(era, &result);
	found = figures(&result);
	if (check)
		dmera_copy_out(check, size, &found, sizeof(found));
	return dmera_end(era, r);
}
