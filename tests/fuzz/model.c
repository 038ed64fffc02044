/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tests/fuzz/model.h"

#include <stdlib.h>

#include "base/bits.h"
#include "tests/fuzz/fuzz.h"

static int on_begin(void *ctx, const struct era_header *header)
{
	struct model *model = ctx;

	model->nr_blocks = header->nr_blocks;
	model->eras = calloc(header->nr_blocks + 1u, sizeof(*model->eras));
	must(model->eras);
	return 0;
}

static int on_writeset(void *ctx, uint32_t era, uint32_t nr_bits)
{
	struct model *model = ctx;

	(void)nr_bits;
	model->era = era;
	model->next = 0;
	return 0;
}

static void name_block(struct model *model, uint64_t block, uint32_t era)
{
	if (block < model->nr_blocks && model->eras[block] < era)
		model->eras[block] = era;
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct model *model = ctx;

	for (uint32_t i = 0; i < nr; i++, model->next += BITS_PER_WORD)
		for (unsigned bit = 0; bit < BITS_PER_WORD; bit++)
			if (words[i] >> bit & 1)
				name_block(model, model->next + bit, model->era);
	return 0;
}

static int on_array(void *ctx)
{
	struct model *model = ctx;

	model->next = 0;
	return 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct model *model = ctx;

	for (uint32_t i = 0; i < nr; i++)
		name_block(model, model->next++, eras[i]);
	return 0;
}

static int on_array_end(void *ctx)
{
	struct model *model = ctx;

	must(model->next == model->nr_blocks);
	return 0;
}

static int on_mark(void *ctx)
{
	(void)ctx;
	return 0;
}

struct era_stream model_stream(struct model *model)
{
	*model = (struct model){0};
	return (struct era_stream){model,    on_begin, on_writeset,  on_words, on_mark,
				   on_array, on_eras,  on_array_end, on_mark};
}

void model_free(struct model *model)
{
	free(model->eras);
}

void must_be_list(const struct model *model, uint32_t since, const uint64_t *bits)
{
	for (uint32_t i = 0; i < model->nr_blocks; i++)
		must(bits_test(bits, i) == (model->eras[i] >= since));
}
