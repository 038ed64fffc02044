/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/target.h"

#include <string.h>

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
	struct era_table t;

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
