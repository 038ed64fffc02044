/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "build/format.h"
#include "build/size.h"
#include "live/live.h"
#include "ondisk/era_disk.h"
#include "target/log.h"

#define FILE_MODE 0600
#define STAT_UNIT 512u

static int make_file(struct metadata *m, const char *path, const struct report *rep)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, FILE_MODE);

	if (fd < 0)
		return errno == EEXIST ? 0 : report_errno(rep, path, "cannot create");
	close(fd);
	m->is_made = true;
	return 0;
}

static bool has_holes(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (uint64_t)st->st_blocks * STAT_UNIT < (uint64_t)st->st_size;
}

/* Changes no byte that can be read. */
static void fill_holes(const struct metadata *m)
{
	struct stat st;

	if (fstat(m->dev.fd, &st) || !has_holes(&st) || !fallocate(m->dev.fd, 0, 0, st.st_size))
		return;
	log_error("%s: has holes that can't be filled: %s; a write may find no space for its mark",
		  m->dev.path, strerror(errno));
}

static int find_blank(struct metadata *m, bool may_format)
{
	int r = may_format && !m->dev.nr_blocks ? 1 : era_is_blank(&m->dev);

	m->is_new = r > 0 && may_format;
	return r < 0 ? r : 0;
}

int metadata_open(struct metadata *m, const char *path, enum blk_access access, bool may_format,
		  const struct report *rep)
{
	int r;

	*m = (struct metadata){.dev = {.fd = -1}};
	r = may_format ? make_file(m, path, rep) : 0;
	if (!r)
		r = blk_dev_open(&m->dev, path, access, rep);
	if (!r && access == BLK_WRITE)
		r = find_blank(m, may_format);
	if (r)
		metadata_close(m);
	else if (access == BLK_WRITE && !m->is_new)
		fill_holes(m);
	return r;
}

static int give_size(struct metadata *m, uint64_t nr_blocks)
{
	off_t bytes = (off_t)(nr_blocks * META_BLOCK_SIZE);
	int error = ftruncate(m->dev.fd, bytes) ? errno : posix_fallocate(m->dev.fd, 0, bytes);

	if (error)
		return report_fail(m->dev.rep, ERA_SYS, "%s: cannot allocate %" PRIu64 " bytes: %s",
				   m->dev.path, (uint64_t)bytes, strerror(error));
	m->dev.nr_blocks = nr_blocks;
	return 0;
}

int metadata_fit(struct metadata *m, uint64_t origin_bytes, uint64_t block_bytes)
{
	uint64_t nr_blocks = div_up(origin_bytes, block_bytes), need;

	if (nr_blocks > ERA_MAX_BLOCKS)
		return report_fail(m->dev.rep, ERA_SYS,
				   "the origin has %" PRIu64 " bytes: %" PRIu64
				   " blocks of %" PRIu64 ", more than %" PRIu64
				   ", the most that dm-era can track; take "
				   "larger blocks",
				   origin_bytes, nr_blocks, block_bytes, ERA_MAX_BLOCKS);
	need = era_size_recommended((uint32_t)nr_blocks);
	if (need > ERA_SIZE_MAX_BLOCKS)
		return report_fail(m->dev.rep, ERA_SYS,
				   "%s: needs %" PRIu64 " blocks, more than the %" PRIu64
				   " that dm-era can use; take larger data blocks",
				   m->dev.path, need, ERA_SIZE_MAX_BLOCKS);
	if (!m->dev.nr_blocks)
		return give_size(m, need);
	fill_holes(m);
	if (m->dev.nr_blocks >= need)
		return 0;
	return report_fail(m->dev.rep, ERA_SYS,
			   "%s: found %" PRIu64 " bytes, wanted %" PRIu64
			   " at least to make metadata for "
			   "an origin of %" PRIu64 " bytes in blocks of %" PRIu64,
			   m->dev.path, m->dev.nr_blocks * META_BLOCK_SIZE, need * META_BLOCK_SIZE,
			   origin_bytes, block_bytes);
}

void metadata_close(struct metadata *m)
{
	if (m->is_made && m->dev.path)
		unlink(m->dev.path);
	m->is_made = false;
	blk_dev_close(&m->dev);
}
