/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Sets every field of every used block of an image to values that it should not have, a field at a
 * time with the checksum right, and asks the library about each:
 *
 *	sweep IMAGE SEED ENTRIES
 *
 * Of a field that a block has more often than ENTRIES times, so many are drawn at random. Prints
 * how many cases there were and how they ended; a case that breaks the law of views.h is printed
 * and counted, as is an answer that is short when a check finds nothing, but in a field of `blind`.
 */
#include "views.h"

/* A plausible value instead of the right one: nobody can know. */
static const struct {
	enum kind kind;
	uint32_t values;
	const char *name;
} blind[] = {
	{SUPERBLOCK, 0, "era"},
	{NODE, 12, "key"},
	{ARRAY, 4, "era"},
	{ARRAY, 8, "word"},
};

static bool is_blind(const struct field *field, const uint8_t *data)
{
	for (size_t b = 0; b < sizeof(blind) / sizeof(blind[0]); b++)
		if (blind[b].kind == field->kind && !strcmp(blind[b].name, field->name) &&
		    (!blind[b].values || blind[b].values == value_size_of(data, field->kind)))
			return true;
	return false;
}

static void try(uint64_t block, const struct field *field, uint64_t i, uint64_t value)
{
	const uint8_t *old = image + block * BLOCK_SIZE;
	uint32_t at = field_at(old, field, i);
	struct era_check_result result;
	uint8_t copy[BLOCK_SIZE];
	enum kind kind = kind_of(old);
	bool is_short;

	memcpy(copy, old, BLOCK_SIZE);
	put_le(copy + at, field->size, value);
	if (!memcmp(copy, old, BLOCK_SIZE))
		return;
	reseal(copy, kind);
	snprintf(now, sizeof(now), "%" PRIu64 ".%s.%" PRIu64 "=%" PRIu64 " (%s)", block,
		 field->name, i, get_le(copy + at, field->size), kinds[kind].name);
	alarm(SECONDS_A_CASE);
	nr_cases++;
	write_image(block, 1, copy);
	if (era_check(path, ERA_CHECK_ALL, &quiet, &result))
		failed("the check does not come to its end");
	judge_image(&result, &is_short);
	if (is_short && !is_blind(field, old))
		failed("the answer is short, and the check finds nothing");
	write_image(0, nr_blocks, image);
}

static void try_values(uint64_t block, const struct field *field, uint64_t i)
{
	const uint8_t *data = image + block * BLOCK_SIZE;
	uint64_t v = get_le(data + field_at(data, field, i), field->size);
	uint64_t values[] = {0,
			     1,
			     v - 1,
			     v + 1,
			     UINT64_MAX,
			     v + (UINT64_C(1) << 52),
			     draw(nr_blocks),
			     used[draw(nr_used)],
			     used[draw(nr_used)]};

	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++)
		try(block, field, i, values[n]);
}

static void try_block(uint64_t block, uint64_t entries)
{
	const uint8_t *data = image + block * BLOCK_SIZE;
	enum kind kind = kind_of(data);

	for (size_t f = 0; f < NR_FIELDS; f++) {
		uint64_t nr;

		if (!has_field(data, kind, &fields[f]))
			continue;
		/* One past the end, too, where there is room. */
		nr = field_entries(data, &fields[f]) + (fields[f].how_many == ENTRIES);
		for (uint64_t i = 0; i < (nr > entries ? entries : nr); i++) {
			uint64_t pick = nr > entries ? draw(nr) : i;

			if (field_at(data, &fields[f], pick) < BLOCK_SIZE)
				try_values(block, &fields[f], pick);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 4)
		die("usage: sweep IMAGE SEED ENTRIES");
	start(argv[1], argv[2]);
	for (size_t i = 0; i < nr_used; i++)
		try_block(used[i], strtoull(argv[3], NULL, 0));
	return finish();
}
