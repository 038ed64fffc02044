/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Damages an image in several places at once, each of which a check finds when it is alone, and
 * asks the library about it:
 *
 *	mix IMAGE SEED CASES FAULTS
 *
 * A case has 1 to FAULTS faults: a field set to what it should not be under a checksum that is
 * right, or a block that was zeroed, has flipped bits, or holds what belongs elsewhere. Prints how
 * many cases there were and how they ended; one that breaks the law of views.h is printed and
 * counted, as is a salvage that is short where the superblock is among what is damaged, and no more
 * than another field or a block that is plainly destroyed.
 *
 * What a check finds no problem in although there are several faults is an older state that is
 * whole: it is counted as short, and nothing can be said against it.
 */
#include "views.h"

#define MAX_FAULTS 8
#define TRIES 1000

enum fault_kind {
	FIELD,	 /* of a used block */
	POINTER, /* a field that holds a block number, to another one */
	ZERO,
	FLIP,	   /* some bits, with the checksum as it was */
	COPY,	   /* of another block of its kind, as if it belonged here */
	ELSEWHERE, /* what another block holds, as it is there */
	MOVE,	   /* to an unused block, with one field changed; what pointed to it leads there */
	NR_FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	uint64_t block, other, value, bits[3];
	const struct field *field;
	uint64_t entry;
};

static uint64_t unused[1 << 16];
static size_t nr_unused;

static const char *const names[NR_FAULT_KINDS] = {"field", "pointer",	"zero", "flip",
						  "copy",  "elsewhere", "move"};

static void find_unused(void)
{
	for (uint64_t b = 1, i = 0; b < nr_blocks && nr_unused < sizeof(unused) / sizeof(unused[0]);
	     b++) {
		while (i < nr_used && used[i] < b)
			i++;
		if (i == nr_used || used[i] != b)
			unused[nr_unused++] = b;
	}
}

static bool is_pointer(const struct field *field)
{
	static const char *const pointers[] = {"index",	   "refs",  "current", "sets",	"eras",
					       "snapshot", "child", "root",    "bitmap"};

	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		if (!strcmp(field->name, pointers[i]))
			return true;
	return false;
}

/* A field that the block has, and one of its entries. */
static bool draw_field(struct fault *f, bool pointer)
{
	const uint8_t *data = image + f->block * BLOCK_SIZE;
	enum kind kind = kind_of(data);

	for (unsigned i = 0; i < TRIES; i++) {
		const struct field *field = &fields[draw(NR_FIELDS)];
		uint64_t nr;

		if (kind == NR_KINDS || !has_field(data, kind, field) ||
		    (pointer && !is_pointer(field)))
			continue;
		nr = field_entries(data, field) + (field->how_many == ENTRIES);
		f->field = field;
		f->entry = nr ? draw(draw(2) && nr > 8 ? 8 : nr) : 0;
		return field_at(data, field, f->entry) < BLOCK_SIZE;
	}
	return false;
}

static uint64_t draw_value(const struct fault *f)
{
	const uint8_t *data = image + f->block * BLOCK_SIZE;
	uint64_t v = get_le(data + field_at(data, f->field, f->entry), f->field->size);
	uint64_t values[] = {0,
			     1,
			     v - 1,
			     v + 1,
			     UINT64_MAX,
			     draw(nr_blocks),
			     used[draw(nr_used)],
			     v + 64,
			     v ^ UINT64_C(1) << draw(64)};

	return values[draw(sizeof(values) / sizeof(values[0]))];
}

/* An unused block of the same kind holds an older copy, often of that very block. */
static bool draw_other(struct fault *f)
{
	enum kind kind = kind_of(image + f->block * BLOCK_SIZE);

	for (unsigned i = 0; i < TRIES; i++) {
		f->other = draw(3) && nr_unused ? unused[draw(nr_unused)] : used[draw(nr_used)];
		if (f->other != f->block && kind_of(image + f->other * BLOCK_SIZE) == kind)
			return kind != NR_KINDS;
	}
	return false;
}

static bool draw_fault(struct fault *f)
{
	*f = (struct fault){.kind = (enum fault_kind)draw(NR_FAULT_KINDS),
			    .block = used[draw(nr_used)]};
	for (unsigned i = 0; i < 3; i++)
		f->bits[i] = draw(BLOCK_SIZE * 8);
	switch (f->kind) {
	case FIELD:
		if (!draw_field(f, false))
			return false;
		f->value = draw_value(f);
		return true;
	case POINTER:
		if (!draw_field(f, true))
			return false;
		f->value = draw(2) && nr_unused ? unused[draw(nr_unused)] : draw_value(f);
		return true;
	case ZERO:
	case FLIP:
		return true;
	case COPY:
	case ELSEWHERE:
		return draw_other(f);
	case MOVE:
		f->other = nr_unused ? unused[draw(nr_unused)] : 0;
		return f->other && draw_field(f, false);
	case NR_FAULT_KINDS:
		break;
	}
	return false;
}

static void set_field(uint8_t *data, const struct fault *f, uint64_t value)
{
	enum kind kind = kind_of(data);
	uint32_t at = kind == NR_KINDS ? BLOCK_SIZE : field_at(data, f->field, f->entry);

	if (at == BLOCK_SIZE)
		return;
	put_le(data + at, f->field->size, value);
	reseal(data, kind);
}

static uint32_t number_at(enum kind kind)
{
	return kind == ARRAY ? 16 : 8;
}

/* `to` holds what was elsewhere, with its own number right. */
static void put_as_own(uint8_t *to, const uint8_t *from, uint64_t block)
{
	enum kind kind = kind_of(from);

	memmove(to, from, BLOCK_SIZE);
	if (kind == NR_KINDS)
		return;
	put_le(to + number_at(kind), 8, block);
	reseal(to, kind);
}

static bool redirect_in(uint8_t *data, uint64_t from, uint64_t to)
{
	enum kind kind = kind_of(data);

	for (size_t i = 0; i < NR_FIELDS && kind != NR_KINDS; i++) {
		if (!has_field(data, kind, &fields[i]) || !is_pointer(&fields[i]))
			continue;
		for (uint64_t e = 0; e < field_entries(data, &fields[i]); e++) {
			uint32_t at = field_at(data, &fields[i], e);

			if (at == BLOCK_SIZE)
				break;
			if (get_le(data + at, fields[i].size) != from)
				continue;
			put_le(data + at, fields[i].size, to);
			reseal(data, kind);
			return true;
		}
	}
	return false;
}

static void apply(const struct fault *f, uint8_t *all)
{
	uint8_t *data = all + f->block * BLOCK_SIZE, *other = all + f->other * BLOCK_SIZE;

	switch (f->kind) {
	case FIELD:
	case POINTER:
		set_field(data, f, f->value);
		break;
	case ZERO:
		memset(data, 0, BLOCK_SIZE);
		break;
	case FLIP:
		for (unsigned i = 0; i < 3; i++)
			data[f->bits[i] / 8] ^= (uint8_t)(1 << f->bits[i] % 8);
		break;
	case COPY:
		put_as_own(data, image + f->other * BLOCK_SIZE, f->block);
		break;
	case ELSEWHERE:
		memcpy(data, image + f->other * BLOCK_SIZE, BLOCK_SIZE);
		break;
	case MOVE:
		put_as_own(other, data, f->other);
		set_field(other, f, 0);
		for (size_t i = 0; i < nr_used; i++)
			if (redirect_in(all + used[i] * BLOCK_SIZE, f->block, f->other))
				break;
		break;
	case NR_FAULT_KINDS:
		break;
	}
}

static void describe(const struct fault *f)
{
	size_t len = strlen(now);

	snprintf(now + len, sizeof(now) - len, " %s:%" PRIu64, names[f->kind], f->block);
	len = strlen(now);
	if (f->field)
		snprintf(now + len, sizeof(now) - len, ".%s.%" PRIu64 "=%" PRIu64, f->field->name,
			 f->entry, f->value);
	len = strlen(now);
	if (f->other)
		snprintf(now + len, sizeof(now) - len, "<>%" PRIu64, f->other);
}

static void check_now(const uint8_t *all, struct era_check_result *result)
{
	write_image(0, nr_blocks, all);
	if (era_check(path, ERA_CHECK_ALL, &quiet, result))
		failed("the check does not come to its end");
}

static bool is_found(const struct era_check_result *result)
{
	return result->nr_refusals;
}

static bool is_found_alone(const struct fault *f, uint8_t *all)
{
	struct era_check_result result;

	memcpy(all, image, nr_blocks * BLOCK_SIZE);
	apply(f, all);
	check_now(all, &result);
	return is_found(&result);
}

/* As era_repair does it when the superblock is destroyed, with what the user may know. */
static void judge_salvage(const struct era_salvage_hints *hints)
{
	static struct answer a;
	struct fold fold = {.a = &a};
	struct era_stream to = fold_stream(&fold);
	struct era_salvage *s;
	struct blk_dev dev;

	if (blk_dev_open(&dev, path, BLK_READ, &quiet) || era_salvage_open(&s, &dev, hints))
		return;
	if (!era_salvage_stream(s, &to) && !covers(&a, &truth[0].map))
		failed("what is salvaged is short");
	era_salvage_close(s);
}

/* Without its superblock, and with another block that looks right and is not, an older state can be
 * all that is left. */
static bool is_decidable(const struct fault *faults, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (faults[i].kind == COPY || faults[i].kind == ELSEWHERE || faults[i].kind == MOVE)
			return false;
	return nr <= 2;
}

static void judge_case(const struct era_check_result *result, bool with_salvage)
{
	const struct era_salvage_hints nothing_known = {0};
	const struct era_salvage_hints hints = {.nr_blocks = draw(2) ? truth[0].map.nr : 0,
						.data_block_size = 8};
	bool is_short;

	judge_image(result, &is_short);
	if (result->live.present || !with_salvage)
		return;
	judge_salvage(&nothing_known);
	judge_salvage(&hints);
}

static void try(unsigned nr_faults, uint8_t *all)
{
	struct era_check_result result;
	struct fault faults[MAX_FAULTS];
	unsigned nr = 1 + (unsigned)draw(nr_faults);

	alarm(SECONDS_A_CASE);
	snprintf(now, sizeof(now), "%" PRIu64 ":", nr_cases++);
	for (unsigned i = 0; i < nr; i++) {
		while (!draw_fault(&faults[i]) || !is_found_alone(&faults[i], all))
			alarm(SECONDS_A_CASE);
		describe(&faults[i]);
	}
	memcpy(all, image, nr_blocks * BLOCK_SIZE);
	for (unsigned i = 0; i < nr; i++)
		apply(&faults[i], all);
	check_now(all, &result);
	if (!is_found(&result)) {
		nr_short++;
		return;
	}
	judge_case(&result, is_decidable(faults, nr));
}

int main(int argc, char **argv)
{
	unsigned nr_faults = argc == 5 ? (unsigned)strtoul(argv[4], NULL, 0) : 0;
	uint8_t *all;

	if (!nr_faults || nr_faults > MAX_FAULTS)
		die("usage: mix IMAGE SEED CASES FAULTS (1 to 8)");
	start(argv[1], argv[2]);
	find_unused();
	all = malloc(nr_blocks * BLOCK_SIZE);
	for (uint64_t n = strtoull(argv[3], NULL, 0); all && n; n--)
		try(nr_faults, all);
	free(all);
	return finish();
}
