/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/witness.h"

#include <string.h>

#include "dmera.h"

#define DIGITS "0123456789abcdef"

_Static_assert(PEER_REPLY_MAX > 2 * DMERA_WITNESS_MAX_BYTES + 1,
	       "a reply may be the largest witness");

/* Up to the first character that is no digit: what is missing then is noticed by who decodes it. */
static size_t from_digits(const char *text, uint8_t *data, size_t max)
{
	size_t n = 0;

	for (; n < max && text[0] && text[1]; n++, text += 2) {
		const char *high = strchr(DIGITS, text[0]), *low = strchr(DIGITS, text[1]);

		if (!high || !low)
			break;
		data[n] = (uint8_t)((high - DIGITS) << 4 | (low - DIGITS));
	}
	return n;
}

int witness_write(struct tool *tool, const struct peer *peer, const char *path)
{
	static uint8_t data[DMERA_WITNESS_MAX_BYTES];
	size_t size = from_digits(peer->reply, data, sizeof(data));
	struct dmera *era = dmera_create();
	struct dmera_witness *witness = NULL;
	int r;

	if (!era)
		return report_nomem(&tool->report);
	tool_listen(tool, era);
	r = dmera_witness_decode(era, peer->path, data, size, &witness);
	if (!r)
		r = dmera_witness_save(era, witness, path);
	dmera_witness_free(witness);
	dmera_destroy(era);
	return r ? ERA_SYS : 0;
}
