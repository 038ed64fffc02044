/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/copier.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/io.h"

#define US_PER_S UINT64_C(1000000)
#define NS_PER_US 1000
#define SLEEP_US 50000u

typedef int use_piece(void *ctx, const struct piece *piece);

static bool is_cancelled(const struct copy_task *task)
{
	return task->cancelled && *task->cancelled;
}

/* Waits until it is time for `done` bytes, in short sleeps: a signal may come before one. */
static void keep_to_limit(const struct copy_task *task, uint64_t started_us, uint64_t done)
{
	uint64_t due = (uint64_t)((double)done / (double)task->limit * (double)US_PER_S);
	uint64_t passed;

	while (!is_cancelled(task) && (passed = clock_us() - started_us) < due) {
		uint64_t rest = min_u64(due - passed, SLEEP_US);
		const struct timespec time = {.tv_nsec = (long)rest * NS_PER_US};

		nanosleep(&time, NULL);
	}
}

static int use_all(const struct copy_task *task, struct piece_reader *reader,
		   enum progress_step step, use_piece *use, void *ctx)
{
	uint64_t started = clock_us(), done = 0;
	struct piece piece;
	int r;

	while ((r = piece_reader_next(reader, &piece)) > 0) {
		if (is_cancelled(task))
			return ERA_CANCELLED;
		r = use(ctx, &piece);
		if (r)
			return r;
		if (task->frees)
			copy_source_free(task->source, piece.offset, piece.length);
		done += piece.length;
		report_progress(task->rep, step, done, task->total);
		if (task->limit)
			keep_to_limit(task, started, done);
	}
	return r;
}

static int read_all(const struct copy_task *task, enum progress_step step, use_piece *use,
		    void *ctx)
{
	struct piece_reader *reader;
	int r = piece_reader_start(&reader, task->source, task->ranges);

	if (r)
		return r;
	r = use_all(task, reader, step, use, ctx);
	piece_reader_stop(reader);
	return r;
}

/* Into a delta, or a target. */

struct copier {
	struct delta_writer *writer; /* or */
	struct copy_target *target;
	uint64_t zero_from, zero_to; /* zeroes that are not written yet */
};

static int write_zeroes(struct copier *c)
{
	uint64_t from = c->zero_from, to = c->zero_to;

	c->zero_from = c->zero_to = 0;
	if (from >= to)
		return 0;
	return c->target ? copy_target_zero(c->target, from, to - from)
			 : delta_zero(c->writer, from, to - from);
}

static int add_zeroes(struct copier *c, uint64_t offset, uint64_t length)
{
	int r = offset == c->zero_to ? 0 : write_zeroes(c);

	if (c->zero_from == c->zero_to)
		c->zero_from = offset;
	c->zero_to = offset + length;
	return r;
}

static int add_data(struct copier *c, uint64_t offset, const uint8_t *data, size_t length)
{
	int r = write_zeroes(c);

	if (r)
		return r;
	return c->target ? copy_target_write(c->target, data, length, offset)
			 : delta_data(c->writer, offset, data, length);
}

static bool part_is_zero(const struct piece *piece, uint32_t at)
{
	return piece->zeroes >> at / PIECE_PART & 1;
}

static uint32_t end_of_part(const struct piece *piece, uint32_t at)
{
	return (uint32_t)min_u64(at + PIECE_PART, piece->length);
}

static int copy_piece(void *ctx, const struct piece *piece)
{
	uint32_t at = 0;
	int r = 0;

	while (!r && at < piece->length) {
		bool zero = part_is_zero(piece, at);
		uint32_t end = end_of_part(piece, at);

		while (end < piece->length && part_is_zero(piece, end) == zero)
			end = end_of_part(piece, end);
		r = zero ? add_zeroes(ctx, piece->offset + at, end - at)
			 : add_data(ctx, piece->offset + at, piece->data + at, end - at);
		at = end;
	}
	return r;
}

int copy_to_delta(const struct copy_task *task, struct delta_writer *writer)
{
	struct copier copier = {.writer = writer};
	int r = read_all(task, PROGRESS_COPY, copy_piece, &copier);

	return r ? r : write_zeroes(&copier);
}

int copy_to_target(const struct copy_task *task, struct copy_target *target)
{
	struct copier copier = {.target = target};
	int r = read_all(task, PROGRESS_COPY, copy_piece, &copier);

	return r ? r : write_zeroes(&copier);
}

/* Against a backup. */

struct comparison {
	struct copy_target *target;
	uint8_t *data;
	struct copy_difference found; /* not told yet, if it has a length */
	void (*differ)(void *ctx, const struct copy_difference *difference);
	void *ctx;
};

static void tell(struct comparison *c)
{
	if (c->found.length)
		c->differ(c->ctx, &c->found);
	c->found.length = 0;
}

static void add_difference(struct comparison *c, const struct copy_difference *more)
{
	struct copy_difference *found = &c->found;

	if (found->length && found->offset + found->length == more->offset &&
	    found->source_is_zero == more->source_is_zero) {
		found->length += more->length;
		return;
	}
	tell(c);
	*found = *more;
}

static bool has_only_zeroes(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i])
			return false;
	return true;
}

static void compare_sectors(struct comparison *c, const struct piece *piece)
{
	for (uint32_t at = 0; at < piece->length; at += COPY_SOURCE_ALIGN) {
		uint32_t len = (uint32_t)min_u64(COPY_SOURCE_ALIGN, piece->length - at);
		const uint8_t *data = piece->data + at;

		if (memcmp(data, c->data + at, len))
			add_difference(c, &(struct copy_difference){piece->offset + at, len,
								    has_only_zeroes(data, len)});
	}
}

static int compare_piece(void *ctx, const struct piece *piece)
{
	struct comparison *c = ctx;
	int r = copy_target_read(c->target, c->data, piece->length, piece->offset);

	if (!r && memcmp(piece->data, c->data, piece->length))
		compare_sectors(c, piece);
	return r;
}

int copy_compare(const struct copy_task *task, struct copy_target *target,
		 void (*differ)(void *ctx, const struct copy_difference *difference), void *ctx)
{
	struct comparison c = {
		.target = target,
		.data = io_alloc(PIECE_BYTES),
		.differ = differ,
		.ctx = ctx,
	};
	int r = c.data ? read_all(task, PROGRESS_COMPARE, compare_piece, &c)
		       : report_nomem(task->rep);

	if (!r)
		tell(&c);
	free(c.data);
	return r;
}
