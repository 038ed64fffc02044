/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * libdmera on an image with patches, as a program would use it.  The image is a device in memory,
 * which the linker puts in the place of what blk_dev_open() opens (--wrap).  What must hold besides
 * ending at all:
 *
 * - a call that fails says why, and returns nothing else;
 * - runs, bitmaps and totals of an answer tell the same;
 * - what the check finds sound is answered, and asking once more gives the same answer, also with
 *   the witness of the first one;
 * - an answer without repair is complete, and the same with it;
 * - with repair, damage that is evident never takes a block off the list.
 *
 * Input: the metadata snapshot's view (1) or the live one (0) (1 byte), the era asked for (1 byte,
 * in parts of the image's own), then the image (image.h).
 */
#include <stdlib.h>
#include <string.h>

#include "block/dev.h"
#include "dmera.h"
#include "ondisk/era_disk.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"
#include "tests/fuzz/memdev.h"

static struct memdev mem;

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep);

int __wrap_blk_dev_open(struct blk_dev *dev, const char *path, enum blk_access access,
			const struct report *rep)
{
	(void)path;
	(void)access;
	memdev_open(&mem, dev, rep);
	return 0;
}

struct answer {
	int r;
	struct dmera_facts facts;
	struct dmera_totals totals;
	uint8_t *changed, *unknown; /* bitmaps, when r is 0 */
};

static size_t bitmap_bytes(const struct answer *a)
{
	return (size_t)((a->facts.nr_blocks + 7) / 8);
}

static uint8_t *bitmap(const struct answer *a, const struct dmera_changes *changes,
		       enum dmera_bitmap which)
{
	size_t size = bitmap_bytes(a);
	uint8_t *bits = malloc(size + 1);

	must(bits);
	must(dmera_changes_bitmap(changes, which, 0, bits, size + 1) == size);
	return bits;
}

static bool is_set(const uint8_t *bits, uint64_t block)
{
	return bits[block / 8] >> block % 8 & 1;
}

static void must_tell_one_thing(const struct answer *a, const struct dmera_changes *changes)
{
	uint64_t at = 0, nr_changed = 0, nr_unknown = 0;
	struct dmera_run run = {0};

	while (dmera_changes_next(changes, &run)) {
		bool is_unknown = run.flags == DMERA_RUN_UNKNOWN;

		must(run.nr_blocks && run.block >= at);
		for (; at < run.block; at++)
			must(!is_set(a->changed, at) && !is_set(a->unknown, at));
		for (; at < run.block + run.nr_blocks; at++)
			must(is_set(a->changed, at) && is_set(a->unknown, at) == is_unknown);
		must(run.offset == run.block * a->facts.block_size);
		must(run.length == run.nr_blocks * a->facts.block_size);
		nr_changed += run.nr_blocks;
		nr_unknown += is_unknown ? run.nr_blocks : 0;
	}
	for (; at < bitmap_bytes(a) * 8; at++)
		must(!is_set(a->changed, at));
	must(a->totals.nr_changed == nr_changed && a->totals.nr_unknown == nr_unknown);
	must(a->totals.nr_blocks == a->facts.nr_blocks);
}

static void take(struct answer *a, const struct dmera_changes *changes)
{
	dmera_changes_get_totals(changes, &a->totals, sizeof(a->totals));
	a->changed = bitmap(a, changes, DMERA_CHANGED);
	a->unknown = bitmap(a, changes, DMERA_UNKNOWN);
	must_tell_one_thing(a, changes);
}

static void must_say_the_same_again(struct dmera *era, uint32_t since, const struct answer *a,
				    const struct dmera_witness *witness)
{
	struct answer again = {.facts = a->facts};
	struct dmera_changes *changes;

	must(!witness == !!a->totals.nr_problems);
	dmera_set_witness(era, witness);
	must(!dmera_changes_since(era, since, &changes));
	take(&again, changes);
	must(!memcmp(a->changed, again.changed, bitmap_bytes(a)));
	free(again.changed);
	free(again.unknown);
	dmera_changes_free(changes);
}

static void must_have_failed(const struct dmera *era, int r)
{
	must(r >= DMERA_NO_ANSWER && r <= DMERA_DAMAGED);
	must(*dmera_error(era));
}

static void ask(unsigned flags, uint32_t since, struct answer *a)
{
	struct dmera *era = dmera_create();
	struct dmera_changes *changes = NULL;

	*a = (struct answer){.r = 0};
	must(era);
	dmera_set_make_witness(era, 1);
	a->r = dmera_open(era, "image", flags);
	if (!a->r) {
		must(!dmera_get_facts(era, &a->facts, sizeof(a->facts)));
		must(a->facts.block_size && !!(flags & DMERA_REPAIR) >= !!a->facts.nr_problems);
		a->r = dmera_changes_since(era, since, &changes);
	}
	if (a->r) {
		must_have_failed(era, a->r);
		must(!changes);
	} else {
		take(a, changes);
		must_say_the_same_again(era, since, a, dmera_changes_witness(changes));
	}
	dmera_changes_free(changes);
	dmera_destroy(era);
}

static void answer_free(struct answer *a)
{
	free(a->changed);
	free(a->unknown);
}

/* Every block of a's list is on b's. */
static bool lists_no_less(const struct answer *a, const struct answer *b)
{
	for (size_t i = 0; i < bitmap_bytes(a); i++)
		if (a->changed[i] & ~b->changed[i])
			return false;
	return a->facts.nr_blocks == b->facts.nr_blocks;
}

/* What was true before the damage. */
static void must_not_list_less(const struct image *image, uint32_t since,
			       const struct answer *repaired)
{
	struct memdev damaged = mem;
	struct answer truth;
	size_t len;
	const uint8_t *data = image_original(image, &len);

	mem = (struct memdev){
		.data = (uint8_t *)(uintptr_t)data,
		.nr_blocks = len / META_BLOCK_SIZE,
	};
	ask(0, since, &truth);
	must(!truth.r && lists_no_less(&truth, repaired));
	answer_free(&truth);
	mem = damaged;
}

/* Does a check of what the flags open refuse? */
static bool check_refuses(bool snapshot)
{
	struct dmera *era = dmera_create();
	struct dmera_check check;
	int r;

	must(era);
	r = dmera_check(era, "image", snapshot ? DMERA_CHECK_SNAPSHOT : DMERA_CHECK_ALL, &check,
			sizeof(check));
	must(!r == !*dmera_error(era));
	must(r || (!check.nr_fatal && !check.nr_non_fatal));
	dmera_destroy(era);
	return r && (check.nr_refusals || !(check.nr_fatal || check.nr_non_fatal));
}

static uint32_t era_of_original(const struct image *image)
{
	size_t len;
	const struct superblock_disk *sb = (const void *)image_original(image, &len);

	return le32_get(sb->current_era);
}

/* Reading a live superblock that fails its checksum, of a snapshot, takes its time. */
static bool is_slow(bool snapshot)
{
	struct dmera *era = dmera_create();
	int r;

	must(era);
	r = snapshot ? dmera_check(era, "image", DMERA_CHECK_SUPERBLOCK, NULL, 0) : 0;
	dmera_destroy(era);
	return r;
}

static void use_library(const struct image *image, bool snapshot, uint8_t part)
{
	uint32_t since = (uint32_t)((uint64_t)era_of_original(image) * part / UINT8_MAX);
	unsigned flags = snapshot ? DMERA_SNAPSHOT : 0;
	bool refuses = check_refuses(snapshot);
	struct answer strict, repaired;

	ask(flags, since, &strict);
	ask(flags | DMERA_REPAIR, since, &repaired);
	if (strict.r == DMERA_DAMAGED)
		must(refuses || repaired.r || repaired.facts.flags & DMERA_IS_UNFLUSHED);
	if (!strict.r) {
		must(!refuses && !strict.totals.nr_unknown && !repaired.r);
		must(lists_no_less(&strict, &repaired) && lists_no_less(&repaired, &strict));
	}
	if (!repaired.r && image->evident && !snapshot)
		must_not_list_less(image, since, &repaired);
	answer_free(&strict);
	answer_free(&repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	bool snapshot = input_take(&input, 1) & 1;
	uint8_t part = (uint8_t)input_take(&input, 1);
	struct image image;

	image_make(&image, &input);
	mem = (struct memdev){.data = image.data, .nr_blocks = image.len / META_BLOCK_SIZE};
	for (unsigned i = 0; i < image.nr_bad; i++)
		memdev_spoil(&mem, image.bad[i]);
	if (!is_slow(snapshot))
		use_library(&image, snapshot, part);
	image_undo(&image);
	return 0;
}
