/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Witnesses by libdmera's public header alone. tests/dmera/dmera.bats compiles this once more. */
#include "dmera_image.h"

#include <stdbool.h>
#include <string.h>

/* Asks with a witness, or NULL, and makes another one. */
static int ask_with_witness(struct dmera *era, uint32_t since, const struct dmera_witness *old,
			    struct dmera_changes **changes)
{
	dmera_set_witness(era, old);
	dmera_set_make_witness(era, 1);
	return dmera_changes_since(era, since, changes);
}

static struct dmera_witness *witness_of(const struct image *image, unsigned flags)
{
	static uint8_t data[DMERA_WITNESS_MAX_BYTES];
	struct dmera_witness *witness = NULL;
	struct dmera *era = image_open_sound(image, flags);
	struct dmera_changes *changes;
	size_t size;

	dmera_set_snapshot_era(era, flags & DMERA_SNAPSHOT ? image->era : DMERA_LIVE_ERA);
	assert_int_equal(dmera_changes_since(era, 0, &changes), 0);
	assert_null(dmera_changes_witness(changes)); /* none was wanted */
	dmera_changes_free(changes);
	assert_int_equal(ask_with_witness(era, 0, NULL, &changes), 0);
	assert_non_null(dmera_changes_witness(changes));
	size = dmera_witness_encode(dmera_changes_witness(changes), data, sizeof(data));
	assert_true(size > 48 && size <= sizeof(data));
	dmera_changes_free(changes);
	assert_int_equal(dmera_witness_decode(era, "the old one", data, size, &witness), 0);
	dmera_destroy(era);
	return witness;
}

/* By the copy of an image, so that the witness is all that connects the two. */
static void is_refused_by(const struct dmera_witness *witness, const char *name, uint32_t since,
			  const char *why)
{
	struct image *image = image_load(name, "truth");
	struct dmera_changes *changes = NULL;
	struct dmera *era = image_open_sound(image, 0);

	assert_int_equal(ask_with_witness(era, since, witness, &changes), DMERA_NO_ANSWER);
	assert_null(changes);
	assert_non_null(strstr(dmera_error(era), why));
	assert_non_null(strstr(dmera_error(era), "the old one"));

	/* Nothing of it stays. */
	assert_int_equal(ask_with_witness(era, since, NULL, &changes), 0);
	changes_are_truth(image, since, changes);
	dmera_changes_free(changes);
	dmera_destroy(era);
	image_unload(image);
}

static void test_witness(void **state)
{
	struct image *snapshot = image_load("022-snapshot-moved-on", "truth.snap");
	struct image *live = image_load("022-snapshot-moved-on", "truth");
	struct dmera_witness *before = witness_of(snapshot, DMERA_SNAPSHOT);
	struct dmera_witness *now = witness_of(live, 0);
	struct dmera *era = image_open_sound(live, 0);
	struct dmera_changes *changes = NULL;
	struct dmera_witness_facts facts;

	(void)state;
	dmera_witness_get_facts(before, &facts, sizeof(facts));
	assert_int_equal(facts.flags, DMERA_IS_SNAPSHOT);
	assert_int_equal(facts.era, snapshot->era);
	dmera_witness_get_facts(now, &facts, sizeof(facts));
	assert_int_equal(facts.flags, 0);
	assert_int_equal(facts.era, live->era);
	assert_int_equal(facts.nr_blocks, live->nr_blocks);
	assert_int_equal(facts.block_size, live->block_size);

	assert_int_equal(ask_with_witness(era, snapshot->era, before, &changes), 0);
	changes_are_truth(live, snapshot->era, changes);
	dmera_changes_free(changes);
	assert_int_equal(ask_with_witness(era, live->era, now, &changes), 0);
	changes_are_truth(live, live->era, changes);
	dmera_changes_free(changes);
	changes = NULL;
	assert_int_equal(ask_with_witness(era, snapshot->era + 2, before, &changes),
			 DMERA_NO_ANSWER);
	assert_null(changes);
	dmera_destroy(era);

	era = image_open_sound(snapshot, DMERA_SNAPSHOT);
	dmera_set_snapshot_era(era, snapshot->era);
	assert_int_equal(ask_with_witness(era, snapshot->era, now, &changes), DMERA_NO_ANSWER);
	assert_non_null(strstr(dmera_error(era), "taken before"));
	dmera_destroy(era);
	is_refused_by(now, "002-crash", 2, "");
	dmera_witness_free(before);
	dmera_witness_free(now);
	dmera_witness_free(NULL);
	image_unload(snapshot);
	image_unload(live);
}

static void test_witness_file(void **state)
{
	static uint8_t data[DMERA_WITNESS_MAX_BYTES], again[DMERA_WITNESS_MAX_BYTES + 1];
	struct image *image = image_load("002-crash", "truth");
	struct dmera_witness *witness = witness_of(image, 0), *loaded = NULL;
	struct dmera *era = dmera_make();
	size_t size = dmera_witness_encode(witness, data, sizeof(data));

	(void)state;
	assert_int_equal(dmera_witness_save(era, witness, image->path), 0);
	assert_int_equal(dmera_witness_load(era, image->path, &loaded), 0);
	assert_int_equal(dmera_witness_encode(loaded, again, sizeof(again)), size);
	assert_memory_equal(again, data, size);
	again[0] = 'x';
	assert_int_equal(dmera_witness_encode(loaded, again, size - 1), size);
	assert_int_equal(again[0], 'x');
	dmera_witness_free(loaded);

	loaded = NULL;
	for (size_t i = 0; i < size; i += i < 64 ? 1 : 97) {
		data[i] ^= 0x20;
		assert_int_equal(dmera_witness_decode(era, "it", data, size, &loaded),
				 DMERA_DAMAGED);
		data[i] ^= 0x20;
		assert_int_equal(dmera_witness_decode(era, "it", data, i, &loaded), DMERA_DAMAGED);
	}
	assert_int_equal(dmera_witness_decode(era, "it", again, sizeof(again), &loaded),
			 DMERA_DAMAGED);
	assert_int_equal(dmera_witness_load(era, "/nowhere/witness", &loaded), DMERA_SYSTEM);
	assert_non_null(strstr(dmera_error(era), "/nowhere/witness"));
	assert_int_equal(dmera_witness_save(era, witness, "/nowhere/witness"), DMERA_SYSTEM);
	assert_int_equal(dmera_witness_save(era, witness, "/dev/null"), DMERA_SYSTEM);
	assert_int_equal(dmera_witness_load(era, NULL, &loaded), DMERA_INVALID);
	assert_int_equal(dmera_witness_decode(era, NULL, data, size, &loaded), DMERA_INVALID);
	assert_int_equal(dmera_witness_save(era, NULL, image->path), DMERA_INVALID);
	assert_int_equal(dmera_witness_save(era, witness, NULL), DMERA_INVALID);
	assert_int_equal(dmera_witness_load(era, image->path, NULL), DMERA_INVALID);
	assert_int_equal(dmera_witness_decode(era, "it", data, size, NULL), DMERA_INVALID);
	assert_null(loaded);
	assert_true(*dmera_error(era));
	dmera_witness_free(witness);
	dmera_destroy(era);
	image_unload(image);
}

/* What damage hides is no reason to refuse, and nothing to make a witness of. */
static void test_witness_and_damage(void **state)
{
	struct image *image = image_load("002-crash", "truth");
	struct dmera_witness *witness = witness_of(image, 0);
	unsigned nr_repaired = 0;

	(void)state;
	for (uint64_t block = 1; block < image->size / BLOCK_BYTES; block++) {
		struct dmera_changes *changes = NULL;
		struct dmera_totals totals = {0};
		struct dmera *era = dmera_make();

		image_damage(image, block);
		if (!dmera_open(era, image->path, DMERA_REPAIR)) {
			assert_int_equal(ask_with_witness(era, image->era, witness, &changes), 0);
			dmera_changes_get_totals(changes, &totals, sizeof(totals));
			assert_int_equal(!dmera_changes_witness(changes), !!totals.nr_problems);
			changes_are_no_less(image, image->era, changes);
			nr_repaired += !!totals.nr_problems;
		}
		dmera_changes_free(changes);
		dmera_destroy(era);
	}
	assert_true(nr_repaired > 5);
	dmera_witness_free(witness);
	image_unload(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_witness),
		cmocka_unit_test(test_witness_file),
		cmocka_unit_test(test_witness_and_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
