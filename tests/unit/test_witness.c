/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Witnesses against lives of a device: eras of its blocks in memory, which only rise.
 *
 * A life is never refused, whatever it does: runs and single blocks are written, eras begin, one or
 * many at a time, metadata snapshots are held, the device grows, shrinks and grows again.  Another
 * life is.  How often it isn't is printed as a table (ERA_WITNESS_TRIALS): doc/witness.md has it.
 * More steps, or others: ERA_WITNESS_STEPS=10000000 ERA_WITNESS_SEED=7.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#define ROOM_WITNESS
#include "base/bits.h"
#include "base/checked.h"
#include "base/compiler.h"
#include "base/le.h"
#include "block/crc.h"
#include "witness/tally_internal.h"
#include "witness/witness_internal.h"

#define MAX_BLOCKS 65536u
#define CHUNK_BLOCKS 4096u
#define NR_WITNESSES 6u

struct life {
	uint32_t nr_blocks, era;
	uint32_t eras[MAX_BLOCKS];
};

static char said[1024]; /* the last error, or note */
static unsigned nr_notes;

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static void on_note(void *ctx, const char *text)
{
	on_error(ctx, text);
	nr_notes++;
}

static const struct report report = {.error = on_error, .note = on_note};

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static struct life *life_new(uint32_t nr_blocks, uint32_t era)
{
	struct life *life = calloc(1, sizeof(*life));

	assert_non_null(life);
	life->nr_blocks = nr_blocks;
	life->era = era;
	return life;
}

static struct life *life_copy(const struct life *from)
{
	struct life *life = malloc(sizeof(*life));

	assert_non_null(life);
	memcpy(life, from, sizeof(*life));
	return life;
}

static void write_run(struct life *life, uint32_t first, uint32_t nr)
{
	for (uint32_t i = first; i < life->nr_blocks && nr--; i++)
		life->eras[i] = life->era;
}

struct looked_at {
	struct superblock sb;
	struct witness_subject subject;
};

static const struct witness_subject *look(struct looked_at *at, const struct life *life,
					  bool is_snapshot)
{
	at->sb = (struct superblock){
		.data_block_size = 8,
		.nr_blocks = life->nr_blocks,
		.current_era = life->era,
		.csum = life->eras[0] ^ life->eras[life->nr_blocks / 2],
	};
	at->subject = (struct witness_subject){"life", &report, &at->sb, is_snapshot};
	return &at->subject;
}

/* In pieces as the era map could give them. */
static void tell(const struct life *life, uint64_t *seed, struct witness_maker *maker,
		 struct witness_comparison *c)
{
	static const uint64_t lost[CHUNK_BLOCKS / BITS_PER_WORD];
	struct era_chunk chunk;
	uint32_t first = 0;

	for (; first < life->nr_blocks; first += chunk.nr) {
		uint32_t words = 1 + unit_random(seed) % (CHUNK_BLOCKS / BITS_PER_WORD);
		uint32_t most = words * BITS_PER_WORD;
		uint32_t nr = (uint32_t)min_u64(most, life->nr_blocks - first);

		chunk = (struct era_chunk){first, nr, life->eras + first, lost};
		if (maker)
			witness_maker_add(maker, &chunk);
		if (c)
			witness_comparison_add(c, &chunk);
	}
}

/* Through its file, each time. */
static struct witness *make(const struct life *life, bool is_snapshot, uint64_t *seed)
{
	static uint8_t data[WITNESS_MAX_BYTES];
	struct looked_at at;
	struct witness_maker *maker = witness_maker_begin(look(&at, life, is_snapshot));
	struct witness *made, *witness = calloc(1, sizeof(*witness));

	assert_non_null(maker);
	assert_non_null(witness);
	tell(life, seed, maker, NULL);
	made = witness_maker_end(maker);
	assert_non_null(made);
	assert_int_equal(witness_decode(witness, "w", data, witness_encode(made, data), &report),
			 0);
	made->name = witness->name;
	assert_memory_equal(witness, made, sizeof(*made));
	free(maker);
	free(made);
	return witness;
}

static int compare(const struct witness *old, const struct life *life, bool is_snapshot,
		   uint64_t listed_from, uint64_t *seed)
{
	struct looked_at at;
	const struct witness_subject *subject = look(&at, life, is_snapshot);
	struct witness_comparison *c;
	int r;

	said[0] = '\0';
	nr_notes = 0;
	r = witness_allowed(old, subject, 0);
	if (r)
		return r;
	c = witness_comparison_begin(old, subject, listed_from);
	assert_non_null(c);
	tell(life, seed, NULL, c);
	r = witness_comparison_end(c);
	free(c);
	return r;
}

/* Classes ascend with the ages, and none is skipped. */
static void ages(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint32_t class = 0; class < WITNESS_MAX_AGES; class ++) {
		assert_int_equal(age_class(last), class);
		assert_int_equal(age_class(age_class_last(class)), class);
		last = age_class_last(class) + 1;
	}
	assert_int_equal(last, 0); /* past UINT32_MAX */
	assert_int_equal(age_classes_of(0), 0);
	assert_int_equal(age_classes_of(1), 1);
	assert_int_equal(age_classes_of(UINT32_MAX), WITNESS_MAX_AGES);
}

/* Of the device since something was made. */
struct sizes {
	uint32_t least;
	bool regrown; /* it has been smaller than then, and has grown after that */
};

/* A life under way, and what was made of it. */
struct history {
	struct life *life, *held; /* held: what the metadata snapshot has */
	struct {
		struct witness *witness;
		struct sizes sizes;
		bool by_held;
	} made[NR_WITNESSES];
	struct sizes held_sizes;
	uint64_t seed;
	unsigned long nr_compared, nr_regrown, nr_older;
};

static uint32_t draw(struct history *h, uint32_t limit)
{
	return unit_random(&h->seed) % limit;
}

static void write_some(struct history *h)
{
	struct life *life = h->life;
	uint32_t nr = 1 + draw(h, 8);

	switch (draw(h, 4)) {
	case 0:
		write_run(life, draw(h, life->nr_blocks), 1 + draw(h, life->nr_blocks));
		break;
	case 1:
		write_run(life, 0, 1 + draw(h, 4));
		break;
	default:
		while (nr--)
			write_run(life, draw(h, life->nr_blocks), 1 + draw(h, 3));
	}
}

static void begin_era(struct history *h)
{
	static const uint32_t most[] = {1, 1, 1, 3, 100, 100000};

	h->life->era += 1 + draw(h, most[draw(h, ARRAY_SIZE(most))]);
}

static void note_size(struct sizes *sizes, uint32_t then, uint32_t from, uint32_t to)
{
	sizes->regrown |= to > from && from < then;
	sizes->least = to < sizes->least ? to : sizes->least;
}

/* The kernel gives new blocks era 0, or that which a writeset of before has for them. */
static void resize(struct history *h)
{
	struct life *life = h->life;
	uint32_t old = life->nr_blocks, nr = 1 + draw(h, draw(h, 2) ? MAX_BLOCKS / 8 : old);

	begin_era(h);
	for (uint32_t i = old; i < nr; i++)
		life->eras[i] = 0;
	for (unsigned i = 0; i < NR_WITNESSES; i++)
		note_size(&h->made[i].sizes, h->made[i].witness->nr_blocks, old, nr);
	note_size(&h->held_sizes, h->held->nr_blocks, old, nr);
	life->nr_blocks = nr;
}

/* Taking one begins an era; what is held stays as it is. */
static void take_snapshot(struct history *h)
{
	h->life->era++;
	memcpy(h->held, h->life, sizeof(*h->held));
	h->held_sizes = (struct sizes){h->life->nr_blocks, false};
}

static void make_witness(struct history *h, unsigned i)
{
	bool by_held = h->held->nr_blocks && !draw(h, 4);
	const struct life *of = by_held ? h->held : h->life;

	free(h->made[i].witness);
	h->made[i].witness = make(of, by_held, &h->seed);
	h->made[i].by_held = by_held;
	h->made[i].sizes = by_held ? h->held_sizes : (struct sizes){of->nr_blocks, false};
}

static void compare_live(struct history *h, unsigned i)
{
	const struct witness *old = h->made[i].witness;
	const struct sizes *sizes = &h->made[i].sizes;
	int r;

	h->nr_compared++;
	r = compare(old, h->life, false, sizes->regrown ? sizes->least : UINT64_MAX, &h->seed);
	if (r)
		print_error("%s\n", said);
	assert_int_equal(r, 0);
	if (!sizes->regrown)
		return;
	r = compare(old, h->life, false, UINT64_MAX, &h->seed);
	h->nr_regrown += r != 0;
	assert_true(!r || strstr(said, "--old-size"));
}

/* Any witness that was made before it, or with nothing written since. */
static void compare_held(struct history *h, unsigned i)
{
	const struct witness *old = h->made[i].witness;
	const struct sizes *sizes = &h->made[i].sizes;
	bool is_older =
		h->held->era < old->era || (h->held->era == old->era && !h->made[i].by_held);
	int r;

	if (!h->held->nr_blocks || sizes->regrown || sizes->least < old->nr_blocks)
		return;
	r = compare(old, h->held, true, UINT64_MAX, &h->seed);
	if (!is_older) {
		if (r)
			print_error("%s\n", said);
		assert_int_equal(r, 0);
	}
	h->nr_older += r != 0;
	assert_true(!r || strstr(said, "older than the witness"));
}

static void step(struct history *h)
{
	uint32_t drawn = draw(h, 40);

	if (drawn < 16)
		write_some(h);
	else if (drawn < 24)
		begin_era(h);
	else if (drawn < 25)
		resize(h);
	else if (drawn < 27)
		take_snapshot(h);
	else if (drawn < 29)
		make_witness(h, draw(h, NR_WITNESSES));
	else if (drawn < 38)
		compare_live(h, draw(h, NR_WITNESSES));
	else
		compare_held(h, draw(h, NR_WITNESSES));
}

static void live(struct history *h, uint32_t nr_blocks, uint32_t era, unsigned long steps)
{
	h->life = life_new(nr_blocks, era);
	h->held = life_new(0, 0);
	for (unsigned i = 0; i < NR_WITNESSES; i++)
		make_witness(h, i);
	while (steps-- && h->life->era < UINT32_MAX / 2)
		step(h);
	for (unsigned i = 0; i < NR_WITNESSES; i++) {
		free(h->made[i].witness);
		h->made[i].witness = NULL;
	}
	free(h->life);
	free(h->held);
}

static void no_life_is_refused(void **state)
{
	static const uint32_t sizes[] = {1, 40, 4095, 4096, 4097, 8000, 30000};
	unsigned long steps = from_environment("ERA_WITNESS_STEPS", 6000), done = 0;
	struct history h = {.seed = from_environment("ERA_WITNESS_SEED", 1)};

	(void)state;
	for (unsigned i = 0; done < steps; i++, done += 400)
		live(&h, sizes[i % ARRAY_SIZE(sizes)], i % 3 ? i % 3 : 1000000, 400);
	print_message("# %lu steps: %lu comparisons; refused as older: %lu, as regrown: %lu\n",
		      done, h.nr_compared, h.nr_older, h.nr_regrown);
	assert_true(h.nr_compared > steps / 10);
	assert_true(h.nr_regrown && h.nr_older);
}

/* Random writes in so many eras, about as many blocks in each as the device has in all, divided. */
static void grow_old(struct life *life, uint32_t eras, uint32_t divided, uint64_t *seed)
{
	while (eras--) {
		life->era++;
		for (uint32_t n = life->nr_blocks / divided + 1; n--;)
			write_run(life, unit_random(seed) % life->nr_blocks, 1);
	}
}

static void must_refuse(const struct witness *witness, const struct life *life, const char *how,
			uint64_t *seed)
{
	assert_int_equal(compare(witness, life, false, UINT64_MAX, seed), ERA_NO_ANSWER);
	if (!strstr(said, how))
		print_error("%s\n", said);
	assert_non_null(strstr(said, how));
}

/* Older copies of every age, made anew, another disk: as they are, and gone on to later eras. */
static void other_lives(void **state)
{
	static const uint32_t sizes[] = {200, 4096, 5000, 60000};
	struct life *life, *ages[12], *other;
	struct witness *witness;
	uint64_t seed = 5;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		life = life_new(sizes[s], 1);
		for (unsigned i = 0; i < ARRAY_SIZE(ages); i++) {
			grow_old(life, 1u << i, 8u << i, &seed);
			ages[i] = life_copy(life);
		}
		grow_old(life, 1, 10, &seed);
		witness = make(life, false, &seed);
		for (unsigned i = 0; i < ARRAY_SIZE(ages); i++) {
			must_refuse(witness, ages[i], "older than the witness", &seed);
			grow_old(ages[i], life->era - ages[i]->era + 3, 16u << i, &seed);
			must_refuse(witness, ages[i], "these are other metadata", &seed);
			free(ages[i]);
		}
		other = life_new(sizes[s], 1);
		grow_old(other, life->era + 5, 4096, &seed);
		must_refuse(witness, other, "these are other metadata", &seed);
		free(other);
		free(witness);
		free(life);
	}
}

/* Begun by the clock: all is listed, and it is said. */
static void made_later(void **state)
{
	struct life *life = life_new(5000, 100), *later = life_new(5000, 1790000000);
	struct witness *witness;
	uint64_t seed = 6;

	(void)state;
	grow_old(life, 20, 10, &seed);
	write_run(later, 0, 5000);
	witness = make(life, false, &seed);
	assert_int_equal(compare(witness, later, false, UINT64_MAX, &seed), 0);
	assert_non_null(strstr(said, "every block is of a later era"));
	assert_int_equal(compare(witness, life, false, UINT64_MAX, &seed), 0);
	assert_int_equal(nr_notes, 0);
	free(witness);
	free(life);
	free(later);
}

static void block_size_and_era(void **state)
{
	struct life *life = life_new(5000, 100);
	struct looked_at at;
	const struct witness_subject *view = look(&at, life, false);
	uint64_t seed = 7;
	struct witness *witness = make(life, false, &seed);

	(void)state;
	assert_int_equal(witness_allowed(witness, view, 101), 0);
	at.sb.current_era = 120;
	assert_int_equal(witness_allowed(witness, view, 101), 0);
	assert_int_equal(witness_allowed(witness, view, 102), ERA_NO_ANSWER);
	assert_non_null(strstr(said, "era 102 was not remembered with the witness w"));
	at.sb.data_block_size = 16;
	assert_int_equal(witness_allowed(witness, view, 0), ERA_NO_ANSWER);
	assert_non_null(strstr(said, "block size: found 16 sectors, wanted 8"));
	free(witness);
	free(life);
}

/* Each of the three by which it is noticed, alone. */
static void what_fell(void **state)
{
	struct life *life = life_new(MAX_BLOCKS, 50), *other;
	uint64_t seed = 8;
	struct witness *witness;
	uint32_t block;

	(void)state;
	write_run(life, 0, MAX_BLOCKS);
	life->era = 60;
	write_run(life, 16 * 1000, 8);
	witness = make(life, false, &seed);
	life->era = 61;

	other = life_copy(life);
	other->eras[16 * 7 + 3] = 49;
	must_refuse(witness, other, "blocks 112 to 127: lowest era: found 49, wanted at least 50",
		    &seed);
	free(other);

	other = life_copy(life);
	block = witness->samples[witness->nr_samples / 2].block;
	other->eras[block] = 0;
	must_refuse(witness, other, "era: found 0, wanted at least", &seed);
	assert_non_null(strstr(said, "--old-size"));
	free(other);

	/* Regions and samples alone would let these pass. */
	witness->nr_samples = 0;
	other = life_copy(life);
	for (uint32_t i = 1; i < 8; i++)
		other->eras[16 * 1000 + i] = 50;
	must_refuse(witness, other, "blocks of era 60 or later: found 1, wanted at least 8", &seed);
	free(other);

	other = life_copy(life);
	for (uint32_t i = 0; i < 8; i++)
		other->eras[16 * 1000 + i] = 50;
	other->eras[0] = 61;
	must_refuse(witness, other,
		    "blocks 16000 to 16015: highest era: found 50, wanted at least 60", &seed);
	free(other);
	free(witness);
	free(life);
}

/* Of 64 eras with many blocks each, and of the last one of long before. */
static void samples_are_even(void **state)
{
	struct life *life = life_new(MAX_BLOCKS, 1);
	uint32_t nr[101] = {0}, few = 0;
	uint64_t seed = 9;
	struct witness *witness;

	(void)state;
	write_run(life, 0, MAX_BLOCKS);
	life->era = 20;
	write_run(life, 500, 5);
	for (life->era = 41; life->era < 100; life->era++)
		write_run(life, life->era * 600, 600);
	life->era = 100;
	witness = make(life, false, &seed);
	assert_true(witness->nr_samples > WITNESS_MAX_SAMPLES - 200);
	for (uint32_t i = 0; i < witness->nr_samples; i++)
		nr[witness->samples[i].era]++;
	assert_int_equal(nr[20], 5);
	for (uint32_t era = 41; era < 100; era++)
		few += nr[era] < 40 || nr[era] > 60;
	assert_int_equal(few, 0);
	free(witness);
	free(life);
}

static void shrunk(void **state)
{
	struct life *life = life_new(10000, 5);
	uint64_t seed = 10;
	struct witness *witness;

	(void)state;
	grow_old(life, 5, 3, &seed);
	/* A region that is cut: its highest era goes. */
	life->eras[6999] = life->eras[7000] = 1;
	life->eras[7001] = life->era;
	witness = make(life, false, &seed);
	life->nr_blocks = 7001;
	assert_int_equal(compare(witness, life, false, UINT64_MAX, &seed), 0);
	assert_non_null(strstr(said, "had 10000 blocks when the witness w was made, and has 7001"));
	memset(life->eras + 6000, 0, 1000 * sizeof(*life->eras));
	must_refuse(witness, life, "--old-size", &seed);
	free(witness);
	free(life);
}

/* Every byte, with each of some changes, and every length but its own. */
static void damaged_files(void **state)
{
	static uint8_t data[WITNESS_MAX_BYTES + 1];
	static const uint8_t flips[] = {1, 0x80, 0xff};
	struct life *life = life_new(700, 5);
	struct witness *witness, *out = malloc(sizeof(*out));
	uint64_t seed = 11;
	uint32_t size;

	(void)state;
	assert_non_null(out);
	grow_old(life, 70, 50, &seed);
	witness = make(life, false, &seed);
	size = witness_encode(witness, data);
	for (uint32_t i = 0; i < size; i++)
		for (size_t f = 0; f < ARRAY_SIZE(flips); f++) {
			data[i] ^= flips[f];
			said[0] = '\0';
			assert_int_equal(witness_decode(out, "w", data, size, &report),
					 ERA_DAMAGED);
			assert_non_null(strstr(said, "w: "));
			data[i] ^= flips[f];
		}
	for (uint32_t n = 0; n < size; n++)
		assert_int_equal(witness_decode(out, "w", data, n, &report), ERA_DAMAGED);
	assert_int_equal(witness_decode(out, "w", data, size + 1, &report), ERA_DAMAGED);
	assert_int_equal(witness_decode(out, "w", data, size, &report), 0);
	free(out);
	free(witness);
	free(life);
}

/* With a checksum that is right, all else must still agree. */
static void hostile_files(void **state)
{
	static uint8_t data[WITNESS_MAX_BYTES];
	static const struct {
		uint32_t at, value;
		const char *what;
	} edits[] = {
		{12, 2, "unknown version: found 2, wanted 1"},
		{16, 1, "bytes: found"},
		{20, 2, "unknown flags: found 2"},
		{24, 0, "block size: found 0"},
		{28, 699, "regions: found 700, wanted 699"},
		{28, 0, "regions: found 700, wanted 0"},
		{28, UINT32_MAX, "regions: found 700, wanted 4096"},
		{32, 74, "ages: found 70, wanted 69"},
		{32, 0, "ages: found 70, wanted 0"},
		{36, 699, "regions: found 699"},
		{36, UINT32_MAX, "regions: found 4294967295"},
		{40, UINT32_MAX, "ages: found 4294967295"},
		{44, UINT32_MAX, "samples: found 4294967295"},
		{44, 0, "bytes: found"},
		{48, UINT32_MAX, "region 0: eras are out of order"},
		{52 + 8 * 5, 76, "region 5: eras are out of order"},
		{48 + 8 * 700 + 4 * 3, 701, "count 3: it is out of order"},
		{48 + 8 * 700 + 4 * 3, 0, "count 3: it is out of order"},
		{48 + 8 * 700 + 4 * 70, 700, "sample 0: it contradicts the rest"},
		{48 + 8 * 700 + 4 * 70 + 4, 0, "sample 0: it contradicts the rest"},
		{48 + 8 * 700 + 4 * 70 + 4, 76, "sample 0: it contradicts the rest"},
		{48 + 8 * 700 + 4 * 70 + 8 * 9, 0, "sample 9: it contradicts the rest"},
	};
	struct life *life = life_new(700, 5);
	struct witness *witness, *out = malloc(sizeof(*out));
	uint64_t seed = 11;
	uint32_t size;

	(void)state;
	assert_non_null(out);
	grow_old(life, 70, 50, &seed);
	witness = make(life, false, &seed);
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		const struct le32 value = le32_make(edits[i].value);
		struct le32 csum;

		size = witness_encode(witness, data);
		memcpy(data + edits[i].at, &value, sizeof(value));
		csum = le32_make(~crc32c(UINT32_MAX, data + 12, size - 12));
		memcpy(data + 8, &csum, sizeof(csum));
		assert_int_equal(witness_decode(out, "w", data, size, &report), ERA_DAMAGED);
		if (!strstr(said, edits[i].what))
			print_error("%u: wanted %s: %s\n", (unsigned)i, edits[i].what, said);
		assert_non_null(strstr(said, edits[i].what));
	}
	free(out);
	free(witness);
	free(life);
}

#define TABLE_BLOCKS MAX_BLOCKS

/* A copy of a device of before the last era, in which `lost` blocks were written, has gone on until
 * a share of it was written anew. */
static unsigned pass_unnoticed(uint32_t lost, uint32_t per_100000, bool in_a_row, unsigned trials,
			       uint64_t *seed)
{
	unsigned nr = 0;

	for (unsigned t = 0; t < trials; t++) {
		struct life *life = life_new(TABLE_BLOCKS, 1), *copy;
		struct witness *witness;
		uint32_t first = unit_random(seed) % TABLE_BLOCKS;

		grow_old(life, 40, 20, seed);
		copy = life_copy(life);
		life->era++;
		for (uint32_t n = 0, block; n < lost; n++) {
			block = in_a_row ? first + n : unit_random(seed);
			write_run(life, block % TABLE_BLOCKS, 1);
		}
		witness = make(life, false, seed);
		copy->era += 2;
		for (uint32_t i = 0; i < TABLE_BLOCKS; i++)
			if (unit_random(seed) % 100000 < per_100000)
				copy->eras[i] = copy->era;
		nr += !compare(witness, copy, false, UINT64_MAX, seed);
		free(witness);
		free(copy);
		free(life);
	}
	return nr;
}

static void print_row(uint32_t lost, bool in_a_row, unsigned trials, uint64_t *seed)
{
	static const uint32_t shares[] = {10000, 50000, 90000, 99000, 99900, 99990};
	unsigned nr;

	print_message("# %5u blocks %s |", lost, in_a_row ? "in a row" : "at random");
	for (size_t s = 0; s < ARRAY_SIZE(shares); s++) {
		nr = pass_unnoticed(lost, shares[s], in_a_row, trials, seed);
		print_message(" %5.1f |", 100.0 * nr / trials);
	}
	print_message("\n");
}

static void table(void **state)
{
	static const uint32_t lost[] = {1, 3, 10, 30, 100, 1000, 10000};
	unsigned trials = (unsigned)from_environment("ERA_WITNESS_TRIALS", 0);
	uint64_t seed = from_environment("ERA_WITNESS_SEED", 12);

	(void)state;
	for (int in_a_row = 0; trials && in_a_row < 2; in_a_row++)
		for (size_t l = 0; l < ARRAY_SIZE(lost); l++)
			print_row(lost[l], in_a_row, trials, &seed);
	/* What the table promises at least. */
	assert_true(pass_unnoticed(30, 50000, false, 20, &seed) == 0);
	assert_true(pass_unnoticed(1000, 90000, false, 20, &seed) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ages),
		cmocka_unit_test(no_life_is_refused),
		cmocka_unit_test(other_lives),
		cmocka_unit_test(made_later),
		cmocka_unit_test(block_size_and_era),
		cmocka_unit_test(what_fell),
		cmocka_unit_test(samples_are_even),
		cmocka_unit_test(shrunk),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(hostile_files),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
