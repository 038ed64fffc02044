/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_revert/revert.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "copy/copier.h"
#include "era_backup/listed.h"
#include "era_backup/online.h"
#include "era_revert/discarded.h"

#define OWN_OPENS 1 /* that of this program */

struct revert {
	struct online o;
	struct copy_target device;
	char path[PATH_MAX];		/* of the device */
	struct dmera_changes *reverted; /* what was copied back */
	uint32_t listed_era;		/* what is written after the list has it, or a later one */
	uint32_t era;			/* began when the disk was TARGET */
};

/* Its path, after a look whether that leads to it. */
static int find_device(struct revert *v)
{
	struct mapper_info info;
	char numbers[MAPPER_DEVICE_MAX];
	int fd, r = mapper_info(v->o.target.mapper, v->o.target.name, &info);

	if (r)
		return r;
	snprintf(numbers, sizeof(numbers), "%" PRIu32 ":%" PRIu32, info.major, info.minor);
	fd = mapper_open_device(v->o.target.mapper, numbers, O_RDONLY);
	if (fd < 0)
		return fd;
	close(fd);
	return mapper_device_path(v->o.target.mapper, numbers, v->path);
}

/* An exclusive open does not show who has it open without that, as qemu does. */
static int check_unused(struct revert *v)
{
	struct mapper_info info;
	int r = mapper_info(v->o.target.mapper, v->o.target.name, &info);

	if (r || info.open_count <= OWN_OPENS)
		return r;
	return report_fail(v->o.b->rep, ERA_SYS,
			   "%s: is in use: stop what has it open; it is opened %d times",
			   v->o.target.path, (int)info.open_count - OWN_OPENS);
}

static int check_size(const struct revert *v)
{
	const struct backup *b = v->o.b;

	if (v->device.size == b->state->size)
		return 0;
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: is of another size than the backup: found %" PRIu64
			   " bytes, wanted %" PRIu64,
			   v->o.target.path, v->device.size, b->state->size);
}

/* Nobody else has the device; what it still has in memory is written. */
static int open_device(struct revert *v)
{
	struct backup *b = v->o.b;
	int r = find_device(v);

	if (!r)
		r = copy_target_open(&v->device, v->path, TARGET_WRITE, b->rep);
	if (!r)
		r = check_unused(v);
	if (!r)
		r = check_size(v);
	if (!r)
		r = copy_target_set_limit(&v->device, b->state->size);
	return r ? r : copy_target_flush(&v->device);
}

static int open_target(struct revert *v)
{
	struct backup *b = v->o.b;
	int r = copy_source_open(&b->source, b->options->target, COPY_SOURCE_SHARED, b->rep);

	if (!r)
		b->source.size = b->state->size;
	return r;
}

static int prepare(struct revert *v, bool never_discarded)
{
	struct backup *b = v->o.b;
	int r = base_open(b);

	if (!r)
		r = online_open(&v->o, b);
	if (!r && !target_is_kernels(&v->o.target))
		r = report_fail(b->rep, ERA_SYS,
				"%s: is no device of the kernel: attach it by nbd-client, and copy "
				"what era backup -n lists",
				b->options->path);
	if (!r)
		r = discarded_refuse(&v->o, never_discarded);
	if (!r)
		r = open_device(v);
	return r ? r : open_target(v);
}

static int list(struct revert *v)
{
	struct backup *b = v->o.b;
	int r = online_take_and_list(&v->o);

	if (r)
		return r;
	v->listed_era = b->facts.era;
	v->reverted = b->changes;
	return 0;
}

static int copy_back(struct revert *v)
{
	struct backup *b = v->o.b;
	struct listed listed = listed_again(b);
	const struct copy_ranges ranges = listed_ranges(&listed);
	struct copy_task task = listed_task(b, &ranges);
	int r;

	task.total = b->listed_bytes;
	r = copy_to_target(&task, &v->device);
	return r ? r : copy_target_flush(&v->device);
}

/* Reading back. */

static void count_difference(void *ctx, const struct copy_difference *difference)
{
	struct backup *b = ctx;

	b->nr_differences++;
	b->differing_bytes += difference->length;
}

/* What is below the target is read, and compared with TARGET. */
static int compare(struct revert *v)
{
	struct backup *b = v->o.b;
	struct copy_source origin;
	struct listed listed = {.changes = v->reverted,
				.all_from = b->source.size,
				.size = b->source.size};
	const struct copy_ranges ranges = listed_ranges(&listed);
	struct copy_task task = listed_task(b, &ranges);
	int r = copy_source_open(&origin, v->o.origin, COPY_SOURCE_SHARED, b->rep);

	task.source = &origin;
	task.total = b->listed_bytes;
	if (!r)
		r = copy_compare(&task, &b->target, count_difference, b);
	copy_source_close(&origin);
	return r;
}

static bool has_all_of(const struct dmera_changes *changes, const struct dmera_run *run)
{
	struct dmera_run found = {.block = run->block};

	return dmera_changes_next(changes, &found) && found.block <= run->block &&
	       found.block + found.nr_blocks >= run->block + run->nr_blocks;
}

static bool was_written_by_others(const struct revert *v)
{
	struct dmera_run run = {0};

	while (dmera_changes_next(v->o.b->changes, &run))
		if (!has_all_of(v->reverted, &run))
			return true;
	return v->o.b->nr_differences;
}

/* What is written from the barrier on is in the next list.  What was written before it, and not by
 * this program, is in this list, or differs now. */
static int prove(struct revert *v)
{
	struct backup *b = v->o.b;
	uint64_t listed_bytes = b->listed_bytes;
	int r = target_barrier(&v->o.target, &v->era);

	if (!r)
		r = compare(v);
	if (r)
		return r;
	b->changes = NULL; /* v->reverted has it */
	v->o.is_later = true;
	v->o.since = v->listed_era;
	r = online_take_and_list(&v->o);
	b->listed_bytes = listed_bytes;
	if (r || !was_written_by_others(v))
		return r;
	return report_fail(b->rep, ERA_SYS,
			   "%s: something else has written to it meanwhile: stop that, and revert "
			   "it again",
			   b->options->path);
}

static int save(struct revert *v)
{
	struct backup *b = v->o.b;
	const struct dmera_witness *witness = dmera_changes_witness(b->changes);
	size_t size = witness ? dmera_witness_encode(witness, b->state->witness,
						     sizeof(b->state->witness))
			      : 0;

	if (!size)
		return report_nomem(b->rep);
	b->state->witness_size = (uint32_t)size;
	b->state->has_reverted_era = true;
	b->state->reverted_era = v->era;
	return base_save_state(b, b->state);
}

static int act(struct revert *v, bool never_discarded)
{
	int r = prepare(v, never_discarded);

	if (!r)
		r = list(v);
	if (r || v->o.b->options->dry_run)
		return r;
	r = copy_back(v);
	if (!r)
		r = prove(v);
	return r ? r : save(v);
}

int revert(struct backup *b, bool never_discarded)
{
	struct revert *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return report_nomem(b->rep);
	v->device.fd = v->o.fd = v->o.origin_fd = v->o.target.peer.fd = -1;
	v->o.b = b;
	r = act(v, never_discarded);
	if (v->reverted != b->changes)
		dmera_changes_free(v->reverted);
	copy_target_close(&v->device);
	copy_source_close(&b->source);
	online_close(&v->o);
	free(v);
	return r;
}
