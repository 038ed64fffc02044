/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Writes a delta to a sink: delta_begin(), records in ascending order, delta_end().  The sink is
 * the caller's to open, to finish and to close.
 *
 * All calls return 0, the error of the sink, or ERA_DAMAGED, reported: what was asked for would be
 * no delta.  After a failure nothing else may be written, and what is there must be dropped.
 */
#ifndef ERA_COPY_DELTA_WRITER_H
#define ERA_COPY_DELTA_WRITER_H

#include "base/compiler.h"
#include "base/sink.h"
#include "copy/delta.h"

struct delta_writer {
	struct sink *sink;
	struct delta_header header;
	struct delta_progress progress;
	uint32_t crc;
	uint64_t data_bytes, zero_bytes;
};

int delta_begin(struct delta_writer *writer, struct sink *sink,
		const struct delta_header *header) must_check;

/* What is longer than a record may be becomes several. */
int delta_data(struct delta_writer *writer, uint64_t offset, const void *data,
	       uint64_t length) must_check;
int delta_zero(struct delta_writer *writer, uint64_t offset, uint64_t length) must_check;

int delta_end(struct delta_writer *writer, const struct delta_facts *facts) must_check;

#endif
