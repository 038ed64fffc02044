/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Where output goes: standard output, or a file that appears only when it is complete.
 *
 * Text is formatted in the sink's own buffer: sink_reserve() returns space for a number of bytes,
 * and sink_used() says how many were written there.  An error is kept, and reported once by
 * sink_finish(); a loop that formats need not check for it, but may with sink_failed().
 */
#ifndef ERA_BASE_SINK_H
#define ERA_BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/replacement.h"
#include "base/report.h"

#define SINK_BUFFER BUFFER_SIZE(256u << 10, 16u << 10)

struct writer_thread;

struct sink {
	const struct report *rep;
	const char *shown;	 /* for messages */
	char *path;		 /* NULL for standard output and a spool */
	struct replacement file; /* for a regular file */
	bool is_pipe;		 /* or a socket: if its reader is gone, there is no message */
	int fd;			 /* -1 while a spool fits into memory, and after the end */
	void *gz;		 /* compresses, if the name ends in .gz */
	char *buffer;
	size_t nr;
	unsigned nr_full;	      /* buffers written so far */
	struct writer_thread *writer; /* writes them, once there are many; otherwise NULL */
	int error;		      /* a negative enum era_err, reported */
};

/* path NULL or "-" is standard output.  A regular file, or a new one, is written beside its place,
 * and sink_finish() renames it, with the old file's mode, owner and attributes
 * (base/replacement.h). If a file has appeared in a new one's place meanwhile, that is an error,
 * and the file stays. Anything else is written in place.  If the name ends in .gz, the output is
 * compressed.  A name in /dev/fd is a descriptor that the process was started with. */
int sink_open(struct sink *sink, const char *path, const struct report *rep) must_check;

/* A sink that keeps its text in memory, or in a nameless file, for sink_unspool(). */
int sink_open_spool(struct sink *sink, const struct report *rep) must_check;

/* Copies a spool's text to another sink.  Returns 0, or the error of either. */
int sink_unspool(struct sink *spool, struct sink *to) must_check;

/* Space for up to n (at most SINK_BUFFER) bytes, valid until the next call. */
static inline char *sink_reserve(struct sink *sink, size_t n);
static inline void sink_used(struct sink *sink, size_t n);

void sink_write(struct sink *sink, const void *data, size_t n);
void sink_printf(struct sink *sink, const char *fmt, ...) format_printf(2, 3);

/* 0, or the first error so far. */
static inline int sink_failed(const struct sink *sink);

/* Writes what is left, and puts a file in its place.  After it, only sink_close() may be called. */
int sink_finish(struct sink *sink) must_check;

/* Frees everything; an unfinished file disappears.  A zeroed or closed sink is left alone. */
void sink_close(struct sink *sink);

void sink_flush_buffer(struct sink *sink);

static inline char *sink_reserve(struct sink *sink, size_t n)
{
	if (SINK_BUFFER - sink->nr < n)
		sink_flush_buffer(sink);
	return sink->buffer + sink->nr;
}

static inline void sink_used(struct sink *sink, size_t n)
{
	sink->nr += n;
}

static inline int sink_failed(const struct sink *sink)
{
	return sink->error;
}

#endif
