/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "era_apply/print.h"

#include <stdlib.h>

static void json_name(struct json *json, const char *key, const struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];

	json_string(json, key, name ? backup_name_format(name, text) : NULL);
}

static void json_going(struct json *json, const struct delta_header *header)
{
	json_name(json, "from", header->has_from ? &header->from : NULL);
	json_name(json, "to", &header->to);
	json_number(json, "device_size", header->size);
}

void print_outcome_json(struct json *json, const void *ctx)
{
	static const char *const ends[] = {
		[APPLY_DONE] = "applied",
		[APPLY_FINISHED] = "finished",
		[APPLY_ALREADY] = "already-applied",
	};
	const struct outcome *outcome = ctx;

	json_string(json, "result", ends[outcome->result.end]);
	json_bool(json, "dry_run", outcome->dry_run);
	json_going(json, &outcome->result.header);
	json_number(json, "data_bytes", outcome->result.data_bytes);
	json_number(json, "zero_bytes", outcome->result.zero_bytes);
}

void print_state(struct sink *sink, const struct backup_state *state)
{
	char *text = malloc(BACKUP_STATE_MAX_BYTES);

	if (text)
		sink_write(sink, text, backup_state_encode(state, text));
	else
		sink->error = report_nomem(sink->rep);
	free(text);
}

static void json_base(struct json *json, const struct backup_state *state)
{
	json_name(json, "base", &state->base);
	json_number(json, "era_to_remember", state->base.era);
	json_number(json, "device_size", state->size);
	json_number_or_null(json, "block_size", state->block_size);
	json_string(json, "origin", *state->origin ? state->origin : NULL);
	json_bool(json, "witness", state->witness_size);
}

void print_state_json(struct json *json, const void *ctx)
{
	const struct backup_state *state = ctx;

	if (state->has_base)
		json_base(json, state);
	else
		json_name(json, "base", NULL);
	if (!state->under_way) {
		json_string(json, "applying", NULL);
		return;
	}
	json_begin_object(json, "applying");
	json_going(json, &state->going);
	json_bool(json, "staged", state->is_staged);
	json_end_object(json);
}
