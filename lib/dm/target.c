/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/decimal.h"

#define BLANKS " "

/* The next word, of *len bytes, and moves on behind it; with len 0 there is none. */
static const char *next_word(const char **text, size_t *len)
{
	const char *word = *text + strspn(*text, BLANKS);

	*len = strcspn(word, BLANKS);
	*text = word + *len;
	return word;
}

static bool take_number(const char **text, uint64_t max, uint64_t *value)
{
	size_t len;
	const char *word = next_word(text, &len);

	return len && decimal_parse(word, len, max, value);
}

static bool take_u32(const char **text, uint32_t *value)
{
	uint64_t n;

	if (!take_number(text, UINT32_MAX, &n))
		return false;
	*value = (uint32_t)n;
	return true;
}

static bool take_device(const char **text, char device[MAPPER_DEVICE_MAX])
{
	size_t len;
	const char *word = next_word(text, &len);

	if (!len || len >= MAPPER_DEVICE_MAX)
		return false;
	memcpy(device, word, len);
	device[len] = '\0';
	return true;
}

/* USED/TOTAL */
static bool take_use(const char **text, uint64_t *used, uint64_t *total)
{
	size_t len;
	const char *word = next_word(text, &len), *slash = memchr(word, '/', len);
	size_t before;

	if (!slash)
		return false;
	before = (size_t)(slash - word);
	return before && before + 1 < len && decimal_parse(word, before, UINT64_MAX, used) &&
	       decimal_parse(slash + 1, len - before - 1, UINT64_MAX, total);
}

static bool is_end(const char *text)
{
	return !text[strspn(text, BLANKS)];
}

bool era_table_parse(const char *params, struct era_table *table)
{
	struct era_table t = {.sectors = 0};

	if (!take_device(&params, t.metadata) || !take_device(&params, t.origin) ||
	    !take_u32(&params, &t.block_sectors) || !is_end(params))
		return false;
	*table = t;
	return true;
}

static bool take_snapshot(const char **text, struct era_status *status)
{
	const char *rest = *text;
	size_t len;
	const char *word = next_word(&rest, &len);

	status->has_snapshot = !(len == 1 && *word == '-');
	status->snapshot = 0;
	if (status->has_snapshot)
		return take_number(text, UINT64_MAX, &status->snapshot);
	*text = rest;
	return true;
}

void era_table_format(const struct era_table *table, char params[ERA_TABLE_PARAMS])
{
	snprintf(params, ERA_TABLE_PARAMS, "%s %s %" PRIu32, table->metadata, table->origin,
		 table->block_sectors);
}

bool era_status_parse(const char *params, struct era_status *status)
{
	struct era_status s;

	if (!take_u32(&params, &s.metadata_block_sectors) ||
	    !take_use(&params, &s.nr_used, &s.nr_total) || !take_u32(&params, &s.era) ||
	    !take_snapshot(&params, &s) || !is_end(params))
		return false;
	*status = s;
	return true;
}

static bool is_word(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && !memcmp(word, text, len);
}

/* COUNT WORD... */
static bool skip_counted(const char **text)
{
	uint64_t nr;
	size_t len = 1;

	if (!take_number(text, UINT32_MAX, &nr))
		return false;
	for (uint64_t i = 0; i < nr && len; i++)
		next_word(text, &len);
	return len;
}

/* #FEATURES FEATURE...; writeback is what the kernel does if nothing else is said. */
static bool take_features(const char **text, enum cache_mode *mode)
{
	static const char *const modes[] = {
		[CACHE_WRITEBACK] = "writeback",
		[CACHE_WRITETHROUGH] = "writethrough",
		[CACHE_PASSTHROUGH] = "passthrough",
	};
	uint64_t nr;
	size_t len = 1;

	*mode = CACHE_WRITEBACK;
	if (!take_number(text, UINT32_MAX, &nr))
		return false;
	for (uint64_t i = 0; i < nr && len; i++) {
		const char *word = next_word(text, &len);

		for (unsigned j = 0; j < ARRAY_SIZE(modes); j++)
			if (is_word(word, len, modes[j]))
				*mode = (enum cache_mode)j;
	}
	return len;
}

static bool skip_policy(const char **text)
{
	size_t len;

	next_word(text, &len);
	return len && skip_counted(text);
}

bool cache_table_parse(const char *params, struct cache_table *table)
{
	struct cache_table t;

	if (!take_device(&params, t.metadata) || !take_device(&params, t.cache) ||
	    !take_device(&params, t.origin) || !take_u32(&params, &t.block_sectors))
		return false;
	t.options = params + strspn(params, BLANKS);
	if (!take_features(&params, &t.mode) || !skip_policy(&params) || !is_end(params))
		return false;
	*table = t;
	return true;
}

/* Hits and misses of reads and writes, demotions, promotions. */
#define NR_STATISTICS 6u

static bool skip_statistics(const char **text)
{
	uint64_t n;

	for (unsigned i = 0; i < NR_STATISTICS; i++)
		if (!take_number(text, UINT64_MAX, &n))
			return false;
	return true;
}

/* rw or ro, then needs_check or -, which old kernels leave out. */
static bool take_health(const char **text, struct cache_status *status)
{
	size_t len;
	const char *word = next_word(text, &len);

	status->is_read_only = is_word(word, len, "ro");
	if (!status->is_read_only && !is_word(word, len, "rw"))
		return false;
	word = next_word(text, &len);
	status->needs_check = is_word(word, len, "needs_check");
	return status->needs_check || !len || is_word(word, len, "-");
}

bool cache_status_parse(const char *params, struct cache_status *status)
{
	struct cache_status s;

	if (!take_u32(&params, &s.metadata_block_sectors) ||
	    !take_use(&params, &s.nr_used, &s.nr_total) || !take_u32(&params, &s.block_sectors) ||
	    !take_use(&params, &s.nr_resident, &s.nr_blocks) || !skip_statistics(&params) ||
	    !take_number(&params, UINT64_MAX, &s.nr_dirty) || !take_features(&params, &s.mode) ||
	    !skip_counted(&params) || !skip_policy(&params) || !take_health(&params, &s))
		return false;
	*status = s;
	return true;
}
