/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/engine/lines.h"

#include <inttypes.h>
#include <stdio.h>

#include "ondisk/era_disk.h"

void engine_status_line(char *line, size_t size, const struct engine_figures *figures)
{
	char snapshot[32] = "-";

	if (figures->snapshot)
		snprintf(snapshot, sizeof(snapshot), "%" PRIu64, figures->snapshot);
	snprintf(line, size, "%u %" PRIu64 "/%" PRIu64 " %" PRIu32 " %s", META_BLOCK_SECTORS,
		 figures->used, figures->total, figures->era, snapshot);
}

void engine_table_line(char *line, size_t size, const char *metadata, const char *origin,
		       uint64_t sectors)
{
	snprintf(line, size, "%s %s %" PRIu64, metadata, origin && *origin ? origin : "-", sectors);
}
