/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A witness's file: a header, the regions, the counts, the samples.  All numbers are little-endian.
 * The checksum covers all that follows it.  A wrong witness could let something pass, so its
 * figures must also agree with each other in every way in which those of a witness do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "block/crc.h"
#include "witness/tally_internal.h"

#define MAGIC "era-wit\n"
#define FORMAT_VERSION 1u
#define FLAG_SNAPSHOT 1u
#define CSUM_INIT UINT32_MAX

struct header_disk {
	uint8_t magic[8];
	struct le32 csum;
	struct le32 version;
	struct le32 size; /* of the whole file, bytes */
	struct le32 flags;
	struct le32 data_block_size; /* sectors */
	struct le32 nr_blocks;
	struct le32 era;
	struct le32 nr_regions;
	struct le32 nr_ages;
	struct le32 nr_samples;
};

struct region_disk {
	struct le32 lowest, highest;
};

struct sample_disk {
	struct le32 block, era;
};

_Static_assert(sizeof(struct header_disk) == 48, "header");
_Static_assert(offsetof(struct header_disk, version) == 12, "version");
_Static_assert(sizeof(struct region_disk) == 8, "region");
_Static_assert(sizeof(struct sample_disk) == 8, "sample");

#define CSUM_FROM offsetof(struct header_disk, version)
#define REGIONS_FROM sizeof(struct header_disk)

_Static_assert(sizeof(struct header_disk) + WITNESS_MAX_REGIONS * sizeof(struct region_disk) +
			       WITNESS_MAX_AGES * sizeof(struct le32) +
			       WITNESS_MAX_SAMPLES * sizeof(struct sample_disk) <=
		       WITNESS_MAX_BYTES,
	       "the largest file");

struct layout {
	uint64_t counts, samples, end; /* offsets */
};

static struct layout layout_of(const struct witness *w)
{
	struct layout at;

	at.counts = REGIONS_FROM + (uint64_t)w->nr_regions * sizeof(struct region_disk);
	at.samples = at.counts + (uint64_t)w->nr_ages * sizeof(struct le32);
	at.end = at.samples + (uint64_t)w->nr_samples * sizeof(struct sample_disk);
	return at;
}

static uint32_t checksum(const uint8_t *data, uint32_t size)
{
	return ~crc32c(CSUM_INIT, data + CSUM_FROM, size - CSUM_FROM);
}

static void encode_header(const struct witness *w, uint32_t size, struct header_disk *disk)
{
	memcpy(disk->magic, MAGIC, sizeof(disk->magic));
	disk->version = le32_make(FORMAT_VERSION);
	disk->size = le32_make(size);
	disk->flags = le32_make(w->of_snapshot ? FLAG_SNAPSHOT : 0);
	disk->data_block_size = le32_make(w->data_block_size);
	disk->nr_blocks = le32_make(w->nr_blocks);
	disk->era = le32_make(w->era);
	disk->nr_regions = le32_make(w->nr_regions);
	disk->nr_ages = le32_make(w->nr_ages);
	disk->nr_samples = le32_make(w->nr_samples);
}

uint32_t witness_encode(const struct witness *w, uint8_t data[WITNESS_MAX_BYTES])
{
	struct header_disk *header = (void *)data;
	struct region_disk *regions = (void *)(data + REGIONS_FROM);
	struct layout at = layout_of(w);
	struct sample_disk *samples = (void *)(data + at.samples);
	uint32_t size = (uint32_t)at.end;

	encode_header(w, size, header);
	for (uint32_t i = 0; i < w->nr_regions; i++)
		regions[i] = (struct region_disk){le32_make(w->regions[i].lowest),
						  le32_make(w->regions[i].highest)};
	le32_make_all(w->counts, w->nr_ages, (void *)(data + at.counts));
	for (uint32_t i = 0; i < w->nr_samples; i++)
		samples[i] = (struct sample_disk){le32_make(w->samples[i].block),
						  le32_make(w->samples[i].era)};
	header->csum = le32_make(checksum(data, size));
	return size;
}

static void decode_header(struct witness *w, const struct header_disk *disk)
{
	w->of_snapshot = le32_get(disk->flags) & FLAG_SNAPSHOT;
	w->data_block_size = le32_get(disk->data_block_size);
	w->nr_blocks = le32_get(disk->nr_blocks);
	w->era = le32_get(disk->era);
	w->nr_regions = le32_get(disk->nr_regions);
	w->nr_ages = le32_get(disk->nr_ages);
	w->nr_samples = le32_get(disk->nr_samples);
}

static void decode_lists(struct witness *w, const uint8_t *data)
{
	const struct region_disk *regions = (const void *)(data + REGIONS_FROM);
	struct layout at = layout_of(w);
	const struct sample_disk *samples = (const void *)(data + at.samples);

	for (uint32_t i = 0; i < w->nr_regions; i++)
		w->regions[i] = (struct witness_region){le32_get(regions[i].lowest),
							le32_get(regions[i].highest)};
	le32_get_all((const void *)(data + at.counts), w->nr_ages, w->counts);
	for (uint32_t i = 0; i < w->nr_samples; i++)
		w->samples[i] = (struct witness_sample){le32_get(samples[i].block),
							le32_get(samples[i].era)};
}

static int fail(const struct report *rep, const char *name, const char *what, uint64_t found,
		uint64_t wanted)
{
	return report_fail(rep, ERA_DAMAGED, "%s: witness: %s: found %" PRIu64 ", wanted %" PRIu64,
			   name, what, found, wanted);
}

static int fail_number(const struct report *rep, const char *name, const char *what, uint64_t found)
{
	return report_fail(rep, ERA_DAMAGED, "%s: witness: %s: found %" PRIu64, name, what, found);
}

static int fail_at(const struct report *rep, const char *name, const char *list, uint32_t i,
		   const char *what)
{
	return report_fail(rep, ERA_DAMAGED, "%s: witness: %s %" PRIu32 ": %s", name, list, i,
			   what);
}

static int fail_checksum(const struct report *rep, const char *name, uint32_t found,
			 uint32_t wanted)
{
	return report_fail(rep, ERA_DAMAGED,
			   "%s: witness: bad checksum: found 0x%08" PRIx32 ", wanted 0x%08" PRIx32,
			   name, found, wanted);
}

/* What must be right before any of the figures is looked at. */
static int check_frame(const char *name, const uint8_t *data, uint32_t size,
		       const struct report *rep)
{
	const struct header_disk *header = (const void *)data;
	uint32_t csum;

	if (size < sizeof(header->magic) || memcmp(header->magic, MAGIC, sizeof(header->magic)))
		return report_fail(rep, ERA_DAMAGED, "%s: this is no witness", name);
	if (size < sizeof(*header))
		return fail(rep, name, "bytes", size, sizeof(*header));
	if (le32_get(header->size) != size)
		return fail(rep, name, "bytes", size, le32_get(header->size));
	csum = checksum(data, size);
	if (le32_get(header->csum) != csum)
		return fail_checksum(rep, name, le32_get(header->csum), csum);
	if (le32_get(header->version) != FORMAT_VERSION)
		return fail(rep, name, "unknown version", le32_get(header->version),
			    FORMAT_VERSION);
	if (le32_get(header->flags) & ~FLAG_SNAPSHOT)
		return fail_number(rep, name, "unknown flags", le32_get(header->flags));
	return 0;
}

static int check_figures(const struct witness *w, uint32_t size, const struct report *rep)
{
	if (!w->data_block_size)
		return fail_number(rep, w->name, "block size", 0);
	if (w->nr_regions != region_count(w->nr_blocks))
		return fail(rep, w->name, "regions", w->nr_regions, region_count(w->nr_blocks));
	if (w->nr_ages != age_classes_of(w->era))
		return fail(rep, w->name, "ages", w->nr_ages, age_classes_of(w->era));
	if (w->nr_samples > WITNESS_MAX_SAMPLES)
		return fail(rep, w->name, "samples", w->nr_samples, WITNESS_MAX_SAMPLES);
	if (layout_of(w).end != size)
		return fail(rep, w->name, "bytes", size, layout_of(w).end);
	return 0;
}

static int check_regions(const struct witness *w, const struct report *rep)
{
	for (uint32_t i = 0; i < w->nr_regions; i++)
		if (w->regions[i].lowest > w->regions[i].highest || w->regions[i].highest > w->era)
			return fail_at(rep, w->name, "region", i, "eras are out of order");
	return 0;
}

static int check_counts(const struct witness *w, const struct report *rep)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < w->nr_ages; before = w->counts[i++])
		if (w->counts[i] < before || w->counts[i] > w->nr_blocks)
			return fail_at(rep, w->name, "count", i, "it is out of order");
	return 0;
}

static bool sample_fits(const struct witness *w, uint32_t i)
{
	const struct witness_sample *sample = &w->samples[i];
	const struct witness_region *region;

	if (sample->block >= w->nr_blocks || (i && sample->block <= sample[-1].block))
		return false;
	region = &w->regions[sample->block / region_blocks(w->nr_blocks)];
	return sample->era && sample->era >= region->lowest && sample->era <= region->highest;
}

static int check_samples(const struct witness *w, const struct report *rep)
{
	for (uint32_t i = 0; i < w->nr_samples; i++)
		if (!sample_fits(w, i))
			return fail_at(rep, w->name, "sample", i, "it contradicts the rest");
	return 0;
}

static int decode(struct witness *w, const uint8_t *data, uint32_t size, const struct report *rep)
{
	int r;

	decode_header(w, (const void *)data);
	r = check_figures(w, size, rep);
	if (r)
		return r;
	decode_lists(w, data);
	r = check_regions(w, rep);
	if (!r)
		r = check_counts(w, rep);
	if (!r)
		r = check_samples(w, rep);
	return r;
}

int witness_decode(struct witness *witness, const char *name, const uint8_t *data, uint32_t size,
		   const struct report *rep)
{
	struct witness *w;
	int r = check_frame(name, data, size, rep);

	if (r)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return report_nomem(rep);
	w->name = name;
	r = decode(w, data, size, rep);
	if (!r)
		*witness = *w;
	free(w);
	return r;
}
