/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_stat/print.h"

/* null: more than can be counted. */
static void json_bytes(struct json *json, const char *key, uint64_t nr_blocks,
		       const struct dmera_facts *facts)
{
	uint64_t bytes = bytes_of(nr_blocks, facts);

	if (bytes == UINT64_MAX)
		json_string(json, key, NULL);
	else
		json_number(json, key, bytes);
}

static void json_source(struct json *json, const struct dmera_facts *facts)
{
	bool is_snapshot = facts->flags & DMERA_IS_SNAPSHOT;

	json_string(json, "source", is_snapshot ? "snapshot" : "live");
	json_number(json, "current_era", facts->live_era);
	if (is_snapshot)
		json_number(json, "snapshot_era", facts->era);
	json_number(json, "block_size", facts->block_size);
	json_number(json, "nr_blocks", facts->nr_blocks);
}

static void json_row(struct json *json, const struct row *row, const struct dmera_facts *facts)
{
	json_newline(json);
	json_begin_object(json, NULL);
	json_number(json, "first", row->first);
	json_number(json, "last", row->last);
	json_number(json, "blocks", row->nr_blocks);
	json_bytes(json, "bytes", row->nr_blocks, facts);
	json_number(json, "since_blocks", row->nr_since);
	json_bytes(json, "since_bytes", row->nr_since, facts);
	json_bool(json, "current", row->is_current);
	json_bool(json, "waiting", row->is_waiting);
	json_end_object(json);
}

static void json_metadata(struct json *json, const struct dmera_stat *stat)
{
	json_begin_object(json, "metadata");
	json_number(json, "blocks", stat->nr_metadata_blocks);
	json_number(json, "allocated", stat->nr_metadata_used);
	if (stat->nr_metadata_used <= stat->nr_metadata_blocks)
		json_number(json, "free", stat->nr_metadata_blocks - stat->nr_metadata_used);
	json_end_object(json);
}

void print_json(struct json *json, const void *ctx)
{
	const struct answer *answer = ctx;
	const struct dmera_facts *facts = &answer->facts;
	const struct rows *rows = &answer->rows;

	json_source(json, facts);
	json_newline(json);
	json_bool(json, "clean", facts->flags & DMERA_IS_CLEAN);
	json_bool(json, "snapshot_held", facts->flags & DMERA_HAS_SNAPSHOT);
	json_number_or_null(json, "era_to_remember", facts->era_to_remember);
	json_metadata(json, &answer->stat);
	json_number(json, "writesets", answer->stat.nr_waiting);
	json_number(json, "never_written_blocks", rows->nr_never);
	json_number(json, "unknown_blocks", rows->nr_unknown);
	json_newline(json);
	json_begin_array(json, "eras");
	for (size_t i = 0; i < rows->nr && !sink_failed(json->sink); i++)
		json_row(json, &rows->row[i], facts);
	json_end_array(json);
	json_newline(json);
}

void print_sum_json(struct json *json, const void *ctx)
{
	const struct sum_answer *answer = ctx;

	json_source(json, &answer->facts);
	json_number(json, "since", answer->since);
	json_number(json, "changed_blocks", answer->nr_blocks);
	json_bytes(json, "changed_bytes", answer->nr_blocks, &answer->facts);
	json_number(json, "unknown_blocks", answer->nr_unknown);
}
