/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where output goes: standard output, or a file that appears only when it is complete.
 *
 * Text is made in the sink's own buffer: sink_reserve() gives a place for so many bytes, sink_used()
 * says how many were put there.  An error is kept and reported once, by sink_finish(); a loop that
 * formats needs not look for it, but may with sink_failed().
 */
#ifndef ERA_BASE_SINK_H
#define ERA_BASE_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/newfile.h"
#include "base/report.h"

#define SINK_BUFFER BUFFER_SIZE(256u << 10, 16u << 10)

struct writer_thread;

struct sink {
	const struct report *rep;
	const char *shown; /* for messages */
	char *path;      /* NULL for standard output and a spool */
	char *target;    /* links resolved, when `file` will replace it; else NULL */
	bool replaces;   /* there was a file at `target` */
	struct newfile file;
	bool is_pipe;    /* or a socket: without a reader, it is closed without a word */
	int fd;          /* -1 while a spool fits into memory, and when it is finished */
	void *gz;        /* compresses when the name ends in .gz */
	char *buffer;
	size_t nr;
	unsigned nr_full;   /* buffers written so far */
	struct writer_thread *writer;  /* writes them, once there are many; else NULL */
	int error;       /* a negative enum era_err, reported */
};

/* path NULL or "-" is standard output.  A regular file, or a new one, is written beside its place
 * and renamed to it by sink_finish(), with the old one's mode, owner and attributes
 * (base/attributes.h); a file that appears meanwhile at a new one's place is an error, and stays.
 * Anything else is written in place.  A name that ends in .gz is compressed. */
int sink_open(struct sink *sink, const char *path, const struct report *rep) must_check;

/* A sink whose text waits in memory, or in a nameless file, for sink_unspool(). */
int sink_open_spool(struct sink *sink, const struct report *rep) must_check;

/* Copies a spool's text to another sink.  0, or the error that either met. */
int sink_unspool(struct sink *spool, struct sink *to) must_check;

/* A place for up to n (at most SINK_BUFFER) bytes, good until the next call. */
static inline char *sink_reserve(struct sink *sink, size_t n);
static inline void sink_used(struct sink *sink, size_t n);

void sink_write(struct sink *sink, const void *data, size_t n);
void sink_printf(struct sink *sink, const char *fmt, ...) format_printf(2, 3);

/* 0, or the error that was met. */
static inline int sink_failed(const struct sink *sink);

/* Writes what is left, and puts a file in its place.  Must be the last call but sink_close(). */
int sink_finish(struct sink *sink) must_check;

/* Frees all; an unfinished file disappears.  A zeroed or closed sink is left alone. */
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
