/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/le.h"
#include "base/replacement.h"
#include "base/state_directory.h"
#include "block/crc.h"
#include "metadata/state_room.h"

#define STATE_VERSION 1u
#define FLAG_DISCARDS 1u
#define BLOCK_BYTES 4096u
#define PATH_BYTES 256u

struct sample_disk {
	struct le64 hash;
	struct le32 block;
};

struct state_disk {
	char magic[STATE_ROOM_MAGIC_BYTES];
	struct le32 version, length; /* length: bytes in all */
	struct le64 sequence;
	struct le32 csum; /* of all bytes, with 0 here */
	struct le32 flags;
	struct le32 era, block_sectors;
	struct le64 sectors;
	struct le32 nr_blocks, nr_samples;
};

_Static_assert(sizeof(struct state_disk) == 64, "as doc/state.md has it");

#define MAX_BYTES (sizeof(struct state_disk) + STATE_MAX_SAMPLES * sizeof(struct sample_disk))
#define READ_BLOCKS ((MAX_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES)
_Static_assert(READ_BLOCKS <= STATE_ROOM_SLOT_BLOCKS, "a slot");

struct state_place state_find(struct blk_dev *dev, const struct superblock *sb, const char *name)
{
	return (struct state_place){
		.dev = dev,
		.name = name,
		.on_device = dev->nr_blocks >= STATE_ROOM_BLOCKS &&
			     sb->sm.nr_blocks <= dev->nr_blocks - STATE_ROOM_BLOCKS,
	};
}

int state_find_by_dev(struct blk_dev *dev, const char *name, struct state_place *place)
{
	struct superblock sb;
	struct problem problem;

	if (superblock_read(dev, 0, BLOCK_SUPERBLOCK, &sb, &problem))
		return report_fail(dev->rep, ERA_SYS, "%s: the superblock can't be read",
				   dev->path);
	*place = state_find(dev, &sb, name);
	return 0;
}

static uint64_t slot_block(const struct state_place *place, uint64_t sequence)
{
	return place->dev->nr_blocks - STATE_ROOM_BLOCKS + sequence % 2 * STATE_ROOM_SLOT_BLOCKS;
}

static void find_path(const struct state_place *place, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, STATE_DIRECTORY "/%s.state", place->name);
}

static uint32_t checksum(void *data, size_t len)
{
	struct state_disk *disk = data;
	struct le32 found = disk->csum;
	uint32_t csum;

	disk->csum = le32_make(0);
	csum = ~crc32c(UINT32_MAX, data, len);
	disk->csum = found;
	return csum;
}

static size_t encode(const struct state *state, void *data)
{
	struct state_disk *disk = data;
	struct sample_disk *samples = (void *)(disk + 1);
	size_t len = sizeof(*disk) + state->nr * sizeof(*samples);

	*disk = (struct state_disk){
		.version = le32_make(STATE_VERSION),
		.length = le32_make((uint32_t)len),
		.sequence = le64_make(state->sequence),
		.flags = le32_make(state->discards_passed ? FLAG_DISCARDS : 0),
		.era = le32_make(state->era),
		.block_sectors = le32_make(state->block_sectors),
		.sectors = le64_make(state->sectors),
		.nr_blocks = le32_make(state->nr_blocks),
		.nr_samples = le32_make(state->nr),
	};
	memcpy(disk->magic, STATE_ROOM_MAGIC, sizeof(disk->magic));
	for (uint32_t i = 0; i < state->nr; i++)
		samples[i] = (struct sample_disk){le64_make(state->samples[i].hash),
						  le32_make(state->samples[i].block)};
	disk->csum = le32_make(checksum(data, len));
	return len;
}

static bool is_sound(void *data, size_t size)
{
	struct state_disk *disk = data;
	size_t len;

	if (size < sizeof(*disk) || memcmp(disk->magic, STATE_ROOM_MAGIC, sizeof(disk->magic)) ||
	    le32_get(disk->version) != STATE_VERSION ||
	    le32_get(disk->nr_samples) > STATE_MAX_SAMPLES)
		return false;
	len = sizeof(*disk) + le32_get(disk->nr_samples) * sizeof(struct sample_disk);
	return len <= size && le32_get(disk->length) == len &&
	       le32_get(disk->csum) == checksum(data, len);
}

static void decode(const void *data, struct state *state)
{
	const struct state_disk *disk = data;
	const struct sample_disk *samples = (const void *)(disk + 1);

	state->sequence = le64_get(disk->sequence);
	state->discards_passed = le32_get(disk->flags) & FLAG_DISCARDS;
	state->era = le32_get(disk->era);
	state->block_sectors = le32_get(disk->block_sectors);
	state->sectors = le64_get(disk->sectors);
	state->nr_blocks = le32_get(disk->nr_blocks);
	state->nr = le32_get(disk->nr_samples);
	for (uint32_t i = 0; i < state->nr; i++)
		state->samples[i] = (struct state_sample){le32_get(samples[i].block),
							  le64_get(samples[i].hash)};
}

/* The newer one of what is sound. */
static int take(void *data, size_t size, struct state *state)
{
	const struct state_disk *disk = data;

	if (is_sound(data, size) && le64_get(disk->sequence) > state->sequence)
		decode(data, state);
	return 0;
}

static int read_device(const struct state_place *place, void *data, struct state *state)
{
	int r = 0;

	for (unsigned slot = 0; slot < 2 && !r; slot++) {
		r = blk_dev_read(place->dev, slot_block(place, slot), READ_BLOCKS, data);
		if (r)
			return report_fail(place->dev->rep, ERA_SYS,
					   "%s: cannot read the state at its end: %s",
					   place->dev->path, strerror(r));
		r = take(data, READ_BLOCKS * BLOCK_BYTES, state);
	}
	return r;
}

static int read_file(const struct state_place *place, void *data, struct state *state)
{
	char path[PATH_BYTES];
	ssize_t n;
	int fd;

	find_path(place, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : report_errno(place->dev->rep, path, "cannot open");
	n = read(fd, data, READ_BLOCKS * BLOCK_BYTES);
	close(fd);
	return n < 0 ? report_errno(place->dev->rep, path, "cannot read")
		     : take(data, (size_t)n, state);
}

int state_read(const struct state_place *place, struct state *state)
{
	void *data = blk_alloc(READ_BLOCKS);
	int r;

	*state = (struct state){.sequence = 0};
	if (!data)
		return report_nomem(place->dev->rep);
	r = place->on_device ? read_device(place, data, state) : read_file(place, data, state);
	free(data);
	return r ? r : state->sequence != 0;
}

int state_is_at_end(struct blk_dev *dev)
{
	const struct state_place place = {.dev = dev, .on_device = true};
	struct state *state;
	int r;

	if (dev->nr_blocks < STATE_ROOM_BLOCKS)
		return 0;
	state = malloc(sizeof(*state));
	r = state ? state_read(&place, state) : report_nomem(dev->rep);
	free(state);
	return r;
}

static int write_device(const struct state_place *place, const struct state *state,
			const void *data)
{
	int r = blk_dev_write(place->dev, slot_block(place, state->sequence), READ_BLOCKS, data);

	return r ? r : blk_dev_flush(place->dev);
}

static int write_file(const struct state_place *place, const void *data, size_t len)
{
	const struct report *rep = place->dev->rep;
	char path[PATH_BYTES];
	int r = state_directory_make(rep);

	find_path(place, path);
	return r ? r : replacement_write(path, data, len, rep);
}

int state_write(const struct state_place *place, struct state *state)
{
	void *data = blk_alloc(READ_BLOCKS);
	size_t len;
	int r;

	if (!data)
		return report_nomem(place->dev->rep);
	memset(data, 0, READ_BLOCKS * BLOCK_BYTES);
	state->sequence++;
	len = encode(state, data);
	r = place->on_device ? write_device(place, state, data) : write_file(place, data, len);
	free(data);
	return r;
}

static int forget_on_device(const struct state_place *place)
{
	void *data = blk_alloc(1);
	int r = 0;

	if (!data)
		return report_nomem(place->dev->rep);
	memset(data, 0, BLOCK_BYTES);
	for (unsigned slot = 0; slot < 2 && !r; slot++)
		r = blk_dev_write(place->dev, slot_block(place, slot), 1, data);
	free(data);
	return r ? r : blk_dev_flush(place->dev);
}

int state_forget_file(const char *name, const struct report *rep)
{
	const struct state_place place = {.name = name};
	char path[PATH_BYTES];

	find_path(&place, path);
	if (unlink(path))
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : report_errno(rep, path, "cannot remove");
	errno = io_flush_directory(path);
	return errno ? report_errno(rep, path, "cannot flush its directory") : 0;
}

int state_forget(const struct state_place *place)
{
	return place->on_device ? forget_on_device(place)
				: state_forget_file(place->name, place->dev->rep);
}
