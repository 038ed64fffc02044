/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_witness.h"

#include <stdlib.h>

#include "target/log.h"
#include "witness/witness.h"

static void on_chunk(void *ctx, const struct era_chunk *chunk)
{
	witness_maker_add(ctx, chunk);
}

static int make(struct engine *e, const _Atomic bool *cancelled, struct witness **made)
{
	struct superblock sb;
	const struct witness_subject subject = {
		.path = engine_metadata_name(e),
		.rep = &log_report,
		.sb = &sb,
	};
	struct era_chunk_listener listener = {.on_chunk = on_chunk};
	int r;

	engine_superblock(e, &sb);
	listener.ctx = witness_maker_begin(&subject);
	if (!listener.ctx)
		return report_nomem(&log_report);
	r = engine_read_eras(e, sb.current_era, &listener, cancelled);
	if (!r) {
		*made = witness_maker_end(listener.ctx);
		r = *made ? 0 : report_nomem(&log_report);
	}
	free(listener.ctx);
	return r;
}

static char *digits_of(const struct witness *witness)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *data = malloc(WITNESS_MAX_BYTES);
	uint32_t size = data ? witness_encode(witness, data) : 0;
	char *line = data ? malloc(2 * (size_t)size + 1) : NULL, *to = line;

	for (uint32_t i = 0; line && i < size; i++) {
		*to++ = digits[data[i] >> 4];
		*to++ = digits[data[i] & 15];
	}
	if (line)
		*to = '\0';
	free(data);
	return line;
}

int control_witness_line(struct engine *e, const _Atomic bool *cancelled, char **line)
{
	struct witness *made;
	int r = make(e, cancelled, &made);

	if (r)
		return r;
	*line = digits_of(made);
	free(made);
	return *line ? 0 : report_nomem(&log_report);
}
