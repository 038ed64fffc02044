/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/input.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scratch.h"

#define STDIN_PATH "/dev/stdin"
#define PIECE_BYTES (64u << 10)
#define HOLE_BYTES 4096u /* so much is left out if it is zero */

const char *input_path(const char *path)
{
	return strcmp(path, "-") ? path : STDIN_PATH;
}

bool input_is_stdin(const char *path)
{
	return !strcmp(path, STDIN_PATH);
}

/* As many bytes as there are, up to len; or a negative error. */
static ssize_t read_piece(uint8_t *piece, size_t len, const struct report *rep)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(STDIN_FILENO, piece + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report_errno(rep, "standard input", "cannot read");
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* What is zero becomes a hole. */
static int write_piece(int fd, const uint8_t *piece, size_t len, off_t at, const struct report *rep)
{
	int r = 0;

	for (size_t done = 0; done < len && !r; done += HOLE_BYTES) {
		size_t n = len - done < HOLE_BYTES ? len - done : HOLE_BYTES;

		if (!is_zero(piece + done, n))
			r = scratch_write(fd, piece + done, n, at + (off_t)done, rep);
	}
	return r;
}

static int copy(int fd, uint8_t *piece, const struct report *rep)
{
	off_t size = 0;
	ssize_t n;
	int r = 0;

	while (!r && (n = read_piece(piece, PIECE_BYTES, rep))) {
		r = n < 0 ? (int)n : write_piece(fd, piece, (size_t)n, size, rep);
		size += r ? 0 : n;
		report_progress(rep, PROGRESS_COPY_INPUT, (uint64_t)size, 0);
	}
	return r ? r : scratch_set_size(fd, size, rep);
}

static int copy_stdin(const struct report *rep)
{
	uint8_t *piece = io_alloc(PIECE_BYTES);
	int fd, r;

	if (!piece)
		return report_nomem(rep);
	fd = scratch_open(rep);
	r = fd < 0 ? fd : copy(fd, piece, rep);
	free(piece);
	if (!r && dup2(fd, STDIN_FILENO) < 0)
		r = report_errno(rep, "standard input", "cannot be replaced by its copy");
	if (fd >= 0)
		close(fd);
	return r;
}

/* A device of characters may have no end; it is refused when it is opened. */
int input_prepare(const char *path, const struct report *rep)
{
	return input_is_stdin(path) && io_is_pipe(STDIN_FILENO) ? copy_stdin(rep) : 0;
}
