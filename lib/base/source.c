/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A read of at least twice this goes to the reader's own memory. */
#define BUFFER_BYTES (64u << 10)

int source_open(struct source *source, const char *path, const struct report *rep)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	*source = (struct source){.rep = rep, .name = is_stdin ? "standard input" : path};
	if (fd < 0)
		return report_errno(rep, source->name, "cannot open");
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		source->size = (uint64_t)st.st_size;
	source->gz = gzdopen(fd, "rb");
	if (!source->gz) {
		close(fd);
		return report_nomem(rep);
	}
	gzbuffer(source->gz, BUFFER_BYTES);
	return 0;
}

void source_close(struct source *source)
{
	if (source->gz)
		gzclose(source->gz);
	source->gz = NULL;
}

static uint64_t position(const struct source *source)
{
	return (uint64_t)(source->size ? gzoffset(source->gz) : gztell(source->gz));
}

int source_read(struct source *source, void *data, unsigned size)
{
	int n, error;

	errno = 0;
	n = gzread(source->gz, data, size);
	if (n > 0) {
		source->done = position(source);
		return n;
	}
	gzerror(source->gz, &error);
	if (error == Z_OK || error == Z_STREAM_END)
		return 0;
	if (error == Z_ERRNO)
		return report_errno(source->rep, source->name, "cannot read");
	if (error == Z_MEM_ERROR)
		return report_nomem(source->rep);
	return report_fail(source->rep, ERA_DAMAGED, "%s: compressed data are %s", source->name,
			   error == Z_BUF_ERROR ? "cut off" : "damaged");
}
