/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What begins with the two bytes of gzip is compressed, all else is plain.
 *
 * A compressed file is read to its last byte: after a member there may be another one, or zeroes to
 * the end, with which tapes and devices are filled up.  Anything else is damage.  gzread() takes it
 * for the end, and what was appended would be missing without a word.
 */
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checked.h"

#define BUFFER_BYTES (64u << 10)
#define GZIP_ONLY 16 /* added to the size of the window */

static const uint8_t magic[] = {0x1f, 0x8b};

enum stage { PLAIN, MEMBER, BETWEEN, PADDING };

struct source_input {
	int fd;
	int error; /* has been reported, and is the last answer */
	bool has_begun, at_end;
	enum stage stage;
	z_stream z; /* next_in, avail_in: what the buffer holds, also if it is plain */
	uint8_t buffer[BUFFER_BYTES];
};

typedef int stage_fn(struct source *source);

static ssize_t read_some(struct source *source, void *to, size_t size)
{
	struct source_input *in = source->input;
	ssize_t n;

	do
		n = read(in->fd, to, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return report_errno(source->rep, source->name, "cannot read");
	in->at_end = !n;
	if (source->size)
		source->done += (uint64_t)n;
	return n;
}

/* Reads more behind what the buffer holds, which is at its begin. */
static int fill(struct source *source)
{
	struct source_input *in = source->input;
	ssize_t n;

	if (!in->z.avail_in)
		in->z.next_in = in->buffer;
	n = read_some(source, in->buffer + in->z.avail_in, BUFFER_BYTES - in->z.avail_in);
	if (n < 0)
		return (int)n;
	in->z.avail_in += (unsigned)n;
	return 0;
}

static int begin(struct source *source)
{
	struct source_input *in = source->input;
	int r = 0;

	while (!r && !in->at_end && in->z.avail_in < sizeof(magic))
		r = fill(source);
	if (r || in->z.avail_in < sizeof(magic) || memcmp(in->buffer, magic, sizeof(magic)))
		return r;
	if (inflateInit2(&in->z, MAX_WBITS + GZIP_ONLY) != Z_OK)
		return report_nomem(source->rep);
	in->stage = MEMBER;
	return 0;
}

static int damaged(struct source *source, const char *how)
{
	return report_fail(source->rep, ERA_DAMAGED, "%s: compressed data are %s", source->name,
			   how);
}

/* A large part goes to the reader's own memory at once. */
static int read_plain(struct source *source)
{
	struct source_input *in = source->input;
	size_t n = (size_t)min_u64(in->z.avail_in, in->z.avail_out);
	ssize_t got = 0;

	if (n) {
		memcpy(in->z.next_out, in->z.next_in, n);
		in->z.next_in += n;
		in->z.avail_in -= (unsigned)n;
	} else {
		got = read_some(source, in->z.next_out, in->z.avail_out);
	}
	if (got < 0)
		return (int)got;
	in->z.next_out += n + (size_t)got;
	in->z.avail_out -= (unsigned)n + (unsigned)got;
	return 0;
}

static int read_member(struct source *source)
{
	struct source_input *in = source->input;
	int r = inflate(&in->z, Z_NO_FLUSH);

	if (r == Z_STREAM_END)
		in->stage = BETWEEN;
	if (r == Z_OK || r == Z_STREAM_END || (r == Z_BUF_ERROR && !in->at_end))
		return 0;
	if (r == Z_MEM_ERROR)
		return report_nomem(source->rep);
	return damaged(source, r == Z_BUF_ERROR ? "cut off" : "damaged");
}

static int begin_next(struct source *source)
{
	struct source_input *in = source->input;

	if (!in->z.avail_in)
		return 0;
	in->stage = *in->z.next_in ? MEMBER : PADDING;
	return inflateReset(&in->z) == Z_OK ? 0 : report_nomem(source->rep);
}

static int skip_padding(struct source *source)
{
	struct source_input *in = source->input;

	while (in->z.avail_in && !*in->z.next_in) {
		in->z.next_in++;
		in->z.avail_in--;
	}
	return in->z.avail_in ? damaged(source, "followed by what is not compressed") : 0;
}

static stage_fn *const stages[] = {
	[PLAIN] = read_plain,
	[MEMBER] = read_member,
	[BETWEEN] = begin_next,
	[PADDING] = skip_padding,
};

/* Is there nothing more to come?  A member says so itself. */
static bool is_over(const struct source_input *in)
{
	return in->at_end && !in->z.avail_in && in->stage != MEMBER;
}

static int read_stage(struct source *source)
{
	struct source_input *in = source->input;
	int r = 0;

	if (in->stage != PLAIN && !in->z.avail_in && !in->at_end)
		r = fill(source);
	return r ? r : stages[in->stage](source);
}

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
	source->input = calloc(1, sizeof(*source->input));
	if (!source->input) {
		close(fd);
		return report_nomem(rep);
	}
	source->input->fd = fd;
	return 0;
}

void source_close(struct source *source)
{
	struct source_input *in = source->input;

	if (!in)
		return;
	if (in->stage != PLAIN)
		inflateEnd(&in->z);
	close(in->fd);
	free(in);
	source->input = NULL;
}

int source_read(struct source *source, void *data, unsigned size)
{
	struct source_input *in = source->input;
	unsigned done;

	if (!in->has_begun)
		in->error = begin(source);
	in->has_begun = true;
	in->z.next_out = data;
	in->z.avail_out = size;
	while (!in->error && in->z.avail_out && !is_over(in))
		in->error = read_stage(source);
	done = size - in->z.avail_out;
	if (!source->size)
		source->done += done;
	return in->error ? in->error : (int)done;
}
