/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "witness/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "witness/witness_internal.h"

/* Those who get each chunk of the one pass over the era map. */
struct listeners {
	struct witness_comparison *comparison;
	struct witness_maker *maker;
};

static void on_chunk(void *ctx, const struct era_chunk *chunk)
{
	const struct listeners *to = ctx;

	if (to->comparison)
		witness_comparison_add(to->comparison, chunk);
	if (to->maker)
		witness_maker_add(to->maker, chunk);
}

static int begin(struct listeners *to, const struct witness_subject *subject,
		 const struct witness_task *task)
{
	if (task->old)
		to->comparison = witness_comparison_begin(task->old, subject, task->listed_from);
	if (task->make)
		to->maker = witness_maker_begin(subject);
	if ((task->old && !to->comparison) || (task->make && !to->maker))
		return report_nomem(subject->rep);
	return 0;
}

/* The kernel gives era 0 to blocks added by growing a device, whatever they contain. */
static void list_grown(struct era_changes *changes, uint32_t nr_blocks, const struct witness *old)
{
	if (old && old->nr_blocks < nr_blocks)
		bits_set_range(changes->bits, old->nr_blocks, nr_blocks - old->nr_blocks);
}

static int end(const struct listeners *to, const struct witness_subject *subject, bool is_exact,
	       struct witness_task *task)
{
	int r = to->comparison ? witness_comparison_end(to->comparison) : 0;

	task->is_refuted = r;
	if (r || !to->maker || !is_exact)
		return r;
	task->made = witness_maker_end(to->maker);
	return task->made ? 0 : report_nomem(subject->rep);
}

/* There is no verdict unless the view has stayed the same to the end. */
static int read_and_judge(struct era_view *view, const struct witness_subject *subject,
			  uint32_t since, struct witness_task *task, const struct listeners *to,
			  struct era_changes *found)
{
	const struct era_chunk_listener listener = {(void *)to, on_chunk};
	int read = era_changes_read_with(view, since, &listener, found);
	int r = era_view_revalidate(view, read);
	bool is_exact;

	if (!r) {
		is_exact = !found->nr_unknown && !era_view_nr_problems(view);
		r = end(to, subject, is_exact, task);
	}
	if (r && !read)
		era_changes_free(found);
	else if (!r)
		list_grown(found, subject->sb->nr_blocks, task->old);
	return r;
}

int witness_read_changes(struct era_view *view, const struct witness_subject *subject,
			 uint32_t since, struct witness_task *task, struct era_changes *changes)
{
	struct listeners to = {NULL, NULL};
	struct era_changes found;
	int r = task->old ? witness_allowed(task->old, subject, since) : 0;

	task->made = NULL;
	task->is_refuted = r && since <= task->old->era + UINT64_C(1);
	if (!r)
		r = era_changes_allowed(view, since);
	if (!r)
		r = begin(&to, subject, task);
	if (!r)
		r = read_and_judge(view, subject, since, task, &to, &found);
	if (!r)
		*changes = found;
	free(to.comparison);
	free(to.maker);
	return r;
}

static bool has_same_head(const struct witness *a, const struct witness *b)
{
	return a->data_block_size == b->data_block_size && a->nr_blocks == b->nr_blocks &&
	       a->era == b->era && a->of_snapshot == b->of_snapshot &&
	       a->nr_regions == b->nr_regions && a->nr_ages == b->nr_ages &&
	       a->nr_samples == b->nr_samples;
}

bool witness_is_same(const struct witness *a, const struct witness *b)
{
	return has_same_head(a, b) &&
	       !memcmp(a->regions, b->regions, a->nr_regions * sizeof(a->regions[0])) &&
	       !memcmp(a->counts, b->counts, a->nr_ages * sizeof(a->counts[0])) &&
	       !memcmp(a->samples, b->samples, a->nr_samples * sizeof(a->samples[0]));
}
