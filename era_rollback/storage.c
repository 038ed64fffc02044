/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Has COMMAND done anything?
 *
 * Of the blocks that it may change, some are read before and after; of the others, which it must
 * not change, some, and all that the cache will still hold, since these would be stale.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/grow.h"
#include "base/hash.h"
#include "block/dev.h"
#include "era_backup/cancel.h"
#include "era_rollback/rollback.h"

#define SAMPLE_BYTES 65536u
#define NR_SAMPLES 2048u

static int add(struct rollback *r, struct samples *samples, uint64_t block)
{
	struct sample *all =
		grow_array(samples->all, samples->nr + 1, &samples->room, sizeof(*all));

	if (!all)
		return report_nomem(r->rep);
	samples->all = all;
	all[samples->nr++].block = block;
	return 0;
}

/* Evenly from those that are, or are not, listed. */
static int choose(struct rollback *r, bool listed, struct samples *samples)
{
	uint64_t nr = listed ? r->nr_marked : r->nr_blocks - r->nr_marked, seen = 0;
	int e = 0;

	samples->nr = 0;
	samples->size = r->block_size;
	samples->read = min_u64(r->block_size, SAMPLE_BYTES);
	for (uint64_t block = 0; block < r->nr_blocks && samples->nr < NR_SAMPLES && !e; block++) {
		if (bits_test(r->marked, block) != listed)
			continue;
		if (seen * NR_SAMPLES >= samples->nr * nr)
			e = add(r, samples, block);
		seen++;
	}
	return e;
}

int storage_choose(struct rollback *r)
{
	int e = choose(r, true, &r->samples[SAMPLES_LISTED]);

	if (!e)
		e = choose(r, false, &r->samples[SAMPLES_UNLISTED]);
	if (r->passes_discards)
		r->samples[SAMPLES_UNLISTED].nr = 0;
	r->samples[SAMPLES_KEPT].nr = 0;
	return e;
}

int storage_keep(struct rollback *r, uint64_t origin_block, uint64_t size)
{
	struct samples *kept = &r->samples[SAMPLES_KEPT];

	kept->size = kept->read = size;
	return add(r, kept, origin_block);
}

void storage_free(struct rollback *r)
{
	for (unsigned set = 0; set < NR_SAMPLE_SETS; set++)
		free(r->samples[set].all);
}

struct reading {
	const struct rollback *r;
	int fd;
	void *data; /* a piece */
	uint64_t done, total;
};

/* A block past the end of the origin has nothing. */
static int read_hash(struct reading *reading, uint64_t at, uint64_t len, uint64_t *hash)
{
	uint64_t piece;

	*hash = 0;
	for (uint64_t done = 0; done < len; done += piece) {
		ssize_t nr;

		piece = min_u64(len - done, PIECE_BYTES);
		nr = pread(reading->fd, reading->data, (size_t)piece, (off_t)(at + done));
		if (nr < 0)
			return report_errno(reading->r->rep, "origin", "cannot read");
		memset((char *)reading->data + nr, 0, (size_t)piece - (size_t)nr);
		*hash = hash_mix(*hash) ^ hash_bytes(reading->data, (size_t)piece);
	}
	reading->done += len;
	report_progress(reading->r->rep, PROGRESS_COMPARE, reading->done, reading->total);
	return cancel_noted && reading->r->step < STEP_COMMAND ? ERA_CANCELLED : 0;
}

/* Either notes what each block holds, or counts those that hold something else now. */
static int read_set(struct reading *reading, struct samples *samples, uint64_t *nr_changed)
{
	uint64_t hash;
	int e = 0;

	for (size_t i = 0; i < samples->nr && !e; i++) {
		struct sample *sample = &samples->all[i];

		e = read_hash(reading, sample->block * samples->size, samples->read, &hash);
		if (!nr_changed)
			sample->hash = hash;
		else
			*nr_changed += !e && hash != sample->hash;
	}
	return e;
}

/* nr_changed: of each set, or NULL. */
static int read_all(struct rollback *r, uint64_t *nr_changed)
{
	struct reading reading = {.r = r, .data = blk_alloc(PIECE_BLOCKS), .fd = -1};
	int e = reading.data ? 0 : report_nomem(r->rep);

	for (unsigned set = 0; set < NR_SAMPLE_SETS; set++)
		reading.total += r->samples[set].nr * r->samples[set].read;
	if (!e) {
		reading.fd =
			mapper_open_device(r->mapper, r->era_table.origin, O_RDONLY | O_DIRECT);
		e = reading.fd < 0 ? ERA_SYS : 0;
	}
	for (unsigned set = 0; set < NR_SAMPLE_SETS && !e; set++)
		e = read_set(&reading, &r->samples[set], nr_changed ? &nr_changed[set] : NULL);
	if (reading.fd >= 0)
		close(reading.fd);
	free(reading.data);
	return e;
}

int storage_sample(struct rollback *r)
{
	return read_all(r, NULL);
}

struct sampled storage_sampled(const struct rollback *r, enum sample_set set)
{
	const struct samples *samples = &r->samples[set];
	struct sampled sampled = {0};

	for (size_t i = 0; i < samples->nr; i++) {
		sampled.which = hash_mix(sampled.which ^ (samples->all[i].block + 1));
		sampled.held = hash_mix(sampled.held ^ samples->all[i].hash);
	}
	return sampled;
}

int storage_compare(struct rollback *r, enum storage_change *change)
{
	uint64_t nr_changed[NR_SAMPLE_SETS] = {0};
	int e = parts_find(r);

	if (!e)
		e = read_all(r, nr_changed);
	if (e)
		return e;
	if (nr_changed[SAMPLES_UNLISTED] || nr_changed[SAMPLES_KEPT])
		*change = STORAGE_UNEXPECTED;
	else if (!r->samples[SAMPLES_LISTED].nr)
		*change = STORAGE_UNKNOWN;
	else if (nr_changed[SAMPLES_LISTED])
		*change = STORAGE_CHANGED;
	else
		*change = STORAGE_SAME;
	return 0;
}

/* LVM's attribute of an origin whose snapshot is yet to be merged is O. */
static bool is_pending(const char *path)
{
	char command[PATH_MAX + 64], line[256];
	bool pending = false;
	FILE *from;

	if (strpbrk(path, "'\\\n"))
		return false;
	snprintf(command, sizeof(command), "lvs --noheadings -o lv_attr '%s' 2>/dev/null", path);
	from = popen(command, "re");
	if (!from)
		return false;
	while (fgets(line, sizeof(line), from))
		pending |= line[strspn(line, " ")] == 'O';
	pclose(from);
	return pending;
}

/* While it is being merged, the origin is what it will be. */
static bool is_merging(struct rollback *r, const char *name)
{
	struct mapper_table table = {0};
	bool merging = false;

	if (mapper_table(r->mapper, name, &table))
		return false;
	for (unsigned i = 0; i < table.nr; i++)
		merging |= !strcmp(table.targets[i].type, "snapshot-merge");
	mapper_table_free(&table);
	return merging;
}

bool storage_is_pending(struct rollback *r)
{
	char path[PATH_MAX], name[MAPPER_NAME_MAX], mapped[MAPPER_NAME_MAX + 16];
	struct mapper_info info;

	if (parts_find(r) || mapper_device_path(r->mapper, r->era_table.origin, path) ||
	    !mapper_find(r->mapper, path, name) || mapper_info(r->mapper, name, &info))
		return false;
	if (strncmp(info.uuid, "LVM-", 4) || is_merging(r, name))
		return false;
	snprintf(mapped, sizeof(mapped), "/dev/mapper/%s", name);
	return is_pending(mapped);
}
