/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Reads a delta, strictly: anything that doc/delta.md does not describe is ERA_DAMAGED, with the
 * place.  Memory does not depend on what the delta says.
 *
 *	delta_reader_open(), delta_read_header(), then
 *	while ((r = delta_next(reader, &record)) > 0)
 *		while (record.kind == DELTA_DATA && (n = delta_read_data(reader, &data)) > 0)
 *			...
 *
 * Until delta_next() has returned 0, nothing that was read may be relied on: only then the
 * checksum has been compared, and the end has been seen.  All errors are reported.
 */
#ifndef ERA_COPY_DELTA_READER_H
#define ERA_COPY_DELTA_READER_H

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/source.h"
#include "copy/delta.h"

/* The most that delta_read_data() returns at once. */
#define DELTA_PIECE_MAX BUFFER_SIZE(1u << 20, 1u << 12)

struct delta_reader;

/* Gets all bytes of the stream, in order, when they are read; returns 0 or an error that it has
 * reported. */
struct delta_tee {
	int (*write)(void *ctx, const void *data, size_t size);
	void *ctx;
};

/* source and tee (or NULL) must outlive *out, which delta_reader_close() frees. */
int delta_reader_open(struct delta_reader **out, struct source *source,
		      const struct delta_tee *tee) must_check;
void delta_reader_close(struct delta_reader *reader);

/* The first call. */
int delta_read_header(struct delta_reader *reader, struct delta_header *header) must_check;

/* Passes over what is left of the last record.  Returns 1 with *record set, 0 at the end. */
int delta_next(struct delta_reader *reader, struct delta_record *record) must_check;

/* Of the last record, if it is one of data: returns how many bytes *data has, which are valid until
 * the next call, or 0 when all of them have been returned.  Only the last piece of a record is
 * shorter than DELTA_PIECE_MAX. */
int delta_read_data(struct delta_reader *reader, const uint8_t **data) must_check;

/* After the end: the trailer, which is the reader's, or NULL if there is none. */
const struct delta_facts *delta_reader_facts(const struct delta_reader *reader);

/* After the end: is everything from byte `from` on in records? */
bool delta_reader_covers(const struct delta_reader *reader, uint64_t from);

/* After the end: a checksum of the whole stream, by which two readings of it are compared. */
uint32_t delta_reader_checksum(const struct delta_reader *reader);

#endif
