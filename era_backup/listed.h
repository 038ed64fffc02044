/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Which ranges of the source are copied. */
#ifndef ERA_ERA_BACKUP_LISTED_H
#define ERA_ERA_BACKUP_LISTED_H

#include "copy/piece_reader.h"
#include "era_backup/backup.h"

/* What was written, by the metadata's list or by what was collected, and everything from
 * `all_from` on: what a device has grown by is in the delta whether it was written or not. */
struct listed {
	const struct dmera_changes *changes;
	const struct collection *collection; /* or */
	struct dmera_run run;
	uint64_t at; /* in the collection */
	uint64_t all_from, size;
	bool ended;
};

/* Of this backup.  A full one has everything. */
struct listed listed_of(const struct backup *b);
/* Of a later round: what is listed, and nothing else. */
struct listed listed_again(const struct backup *b);
/* Every byte. */
struct listed listed_all(uint64_t size);

/* *listed must stay where it is while it is read. */
struct copy_ranges listed_ranges(struct listed *listed);

/* Reads these ranges of the source. */
struct copy_task listed_task(const struct backup *b, const struct copy_ranges *ranges);

#endif
