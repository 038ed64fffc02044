/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A witness's file as it is, for users that cannot do with base/source.h and base/sink.h, which
 * take zlib with them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/replacement.h"
#include "witness/witness.h"

/* More than a witness has is told by its size, one too many. */
static int read_file(uint8_t data[WITNESS_MAX_BYTES + 1], uint32_t *size, const char *name,
		     const struct report *rep)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return report_errno(rep, name, "cannot open");
	*size = 0;
	while (n && *size <= WITNESS_MAX_BYTES) {
		n = read(fd, data + *size, WITNESS_MAX_BYTES + 1 - *size);
		if (n < 0 && errno != EINTR)
			break;
		*size += n > 0 ? (uint32_t)n : 0;
	}
	if (n < 0)
		report_errno(rep, name, "cannot read");
	close(fd);
	return n < 0 ? ERA_SYS : 0;
}

int witness_load(struct witness **out, const char *name, const struct report *rep)
{
	uint8_t *data = malloc(WITNESS_MAX_BYTES + 1);
	struct witness *witness = malloc(sizeof(*witness));
	uint32_t size = 0;
	int r;

	if (data && witness)
		r = read_file(data, &size, name, rep);
	else
		r = report_nomem(rep);
	if (!r)
		r = witness_decode(witness, name, data, size, rep);
	free(data);
	if (r)
		free(witness);
	else
		*out = witness;
	return r;
}

static int check_place(const char *path, const struct report *rep)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	return report_fail(rep, ERA_SYS, "%s: cannot write: wanted a regular file", path);
}

int witness_save(const struct witness *witness, const char *path, const struct report *rep)
{
	uint8_t *data = malloc(WITNESS_MAX_BYTES);
	int r = data ? check_place(path, rep) : report_nomem(rep);

	if (!r)
		r = replacement_write(path, data, witness_encode(witness, data), rep);
	free(data);
	return r;
}
