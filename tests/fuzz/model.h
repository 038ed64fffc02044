/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a dump says of each block, by no other means than its events: the highest era of all that
 * name the block.  What is read of the same metadata without a dump must say that, too.
 */
#ifndef ERA_TESTS_FUZZ_MODEL_H
#define ERA_TESTS_FUZZ_MODEL_H

#include "metadata/stream.h"

struct model {
	uint32_t nr_blocks;
	uint32_t *eras;
	uint32_t era;  /* of the writeset that is under way */
	uint64_t next; /* its next bit, or the next block of the array */
};

/* The model must outlive the stream; model_free() it, however the stream ended. */
struct era_stream model_stream(struct model *model);
void model_free(struct model *model);

/* Every bit is that of a block that was written in `since` or later, and none is missing. */
void must_be_list(const struct model *model, uint32_t since, const uint64_t *bits);

#endif
