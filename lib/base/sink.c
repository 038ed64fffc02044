/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Long output is written by a thread of its own (base/writer_thread.h), so that formatting the next
 * buffer and writing the last one go side by side; short output isn't worth one, and without one
 * all is written by who formats it.
 *
 * A file takes its target's place when it is complete (base/replacement.h), and replaces what was
 * there when it was opened, nothing that has come since.  A name that stands for a descriptor is
 * that descriptor, with its place in the file.
 */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/io.h"
#include "base/scratch.h"
#include "base/writer_thread.h"

/* After so many full buffers, a thread writes those that follow. */
#define WRITER_THREAD_AFTER 4u

static int fail(struct sink *sink, const char *what)
{
	if (!sink->error)
		sink->error = report_errno(sink->rep, sink->shown, what);
	return sink->error;
}

/* The reader of a pipe may go away when it has seen enough.  Files and devices have none. */
static void fail_write(struct sink *sink)
{
	if (errno == EPIPE && sink->is_pipe && !sink->error)
		sink->error = ERA_PIPE;
	else
		fail(sink, "cannot write");
}

static int fail_nomem(struct sink *sink)
{
	if (!sink->error)
		sink->error = report_nomem(sink->rep);
	return sink->error;
}

static bool ends_in_gz(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".gz");
}

static int open_replacement(struct sink *sink)
{
	sink->error = replacement_open(&sink->file, sink->path, sink->shown, sink->rep);
	sink->fd = sink->file.file.fd;
	return sink->error;
}

/* The part of path that is the number of a descriptor, if path is a name directly in a directory of
 * descriptors; otherwise NULL. */
static const char *number_in(const char *path)
{
	static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		size_t len = strlen(directories[i]);

		if (strncmp(path, directories[i], len))
			continue;
		len += strspn(path + len, "/");
		return strchr(path + len, '/') ? NULL : path + len;
	}
	return NULL;
}

/* Digits as the system writes them, or -1: what has another name is another file to all else. */
static int parse_descriptor(const char *number)
{
	uint64_t fd = 0;
	const char *c = number;

	if (*c == '0' && c[1])
		return -1;
	for (; *c >= '0' && *c <= '9'; c++)
		if (!checked_mul(fd, 10, &fd) || !checked_add(fd, (uint64_t)(*c - '0'), &fd))
			return -1;
	return c == number || *c || fd > INT_MAX ? -1 : (int)fd;
}

/* The descriptor that a name such as /dev/stdout or /dev/fd/3 stands for, -1 for other names, or an
 * error. */
static int descriptor_of(struct sink *sink, int *descriptor)
{
	const char *number = number_in(sink->path);

	*descriptor = -1;
	if (!strcmp(sink->path, "/dev/stdout"))
		*descriptor = STDOUT_FILENO;
	if (!strcmp(sink->path, "/dev/stderr"))
		*descriptor = STDERR_FILENO;
	if (!number)
		return 0;
	*descriptor = parse_descriptor(number);
	if (*descriptor >= 0)
		return 0;
	sink->error = report_fail(sink->rep, ERA_SYS,
				  "%s: names no descriptor: found '%s', wanted a number",
				  sink->path, number);
	return sink->error;
}

/* A descriptor that an exec closes was not there when the program began: it is one of ours. */
static int open_descriptor(struct sink *sink, int descriptor)
{
	int flags = fcntl(descriptor, F_GETFD);

	if (flags >= 0 && flags & FD_CLOEXEC) {
		errno = EBADF;
		return fail(sink, "cannot open");
	}
	sink->fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	return sink->fd < 0 ? fail(sink, "cannot open") : 0;
}

static int open_in_place(struct sink *sink)
{
	struct stat st;

	sink->fd = open(sink->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (sink->fd < 0 || fstat(sink->fd, &st))
		return fail(sink, "cannot open");
	if (S_ISREG(st.st_mode))
		sink->error = replacement_refuse(sink->shown, sink->rep);
	return sink->error;
}

static int open_path(struct sink *sink)
{
	int descriptor, r = descriptor_of(sink, &descriptor);
	struct stat st = {.st_mode = S_IFREG};

	if (r)
		return r;
	if (descriptor >= 0)
		return open_descriptor(sink, descriptor);
	if (stat(sink->path, &st) && errno != ENOENT)
		return fail(sink, "cannot open");
	if (!S_ISREG(st.st_mode))
		return open_in_place(sink);
	return open_replacement(sink);
}

static int open_gz(struct sink *sink)
{
	int fd = fcntl(sink->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return fail(sink, "cannot open");
	sink->gz = gzdopen(fd, "wb");
	if (sink->gz)
		return 0;
	close(fd);
	return fail_nomem(sink);
}

static int init(struct sink *sink, const char *shown, const struct report *rep)
{
	*sink = (struct sink){.rep = rep,
			      .shown = shown,
			      .fd = -1,
			      .buffer = io_alloc(SINK_BUFFER)};
	return sink->buffer ? 0 : report_nomem(rep);
}

static int open_file(struct sink *sink, const char *path)
{
	int r;

	sink->path = strdup(path);
	if (!sink->path)
		return fail_nomem(sink);
	sink->shown = sink->path;
	r = open_path(sink);
	return !r && ends_in_gz(path) ? open_gz(sink) : r;
}

int sink_open(struct sink *sink, const char *path, const struct report *rep)
{
	bool is_file = path && strcmp(path, "-");
	int r = init(sink, "standard output", rep);

	if (!r)
		r = is_file ? open_file(sink, path) : open_descriptor(sink, STDOUT_FILENO);
	if (!r)
		sink->is_pipe = io_is_pipe(sink->fd);
	if (!r && isatty(sink->fd))
		report_terminal(rep);
	if (r)
		sink_close(sink);
	return r;
}

int sink_open_spool(struct sink *sink, const struct report *rep)
{
	return init(sink, "a temporary file", rep);
}

/* The file of a spool whose text doesn't fit into memory any more. */
static void open_spool(struct sink *sink)
{
	sink->fd = scratch_open(sink->rep);
	if (sink->fd < 0)
		sink->error = sink->fd;
}

/* zlib's errors are those of the system only when it says so; else errno is an old one. */
static int gz_errno(int error)
{
	if (error == Z_ERRNO && errno)
		return errno;
	return error == Z_MEM_ERROR ? ENOMEM : EIO;
}

static ssize_t write_gz(gzFile gz, const char *data, size_t n)
{
	int done = gzwrite(gz, data, (unsigned)n), error;

	if (done > 0)
		return done;
	gzerror(gz, &error);
	errno = gz_errno(error);
	return -1;
}

static ssize_t write_some(struct sink *sink, const char *data, size_t n)
{
	return sink->gz ? write_gz(sink->gz, data, n) : write(sink->fd, data, n);
}

/* Also called by the writer thread's thread: touches nothing but the file. */
static int write_all(void *ctx, const char *data, size_t n)
{
	struct sink *sink = ctx;

	while (n) {
		ssize_t done = write_some(sink, data, n);

		if (done < 0 && errno == EINTR && !sink->gz)
			continue;
		if (done <= 0)
			return done ? errno : ENOSPC;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static void note_written(struct sink *sink, int error)
{
	errno = error;
	if (error)
		fail_write(sink);
}

static void write_out(struct sink *sink, const char *data, size_t n)
{
	if (sink->fd < 0 && !sink->error)
		open_spool(sink);
	if (!sink->error)
		note_written(sink, write_all(sink, data, n));
}

static void start_writer(struct sink *sink)
{
	sink->writer = malloc(sizeof(*sink->writer));
	if (!sink->writer || !writer_thread_start(sink->writer, SINK_BUFFER, write_all, sink))
		return;
	free(sink->writer);
	sink->writer = NULL;
}

static void finish_gz(struct sink *sink)
{
	int r;

	if (!sink->gz)
		return;
	errno = 0;
	r = gzclose(sink->gz);
	sink->gz = NULL;
	if (r == Z_OK)
		return;
	errno = gz_errno(r);
	fail_write(sink);
}

/* zlib looks at what it could not write once more when it is closed, so the buffers go after it. */
static void end_writing(struct sink *sink)
{
	if (sink->writer)
		note_written(sink, writer_thread_end(sink->writer));
	finish_gz(sink);
	if (sink->writer)
		writer_thread_free(sink->writer);
	free(sink->writer);
	sink->writer = NULL;
}

void sink_flush_buffer(struct sink *sink)
{
	int error = 0;

	if (sink->writer)
		sink->buffer = writer_thread_swap(sink->writer, sink->buffer, sink->nr, &error);
	else
		write_out(sink, sink->buffer, sink->nr);
	note_written(sink, error);
	sink->nr = 0;
	if (++sink->nr_full == WRITER_THREAD_AFTER && sink->fd >= 0)
		start_writer(sink);
}

int sink_unspool(struct sink *spool, struct sink *to)
{
	off_t at = 0, end;

	if (spool->fd < 0 && !spool->error) {
		sink_write(to, spool->buffer, spool->nr);
		return to->error;
	}
	sink_flush_buffer(spool);
	end_writing(spool);
	end = spool->error ? 0 : lseek(spool->fd, 0, SEEK_CUR);
	if (end < 0)
		fail(spool, "cannot find its length");
	while (at < end && !spool->error && !to->error) {
		size_t n = end - at < (off_t)SINK_BUFFER ? (size_t)(end - at) : SINK_BUFFER;

		spool->error = scratch_read(spool->fd, spool->buffer, n, at, spool->rep);
		if (!spool->error)
			sink_write(to, spool->buffer, n);
		at += (off_t)n;
	}
	return spool->error ? spool->error : to->error;
}

void sink_write(struct sink *sink, const void *data, size_t n)
{
	const char *from = data;

	while (n) {
		size_t some = n < SINK_BUFFER ? n : SINK_BUFFER;

		memcpy(sink_reserve(sink, some), from, some);
		sink_used(sink, some);
		from += some;
		n -= some;
	}
}

void sink_printf(struct sink *sink, const char *fmt, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		fail_nomem(sink);
		return;
	}
	sink_write(sink, text, (size_t)n);
	free(text);
}

/* Some file systems tell only when a file is closed that they could not write it; a block device,
 * only when it is flushed. */
static void close_checked(struct sink *sink)
{
	struct stat st;
	int fd = sink->fd;

	if (fd < 0)
		return;
	if (!sink->error && !fstat(fd, &st) && S_ISBLK(st.st_mode) && fsync(fd))
		fail(sink, "cannot flush");
	sink->fd = -1;
	if (close(fd))
		fail_write(sink);
}

int sink_finish(struct sink *sink)
{
	sink_flush_buffer(sink);
	end_writing(sink);
	if (!sink->error && sink->file.target)
		sink->error = replacement_commit(&sink->file, sink->shown, sink->rep);
	else
		close_checked(sink);
	return sink->error;
}

void sink_close(struct sink *sink)
{
	if (!sink->buffer)
		return;
	if (!sink->error)
		sink->error = ERA_SYS; /* why it is not finished has been told */
	end_writing(sink);
	if (sink->fd >= 0)
		close(sink->fd);
	replacement_close(&sink->file);
	free(sink->path);
	free(sink->buffer);
	*sink = (struct sink){.fd = -1};
}
