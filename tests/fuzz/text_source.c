/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/text_source.h"

#include <string.h>

#define PIECE_MAX 400u /* some lines */

static struct {
	struct input rest;
	uint32_t cuts;
} text_source;

int __wrap_source_read(struct source *source, void *data, unsigned size);

void text_source_open(struct source *source, struct input text, uint32_t cuts,
		      const struct report *rep)
{
	*source = (struct source){.rep = rep, .name = "text"};
	text_source.rest = text;
	text_source.cuts = cuts;
}

/* Half of the pieces are of a few bytes. */
static unsigned next_piece(unsigned size)
{
	uint32_t *cuts = &text_source.cuts;
	unsigned piece;

	if (!*cuts)
		return size;
	*cuts = *cuts * 1664525u + 1013904223u;
	piece = 1 + (*cuts >> 16) % (*cuts >> 31 ? PIECE_MAX : 8);
	*cuts |= 1;
	return piece < size ? piece : size;
}

int __wrap_source_read(struct source *source, void *data, unsigned size)
{
	unsigned n = next_piece(size);

	(void)source;
	if (n > text_source.rest.len)
		n = (unsigned)text_source.rest.len;
	memcpy(data, text_source.rest.data, n);
	text_source.rest.data += n;
	text_source.rest.len -= n;
	return (int)n;
}
