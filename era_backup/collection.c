/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/collection.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"

int collection_make(struct collection **out, const char *near, uint64_t size, uint64_t block_size,
		    const struct report *rep)
{
	struct collection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return report_nomem(rep);
	*out = c;
	c->size = size;
	c->block_size = block_size;
	c->nr_blocks = div_up(size, block_size);
	c->file.fd = -1;
	c->copied = bits_alloc(c->nr_blocks);
	if (!c->copied)
		return report_nomem(rep);
	r = copy_target_open_temporary(&c->file, near, rep);
	return r ? r : copy_target_set_limit(&c->file, size);
}

void collection_free(struct collection *c)
{
	if (!c)
		return;
	copy_target_close(&c->file);
	free(c->copied);
	free(c);
}

static void note(struct collection *c, uint64_t offset, uint64_t length)
{
	uint64_t first = offset / c->block_size;

	if (length)
		bits_set_range(c->copied, first, div_up(offset + length, c->block_size) - first);
}

/* Each range that is read is noted on its way. */
struct noting {
	struct collection *c;
	const struct copy_ranges *from;
};

static bool next_noted(void *ctx, uint64_t *offset, uint64_t *length)
{
	struct noting *noting = ctx;

	if (!noting->from->next(noting->from->ctx, offset, length))
		return false;
	note(noting->c, *offset, *length);
	return true;
}

int collection_copy(struct collection *c, const struct copy_task *task)
{
	struct noting noting = {c, task->ranges};
	const struct copy_ranges ranges = {next_noted, &noting};
	struct copy_task noted = *task;

	noted.ranges = &ranges;
	return copy_to_target(&noted, &c->file);
}

int collection_put(struct collection *c, uint64_t offset, const void *data, uint64_t length)
{
	note(c, offset, length);
	return copy_target_write(&c->file, data, (size_t)length, offset);
}

static uint64_t end_of(const struct collection *c, uint64_t block)
{
	return min_u64(block * c->block_size, c->size);
}

bool collection_next(const struct collection *c, uint64_t *at, uint64_t *offset, uint64_t *length)
{
	uint64_t first = bits_next_set(c->copied, *at, c->nr_blocks), end;

	if (first == c->nr_blocks)
		return false;
	end = bits_next_clear(c->copied, first, c->nr_blocks);
	*offset = first * c->block_size;
	*length = end_of(c, end) - *offset;
	*at = end;
	return true;
}

uint64_t collection_bytes(const struct collection *c)
{
	uint64_t at = 0, offset, length, bytes = 0;

	while (collection_next(c, &at, &offset, &length))
		bytes += length;
	return bytes;
}
