/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "era_backup/backup.h"

int question_open(struct backup *b, const char *path, unsigned flags)
{
	int r;

	question_close(b);
	b->era = dmera_create();
	b->asked = strdup(path);
	if (!b->era || !b->asked)
		return report_nomem(b->rep);
	b->tool_path = b->tool->path;
	b->tool->path = b->asked;
	tool_listen(b->tool, b->era);
	dmera_set_make_witness(b->era, 1);
	r = dmera_open(b->era, path, flags);
	return r ? r : dmera_get_facts(b->era, &b->facts, sizeof(b->facts));
}

void question_close(struct backup *b)
{
	dmera_changes_free(b->changes);
	dmera_destroy(b->era);
	b->changes = NULL;
	b->era = NULL;
	if (b->tool_path)
		b->tool->path = b->tool_path;
	b->tool_path = NULL;
	free(b->asked);
	b->asked = NULL;
}

static int ask_since(struct backup *b)
{
	const struct backup_state *state = b->state;
	const char *name = b->to_stdout ? b->options->base : b->state_path;
	struct dmera_witness *witness = NULL;
	int r = 0;

	if (state->witness_size)
		r = dmera_witness_decode(b->era, name, state->witness, state->witness_size,
					 &witness);
	if (r)
		return r;
	dmera_set_witness(b->era, witness);
	dmera_set_old_size(b->era, state->size);
	r = dmera_changes_since(b->era, backup_state_since(state), &b->changes);
	dmera_set_witness(b->era, NULL);
	dmera_set_old_size(b->era, UINT64_MAX);
	dmera_witness_free(witness);
	return r;
}

/* Other metadata come to the era of the witness in time, and then nothing contradicts it any more;
 * and nothing tells of a device that was beside the target.  So if the full backup fails now, the
 * next run must know.  What the receiver of a delta has can't be changed from here. */
int question_note_refuted(struct backup *b)
{
	if (b->to_stdout || b->options->dry_run)
		return 0;
	b->state->is_refuted = true;
	return base_save_state(b, b->state);
}

static int refuse_increment(struct backup *b)
{
	int r = question_note_refuted(b);

	return r ? r : base_give_up(b, "%s", dmera_error(b->era));
}

static int ask_increment(struct backup *b)
{
	int r;

	dmera_set_error_callback(b->era, NULL, NULL);
	r = ask_since(b);
	tool_listen(b->tool, b->era);
	if (r == DMERA_NO_ANSWER)
		return refuse_increment(b);
	if (r)
		report_fail(b->rep, r, "%s", dmera_error(b->era));
	return r;
}

static uint64_t count_bytes(const struct dmera_changes *changes)
{
	struct dmera_run run = {0};
	uint64_t bytes = 0;

	while (dmera_changes_next(changes, &run))
		bytes += run.length;
	return bytes;
}

int question_ask_again(struct backup *b, uint32_t since, uint64_t size)
{
	int r;

	dmera_set_device_size(b->era, size);
	r = dmera_changes_since(b->era, since, &b->changes);
	if (!r)
		b->listed_bytes = count_bytes(b->changes);
	return r;
}

static bool is_as_tracked(const struct backup *b, uint64_t size)
{
	const struct dmera_facts *facts = &b->facts;

	return !size || !facts->nr_blocks || div_up(size, facts->block_size) == facts->nr_blocks;
}

static int refuse_size(const struct backup *b, uint64_t size)
{
	return report_fail(b->rep, ERA_NO_ANSWER,
			   "%s: has %" PRIu64 " bytes, but %" PRIu64 " blocks of %" PRIu64
			   " bytes are tracked: there is no backup until the target has its size, "
			   "as after " ERA_PROGRAM " setup resize",
			   b->source.path, size, b->facts.nr_blocks, b->facts.block_size);
}

/* Another size is no word against the metadata.  But whether others are here must be seen each
 * time, and noted. */
int question_ask(struct backup *b, uint64_t size)
{
	bool fits = is_as_tracked(b, size);
	int r = 0;

	dmera_set_device_size(b->era, fits ? size : 0);
	if (!b->is_full)
		r = ask_increment(b);
	if (!r && !fits)
		r = refuse_size(b, size);
	if (!r && b->is_full)
		r = dmera_changes_since(b->era, 0, &b->changes);
	if (!r)
		r = dmera_get_facts(b->era, &b->facts, sizeof(b->facts));
	if (!r)
		b->listed_bytes = count_bytes(b->changes);
	return r;
}
