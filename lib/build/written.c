/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/written.h"

#include "base/checked.h"

#define PIECE_BLOCKS 4096u

static int feed_array(const struct era_stream *to, const struct era_header *header,
		      const struct report *rep)
{
	uint32_t eras[PIECE_BLOCKS], nr;
	int r = to->array_begin(to->ctx);

	for (uint32_t i = 0; i < PIECE_BLOCKS; i++)
		eras[i] = header->current_era;
	for (uint32_t done = 0; done < header->nr_blocks && !r; done += nr) {
		nr = (uint32_t)min_u64(PIECE_BLOCKS, header->nr_blocks - done);
		r = to->eras(to->ctx, eras, nr);
		report_progress(rep, PROGRESS_BUILD, (uint64_t)(done + nr) * sizeof(eras[0]),
				(uint64_t)header->nr_blocks * sizeof(eras[0]));
	}
	return r ? r : to->array_end(to->ctx);
}

int era_build_feed_written(struct era_build *build, const struct era_header *header,
			   const struct report *rep)
{
	const struct era_stream to = era_build_stream(build);
	int r = to.begin(to.ctx, header);

	if (!r)
		r = feed_array(&to, header, rep);
	return r ? r : to.end(to.ctx);
}
