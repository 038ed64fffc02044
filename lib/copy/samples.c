/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Each piece has a rank, a number that looks random but depends only on the delta's name and the
 * piece.  Of the pieces that were written those of the lowest ranks are taken.  So the choice needs
 * one pass and no total, and is even.  A range of zeroes may be of any length, so only some pieces
 * of it are offered.
 *
 * Samples do not say why they were chosen, but the edges and the random ones can be computed again.
 */
#include "copy/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/le.h"

#define PIECE_MIN 4096u
#define PIECES_PER_BLOCK 16u
#define EDGE_SAMPLES 8u
#define RANDOM_SAMPLES 128u
#define ZERO_OFFERS 16u

_Static_assert(SAMPLES_WRITTEN + 2 * EDGE_SAMPLES + RANDOM_SAMPLES == SAMPLES_MAX, "samples");

static uint32_t piece_bytes(uint32_t block_size)
{
	uint32_t piece = PIECE_MIN;

	while (piece < SAMPLE_BYTES_MAX && piece < block_size / PIECES_PER_BLOCK)
		piece *= 2;
	return piece;
}

static uint64_t seed_of(const struct backup_name *name)
{
	struct le64 seed;

	memcpy(&seed, name->id, sizeof(seed));
	return le64_get(seed);
}

void samples_begin(struct sample_chooser *chooser, const struct delta_header *header,
		   uint32_t block_size)
{
	*chooser = (struct sample_chooser){.seed = seed_of(&header->to),
					   .size = header->size,
					   .piece = piece_bytes(block_size)};
}

static uint32_t find_worst(const struct sample_chooser *chooser)
{
	uint32_t worst = 0;

	for (uint32_t i = 1; i < chooser->nr; i++)
		if (chooser->chosen[i].rank > chooser->chosen[worst].rank)
			worst = i;
	return worst;
}

static uint64_t rank_of(const struct sample_chooser *chooser, uint64_t piece)
{
	return hash_mix(chooser->seed ^ hash_mix(piece));
}

static void offer(struct sample_chooser *chooser, uint64_t piece)
{
	uint64_t rank = rank_of(chooser, piece);
	uint32_t at = chooser->nr;

	if (piece < chooser->next_piece)
		return;
	chooser->next_piece = piece + 1;
	if (chooser->nr == SAMPLES_WRITTEN) {
		at = chooser->worst;
		if (rank >= chooser->chosen[at].rank)
			return;
	} else {
		chooser->nr++;
	}
	chooser->chosen[at].piece = piece;
	chooser->chosen[at].rank = rank;
	if (chooser->nr == SAMPLES_WRITTEN)
		chooser->worst = find_worst(chooser);
}

void samples_offer(struct sample_chooser *chooser, const struct delta_record *record)
{
	uint64_t first = record->offset / chooser->piece;
	uint64_t end = div_up(record->offset + record->length, chooser->piece);
	uint64_t step = record->kind == DELTA_ZERO ? div_up(end - first, ZERO_OFFERS) : 1;

	for (uint64_t from = first; from < end; from += step) {
		uint64_t width = min_u64(step, end - from);

		offer(chooser, from + hash_mix(chooser->seed + from) % width);
	}
}

static uint64_t random_piece(uint64_t seed, uint32_t i, uint64_t total)
{
	return hash_mix(seed - i) % total;
}

static bool was_written(uint64_t piece, uint64_t seed, uint64_t total)
{
	if (piece < EDGE_SAMPLES || piece + EDGE_SAMPLES >= total)
		return false;
	for (uint32_t i = 0; i < RANDOM_SAMPLES; i++)
		if (piece == random_piece(seed, i, total))
			return false;
	return true;
}

static int by_rank(const void *a, const void *b)
{
	const struct ranked_piece *x = a, *y = b;

	return (x->rank > y->rank) - (x->rank < y->rank);
}

void samples_keep(struct sample_chooser *chooser, const struct samples *old,
		  const struct backup_name *base, uint64_t size)
{
	struct ranked_piece kept[SAMPLES_MAX] = {0};
	uint64_t total = div_up(size, chooser->piece), seed = seed_of(base);
	uint32_t nr = 0;

	for (uint32_t i = 0; i < old->nr; i++) {
		const struct sample *sample = &old->at[i];
		uint64_t piece = sample->offset / chooser->piece;

		if (sample->length == chooser->piece &&
		    sample->offset + sample->length <= chooser->size &&
		    was_written(piece, seed, total))
			kept[nr++] = (struct ranked_piece){piece, rank_of(chooser, piece)};
	}
	qsort(kept, nr, sizeof(*kept), by_rank);
	for (uint32_t i = 0; i < nr && chooser->nr < SAMPLES_WRITTEN; i++)
		chooser->chosen[chooser->nr++] = kept[i];
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The numbers of all pieces, ascending; returns how many. */
static uint32_t choose(const struct sample_chooser *chooser, uint64_t pieces[SAMPLES_MAX])
{
	uint64_t total = div_up(chooser->size, chooser->piece);
	uint32_t nr = 0, kept = 0;

	for (uint32_t i = 0; i < chooser->nr; i++)
		pieces[nr++] = chooser->chosen[i].piece;
	for (uint32_t i = 0; i < EDGE_SAMPLES; i++) {
		pieces[nr++] = min_u64(i, total - 1);
		pieces[nr++] = total - 1 - min_u64(i, total - 1);
	}
	for (uint32_t i = 0; i < RANDOM_SAMPLES; i++)
		pieces[nr++] = random_piece(chooser->seed, i, total);
	qsort(pieces, nr, sizeof(*pieces), by_number);
	for (uint32_t i = 0; i < nr; i++)
		if (!kept || pieces[kept - 1] != pieces[i])
			pieces[kept++] = pieces[i];
	return kept;
}

static int read_sample(struct copy_target *target, void *buffer, const struct sample *sample,
		       uint64_t *hash)
{
	int r = copy_target_read(target, buffer, sample->length, sample->offset);

	if (!r)
		*hash = hash_bytes(buffer, sample->length);
	return r;
}

int samples_make(const struct sample_chooser *chooser, struct copy_target *target,
		 struct samples *samples)
{
	void *buffer = io_alloc(SAMPLE_BYTES_MAX);
	uint64_t pieces[SAMPLES_MAX];
	int r = 0;

	if (!buffer)
		return report_nomem(target->rep);
	samples->nr = choose(chooser, pieces);
	for (uint32_t i = 0; i < samples->nr && !r; i++) {
		struct sample *sample = &samples->at[i];

		sample->offset = pieces[i] * chooser->piece;
		sample->length = (uint32_t)min_u64(chooser->piece, chooser->size - sample->offset);
		r = read_sample(target, buffer, sample, &sample->hash);
	}
	free(buffer);
	return r;
}

void samples_touch(const struct samples *samples, const struct delta_record *record,
		   struct samples_touched *touched)
{
	uint64_t end = record->offset + record->length;

	while (touched->next < samples->nr) {
		const struct sample *sample = &samples->at[touched->next];

		if (sample->offset >= end)
			return;
		if (sample->offset + sample->length > record->offset)
			touched->is[touched->next] = true;
		if (sample->offset + sample->length > end)
			return; /* the next record may touch it, too */
		touched->next++;
	}
}

int samples_compare(const struct samples *samples, struct copy_target *target,
		    const struct samples_touched *touched, uint64_t *differs)
{
	void *buffer = io_alloc(SAMPLE_BYTES_MAX);
	int r = buffer ? 1 : report_nomem(target->rep);

	for (uint32_t i = 0; i < samples->nr && r > 0; i++) {
		const struct sample *sample = &samples->at[i];
		uint64_t hash;

		if (touched && touched->is[i])
			continue;
		r = read_sample(target, buffer, sample, &hash);
		if (!r && hash != sample->hash)
			*differs = sample->offset;
		else if (!r)
			r = 1;
	}
	free(buffer);
	return r;
}
