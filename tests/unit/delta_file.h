/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Deltas in memory, under a path that can be opened: for the tests of lib/copy. */
#ifndef ERA_TESTS_DELTA_FILE_H
#define ERA_TESTS_DELTA_FILE_H

#include "unit.h"

#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "base/le.h"
#include "block/crc.h"
#include "copy/delta_writer.h"

struct delta_file {
	int fd;
	char path[32];
};

static inline void delta_file_open(struct delta_file *file)
{
	file->fd = memfd_create("delta", 0); /* a sink takes none that an exec closes */
	assert_true(file->fd >= 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

static inline void delta_file_close(struct delta_file *file)
{
	assert_int_equal(close(file->fd), 0);
}

static inline void delta_file_set(const struct delta_file *file, const void *data, size_t len)
{
	assert_int_equal(ftruncate(file->fd, 0), 0);
	assert_int_equal(io_write_at(file->fd, data, len, 0), 0);
}

/* All of it; free() it. */
static inline uint8_t *delta_file_get(const struct delta_file *file, size_t *len)
{
	uint8_t *data;

	*len = (size_t)lseek(file->fd, 0, SEEK_END);
	data = malloc(*len + 1);
	assert_non_null(data);
	assert_int_equal(io_read_at(file->fd, data, *len, 0), 0);
	return data;
}

/* Makes the checksum at the end of a delta, or of a part of one, right. */
static inline void delta_make_right(uint8_t *data, size_t len)
{
	struct le32 csum;

	if (len < sizeof(csum))
		return;
	csum = le32_make(~crc32c(UINT32_MAX, data, len - sizeof(csum)));
	memcpy(data + len - sizeof(csum), &csum, sizeof(csum));
}

static inline struct backup_name delta_name(uint32_t number)
{
	struct backup_name name = {.era = number};

	memset(name.id, (int)number, sizeof(name.id));
	return name;
}

/* from 0: a full backup. */
static inline struct delta_header delta_header_of(uint32_t from, uint32_t to, uint64_t size)
{
	return (struct delta_header){from != 0, delta_name(from), delta_name(to), size};
}

#endif
