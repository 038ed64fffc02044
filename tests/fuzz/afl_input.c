/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Makes of a fuzz target's input what a program reads, just before AFL++ runs the program on it:
 * the first $ERA_FUZZ_SKIP bytes are left out, and with $ERA_FUZZ_IMAGE the rest is made an image.
 * So both engines have the same seeds, and what either finds runs in the other.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"

/* The interface of AFL++. */
void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_post_process(void *ctx, uint8_t *data, size_t len, uint8_t **out);
void afl_custom_deinit(void *ctx);

struct afl_input {
	uint8_t *made; /* the last one */
	size_t len;
	unsigned skip;
	bool is_image;
};

void *afl_custom_init(void *afl, unsigned seed)
{
	struct afl_input *ctx = calloc(1, sizeof(*ctx));
	const char *skip = getenv("ERA_FUZZ_SKIP");

	(void)afl;
	(void)seed;
	must(ctx && skip);
	ctx->skip = (unsigned)strtoul(skip, NULL, 10);
	ctx->is_image = getenv("ERA_FUZZ_IMAGE");
	return ctx;
}

static void make(struct afl_input *ctx, struct input *input)
{
	struct input made = *input;
	struct image image;

	if (ctx->is_image) {
		image_make(&image, input);
		made = (struct input){image.data, image.len};
	}
	ctx->made = malloc(made.len + 1);
	must(ctx->made);
	memcpy(ctx->made, made.data, made.len);
	ctx->len = made.len;
	if (ctx->is_image)
		image_undo(&image);
}

/* When an input is run several times, afl-fuzz passes what was made of it as data again. */
size_t afl_custom_post_process(void *state, uint8_t *data, size_t len, uint8_t **out)
{
	struct afl_input *ctx = state;
	struct input input = {data, len};

	if (data != ctx->made) {
		free(ctx->made);
		for (unsigned i = 0; i < ctx->skip; i++)
			(void)input_take(&input, 1);
		make(ctx, &input);
	}
	*out = ctx->made;
	return ctx->len;
}

void afl_custom_deinit(void *state)
{
	struct afl_input *ctx = state;

	free(ctx->made);
	free(ctx);
}
