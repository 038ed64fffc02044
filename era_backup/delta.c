/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <inttypes.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy/copier.h"
#include "era_backup/backup.h"
#include "era_backup/listed.h"
#include "tools/human.h"

#define TOLD_DIFFERENCES 100u

/* Of a full backup, which is of everything, too. */
static int fill_facts(struct backup *b)
{
	const struct dmera_witness *witness;
	struct delta_facts *facts = b->delta_facts;

	if (!facts)
		facts = b->delta_facts = calloc(1, sizeof(*facts));
	if (!facts)
		return report_nomem(b->rep);
	facts->from_size = b->is_full ? 0 : b->state->size;
	facts->block_size = (uint32_t)b->facts.block_size;
	memcpy(facts->origin, b->origin, sizeof(facts->origin));
	if (facts->witness_size)
		return 0;
	witness = dmera_changes_witness(b->changes);
	if (witness)
		facts->witness_size = (uint32_t)dmera_witness_encode(witness, facts->witness,
								     sizeof(facts->witness));
	return witness && !facts->witness_size ? report_nomem(b->rep) : 0;
}

static int fill_header(struct backup *b)
{
	b->header = (struct delta_header){
		.has_from = !b->is_full,
		.from = b->state->base,
		.size = b->source.size,
	};
	return backup_name_draw(&b->header.to, b->era_to_remember, b->rep);
}

static int write_delta(struct backup *b, struct sink *sink)
{
	struct listed listed = listed_of(b);
	const struct copy_ranges ranges = listed_ranges(&listed);
	struct copy_task task = listed_task(b, &ranges);
	struct delta_writer writer;
	int r = delta_begin(&writer, sink, &b->header);

	task.total = b->is_full ? b->source.size : b->listed_bytes;
	task.frees = b->collection != NULL;
	if (!r)
		r = copy_to_delta(&task, &writer);
	if (!r)
		r = delta_end(&writer, b->delta_facts);
	if (!r)
		r = sink_finish(sink);
	b->data_bytes = writer.data_bytes;
	b->zero_bytes = writer.zero_bytes;
	return r;
}

int delta_make(struct backup *b)
{
	struct sink sink;
	int r = fill_facts(b);

	if (!r)
		r = fill_header(b);
	if (!r)
		r = sink_open(&sink, b->to_stdout ? NULL : b->staging_path, b->rep);
	if (r)
		return r;
	r = write_delta(b, &sink);
	sink_close(&sink);
	return r;
}

/* A full backup was decided on, and said: it may replace what is there. */
int delta_put_into_target(struct backup *b)
{
	const struct apply_ends ends = {&b->target, b->state, base_save_state, b};
	struct apply_task task = base_task(b);
	struct apply_result result;

	task.keeps = b->options->has_keep;
	task.force = b->is_full;
	return apply_to(&task, &ends, &result);
}

/* Verifying. */

static bool is_listed(const struct backup *b, uint64_t offset)
{
	struct dmera_run run = {.block = offset / b->facts.block_size};

	return b->is_full || (dmera_changes_next(b->changes, &run) && run.offset <= offset);
}

static void tell(void *ctx, const struct copy_difference *difference)
{
	struct backup *b = ctx;
	const char *what = "differs, and was not listed as written";

	b->differing_bytes += difference->length;
	if (b->nr_differences++ >= TOLD_DIFFERENCES)
		return;
	if (is_listed(b, difference->offset))
		what = "differs although it was copied";
	else if (difference->source_is_zero)
		what = "is zero in the source, and was not listed as written: discarded?";
	report_note(b->rep, "%s: %" PRIu64 " bytes at byte %" PRIu64 ": %s", b->options->target,
		    difference->length, difference->offset, what);
}

static int judge(const struct backup *b)
{
	char text[HUMAN_SIZE_BYTES];

	if (!b->nr_differences)
		return 0;
	return report_fail(b->rep, ERA_DAMAGED,
			   "%s: differs from %s in %" PRIu64 " ranges, %s: something writes past "
			   "the target, or TARGET's disk is bad; --full makes it right",
			   b->options->target, b->options->source, b->nr_differences,
			   human_size_rounded(b->differing_bytes, text));
}

/* TARGET was flushed; it is read from its disk, not from memory. */
int delta_verify(struct backup *b)
{
	struct listed all = listed_all(b->source.size);
	const struct copy_ranges ranges = listed_ranges(&all);
	struct copy_task task = listed_task(b, &ranges);
	int r;

	task.total = b->source.size;
	posix_fadvise(b->target.fd, 0, 0, POSIX_FADV_DONTNEED);
	r = copy_compare(&task, &b->target, tell, b);
	return r ? r : judge(b);
}
