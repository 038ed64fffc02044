/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Makes metadata to measure with, as XML for "era restore":
 *	gen KIND NR_BLOCKS NR_WRITESETS SEED
 * KIND says what the writesets hold: uniform (a tenth of the blocks, at random), clustered (runs of
 * some hundreds), all or empty.  The same seed gives the same metadata.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static uint32_t next_random(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33);
}

/* Gaps and lengths of the marked runs; 0 blocks of gap and all of length is "all". */
static const struct kind {
	const char *name;
	uint32_t max_gap, max_len;
} kinds[] = {
	{"uniform", 18, 1},
	{"clustered", 5000, 800},
	{"all", 0, UINT32_MAX},
	{"empty", UINT32_MAX, 1},
};

static uint64_t up_to(uint32_t max)
{
	return max ? next_random() % max : 0;
}

static void writeset(const struct kind *kind, uint64_t nr_blocks, uint64_t era)
{
	uint64_t begin = up_to(kind->max_gap);

	printf("  <writeset era=\"%" PRIu64 "\" nr_bits=\"%" PRIu64 "\">\n", era, nr_blocks);
	if (!strcmp(kind->name, "empty"))
		begin = nr_blocks;
	while (begin < nr_blocks) {
		uint64_t len = kind->max_gap ? 1 + up_to(kind->max_len) : nr_blocks;

		if (len > nr_blocks - begin)
			len = nr_blocks - begin;
		printf("    <marked block_begin=\"%" PRIu64 "\" len=\"%" PRIu64 "\"/>\n", begin,
		       len);
		begin += len + 1 + up_to(kind->max_gap);
	}
	printf("  </writeset>\n");
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 5 ? find_kind(argv[1]) : NULL;
	uint64_t nr_blocks, nr_writesets, base = 30;

	if (!kind) {
		fprintf(stderr,
			"usage: gen uniform|clustered|all|empty NR_BLOCKS NR_WRITESETS SEED\n");
		return 2;
	}
	nr_blocks = strtoull(argv[2], NULL, 10);
	nr_writesets = strtoull(argv[3], NULL, 10);
	seed = strtoull(argv[4], NULL, 10);
	printf("<superblock uuid=\"\" block_size=\"128\" nr_blocks=\"%" PRIu64
	       "\" current_era=\"%" PRIu64 "\">\n",
	       nr_blocks, base + nr_writesets);
	for (uint64_t i = 0; i < nr_writesets; i++)
		writeset(kind, nr_blocks, base + i);
	printf("  <era_array>\n");
	for (uint64_t i = 0; i < nr_blocks; i++)
		printf("    <era block=\"%" PRIu64 "\" era=\"%" PRIu64 "\"/>\n", i,
		       next_random() % base);
	printf("  </era_array>\n</superblock>\n");
	return ferror(stdout) || fclose(stdout) ? 3 : 0;
}
