/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "witness/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "dmera/dmera_internal.h"

_Static_assert(DMERA_WITNESS_MAX_BYTES == WITNESS_MAX_BYTES, "the largest witness");

#define SECTOR_BYTES 512u

static struct dmera_witness *create(const char *name)
{
	struct dmera_witness *witness = calloc(1, sizeof(*witness));

	if (!witness)
		return NULL;
	witness->name = strdup(name);
	if (witness->name)
		return witness;
	free(witness);
	return NULL;
}

struct dmera_witness *dmera_witness_adopt(struct witness *made, const char *name)
{
	struct dmera_witness *witness = create(name);

	if (!witness) {
		free(made);
		return NULL;
	}
	made->name = witness->name;
	witness->found = made;
	return witness;
}

void dmera_witness_free(struct dmera_witness *witness)
{
	if (!witness)
		return;
	free(witness->found);
	free(witness->name);
	free(witness);
}

static int finish(struct dmera *era, int r, struct dmera_witness *read, struct dmera_witness **out)
{
	if (r)
		dmera_witness_free(read);
	else
		*out = read;
	return dmera_end(era, r);
}

int dmera_witness_load(struct dmera *era, const char *path, struct dmera_witness **witness)
{
	struct dmera_witness *read;
	int r;

	dmera_begin(era, path);
	if (!path || !witness)
		return dmera_misused(era, "dmera_witness_load: no path, or no place");
	read = create(path);
	r = read ? witness_load(&read->found, read->name, &era->report)
		 : report_nomem(&era->report);
	return finish(era, r, read, witness);
}

/* More than a witness has is told by its size, one too many. */
static int decode(struct dmera_witness *read, const void *data, size_t size,
		  const struct report *rep)
{
	uint32_t nr = (uint32_t)min_u64(size, WITNESS_MAX_BYTES + 1);

	read->found = calloc(1, sizeof(*read->found));
	if (!read->found)
		return report_nomem(rep);
	return witness_decode(read->found, read->name, data, nr, rep);
}

int dmera_witness_decode(struct dmera *era, const char *name, const void *data, size_t size,
			 struct dmera_witness **witness)
{
	struct dmera_witness *read;
	int r;

	dmera_begin(era, name);
	if (!name || (!data && size) || !witness)
		return dmera_misused(era, "dmera_witness_decode: no name, no data, or no place");
	read = create(name);
	r = read ? decode(read, data, size, &era->report) : report_nomem(&era->report);
	return finish(era, r, read, witness);
}

int dmera_witness_save(struct dmera *era, const struct dmera_witness *witness, const char *path)
{
	dmera_begin(era, path);
	if (!witness || !path)
		return dmera_misused(era, "dmera_witness_save: no witness, or no path");
	return dmera_end(era, witness_save(witness->found, path, &era->report));
}

size_t dmera_witness_encode(const struct dmera_witness *witness, void *data, size_t size)
{
	uint8_t *all = malloc(WITNESS_MAX_BYTES);
	size_t nr;

	if (!all)
		return 0;
	nr = witness_encode(witness->found, all);
	if (nr <= size)
		memcpy(data, all, nr);
	free(all);
	return nr;
}

void dmera_witness_get_facts(const struct dmera_witness *witness, struct dmera_witness_facts *facts,
			     size_t size)
{
	const struct witness *found = witness->found;
	const struct dmera_witness_facts all = {
		.block_size = (uint64_t)found->data_block_size * SECTOR_BYTES,
		.nr_blocks = found->nr_blocks,
		.era = found->era,
		.flags = found->of_snapshot ? DMERA_IS_SNAPSHOT : 0,
	};

	dmera_copy_out(facts, size, &all, sizeof(all));
}

void dmera_set_witness(struct dmera *era, const struct dmera_witness *witness)
{
	era->witness = witness ? witness->found : NULL;
}

void dmera_set_make_witness(struct dmera *era, int wanted)
{
	era->wants_witness = wanted;
}
