/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What tables and statuses of the targets era and cache say.  The texts are those of struct
 * mapper_target, from the kernel's documentation of the targets.
 */
#ifndef ERA_DM_TARGET_H
#define ERA_DM_TARGET_H

#include "dm/dm.h"

#define MAPPER_DEVICE_MAX 24u /* MAJOR:MINOR, with the '\0' */

/* METADATA ORIGIN BLOCK-SIZE */
struct era_table {
	char metadata[MAPPER_DEVICE_MAX], origin[MAPPER_DEVICE_MAX];
	uint32_t block_sectors;
	uint64_t sectors; /* of the device; 0: era_table_parse() does not know */
};

/* METADATA-BLOCK-SIZE USED/TOTAL ERA SNAPSHOT */
struct era_status {
	uint32_t metadata_block_sectors;
	uint64_t nr_used, nr_total; /* metadata blocks */
	uint32_t era;
	bool has_snapshot;
	uint64_t snapshot; /* its block */
};

/* false if it is none: the target's status is "Error" after its metadata could not be written. */
bool era_table_parse(const char *params, struct era_table *table) must_check;
bool era_status_parse(const char *params, struct era_status *status) must_check;

/* The params of a table; `sectors` is no part of them. */
#define ERA_TABLE_PARAMS (2 * MAPPER_DEVICE_MAX + 16)
void era_table_format(const struct era_table *table, char params[ERA_TABLE_PARAMS]);

enum cache_mode { CACHE_WRITEBACK, CACHE_WRITETHROUGH, CACHE_PASSTHROUGH };

/* METADATA CACHE ORIGIN BLOCK-SIZE, and what is kept in options: #FEATURES FEATURE... POLICY
 * #ARGUMENTS ARGUMENT... */
struct cache_table {
	char metadata[MAPPER_DEVICE_MAX], cache[MAPPER_DEVICE_MAX], origin[MAPPER_DEVICE_MAX];
	uint32_t block_sectors;
	enum cache_mode mode;
	const char *options; /* a part of the text */
};

struct cache_status {
	uint32_t metadata_block_sectors, block_sectors;
	uint64_t nr_used, nr_total;	 /* metadata blocks */
	uint64_t nr_resident, nr_blocks; /* cache blocks */
	uint64_t nr_dirty;
	enum cache_mode mode;
	bool is_read_only, needs_check; /* the metadata */
};

/* false if it is none: the target's status is "Fail" or "Error" after its metadata failed. */
bool cache_table_parse(const char *params, struct cache_table *table) must_check;
bool cache_status_parse(const char *params, struct cache_status *status) must_check;

#endif
