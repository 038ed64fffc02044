/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target/since.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "era/changes.h"
#include "era/open.h"
#include "target/log.h"

#define ZERO_SUFFIX ",zero"

/* Decimal digits, and where they end. */
static bool parse_era(const char **text, uint32_t *era)
{
	const char *c = *text;
	uint64_t n = 0;

	for (; *c >= '0' && *c <= '9' && n <= UINT32_MAX; c++)
		n = n * 10 + (uint64_t)(*c - '0');
	if (c == *text || n > UINT32_MAX)
		return false;
	*text = c;
	*era = (uint32_t)n;
	return true;
}

bool since_parse(struct since *since, const char *name)
{
	const char *rest = name + strlen(SINCE_PREFIX);
	uint32_t era;

	if (strncmp(name, SINCE_PREFIX, strlen(SINCE_PREFIX)) || !parse_era(&rest, &era))
		return false;
	if (*rest && strcmp(rest, ZERO_SUFFIX))
		return false;
	*since = (struct since){.era = era, .zero = *rest};
	return true;
}

int since_ask(struct since *since, struct engine *e)
{
	uint32_t nr_blocks = engine_nr_blocks(e);
	uint64_t *bits = calloc(bits_words(nr_blocks) + 1, sizeof(*bits));
	int r;

	if (!bits)
		return report_nomem(&log_report);
	r = engine_changes(e, since->era, bits);
	if (r) {
		free(bits);
		return r;
	}
	since->bits = bits;
	since->nr_blocks = nr_blocks;
	since->block_bytes = engine_block_bytes(e);
	return 0;
}

int since_read_snapshot(struct since *since, const char *metadata)
{
	struct era_changes changes = {NULL, 0};
	struct era_view view;
	int r = era_view_open(&view, metadata, ERA_VIEW_SNAPSHOT, &log_report);

	if (r)
		return r;
	r = era_changes_allowed(&view, since->era);
	if (!r)
		r = era_view_settle(&view, era_changes_read(&view, since->era, &changes));
	if (r) {
		era_changes_free(&changes);
	} else {
		since->bits = changes.bits;
		since->nr_blocks = view.sb.nr_blocks;
		since->block_bytes = superblock_block_bytes(&view.sb);
	}
	era_view_close(&view);
	return r;
}

int since_extents(const struct since *since, uint64_t offset, uint64_t count,
		  struct nbdkit_extents *extents)
{
	uint32_t untouched = NBDKIT_EXTENT_HOLE | (since->zero ? NBDKIT_EXTENT_ZERO : 0);
	uint64_t end = offset + count;

	while (offset < end) {
		uint64_t block = offset / since->block_bytes;
		bool changed = bits_test(since->bits, block);
		uint64_t next = changed ? bits_next_clear(since->bits, block, since->nr_blocks)
					: bits_next_set(since->bits, block, since->nr_blocks);
		uint64_t stop = min_u64(next * since->block_bytes, end);

		if (nbdkit_add_extent(extents, offset, stop - offset, changed ? 0 : untouched))
			return -1;
		offset = stop;
	}
	return 0;
}

void since_free(struct since *since)
{
	free(since->bits);
	since->bits = NULL;
}
