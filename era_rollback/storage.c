/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Has COMMAND done anything?
 *
 * Of the blocks that it may change, some are read before and after; and some of the others, which
 * it must not change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/hash.h"
#include "block/dev.h"
#include "era_rollback/rollback.h"

#define SAMPLE_BYTES 65536u

/* Evenly from those that are, or are not, listed. */
static void choose(const struct rollback *r, bool listed, struct samples *samples)
{
	uint64_t nr = listed ? r->nr_marked : r->nr_blocks - r->nr_marked, seen = 0;

	samples->nr = 0;
	for (uint64_t block = 0; block < r->nr_blocks && samples->nr < NR_SAMPLES; block++) {
		if (bits_test(r->marked, block) != listed)
			continue;
		if (seen * NR_SAMPLES >= samples->nr * nr)
			samples->block[samples->nr++] = block;
		seen++;
	}
}

/* A block past the end of the origin has nothing. */
static int read_hash(const struct rollback *r, int fd, uint64_t block, void *data, uint64_t *hash)
{
	size_t len = (size_t)min_u64(r->block_size, SAMPLE_BYTES);
	ssize_t nr = pread(fd, data, len, (off_t)(block * r->block_size));

	if (nr < 0)
		return report_errno(r->rep, "origin", "cannot read");
	memset((char *)data + nr, 0, len - (size_t)nr);
	*hash = hash_bytes(data, len);
	return 0;
}

static int read_hashes(const struct rollback *r, int fd, void *data, const struct samples *samples,
		       uint64_t hash[NR_SAMPLES])
{
	int e = 0;

	for (unsigned i = 0; i < samples->nr && !e; i++)
		e = read_hash(r, fd, samples->block[i], data, &hash[i]);
	return e;
}

static int read_both(const struct rollback *r, uint64_t listed[NR_SAMPLES],
		     uint64_t unlisted[NR_SAMPLES])
{
	void *data = blk_alloc(SAMPLE_BYTES / 4096);
	int fd, e = 0;

	if (!data)
		return report_nomem(r->rep);
	fd = mapper_open_device(r->mapper, r->era_table.origin, O_RDONLY | O_DIRECT);
	if (fd < 0)
		e = ERA_SYS;
	if (!e)
		e = read_hashes(r, fd, data, &r->listed, listed);
	if (!e)
		e = read_hashes(r, fd, data, &r->unlisted, unlisted);
	if (fd >= 0)
		close(fd);
	free(data);
	return e;
}

void storage_choose(struct rollback *r)
{
	choose(r, true, &r->listed);
	choose(r, false, &r->unlisted);
	if (r->passes_discards)
		r->unlisted.nr = 0;
}

int storage_sample(struct rollback *r)
{
	return read_both(r, r->listed.hash, r->unlisted.hash);
}

int storage_compare(struct rollback *r, enum storage_change *change)
{
	uint64_t listed[NR_SAMPLES] = {0}, unlisted[NR_SAMPLES] = {0};
	int e = parts_find(r);

	if (!e)
		e = read_both(r, listed, unlisted);

	if (e)
		return e;
	if (memcmp(unlisted, r->unlisted.hash, r->unlisted.nr * sizeof(*unlisted)))
		*change = STORAGE_UNEXPECTED;
	else if (!r->listed.nr)
		*change = STORAGE_UNKNOWN;
	else if (memcmp(listed, r->listed.hash, r->listed.nr * sizeof(*listed)))
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
