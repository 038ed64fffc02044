/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_apply/print.h"

static void json_name(struct json *json, const char *key, const struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];

	json_string(json, key, name ? backup_name_format(name, text) : NULL);
}

static void json_header(struct json *json, const struct delta_header *header)
{
	json_name(json, "from", header->has_from ? &header->from : NULL);
	json_name(json, "to", &header->to);
	json_number(json, "device_size", header->size);
}

void print_result_json(struct json *json, const void *ctx)
{
	static const char *const ends[] = {
		[APPLY_DONE] = "applied",
		[APPLY_FINISHED] = "finished",
		[APPLY_ALREADY] = "already applied",
	};
	const struct told_result *told = ctx;

	json_string(json, "delta", told->task->delta);
	json_string(json, "result", ends[told->result->end]);
	json_bool(json, "dry_run", told->task->dry_run);
	json_header(json, &told->result->header);
	json_number(json, "data_bytes", told->result->data_bytes);
	json_number(json, "zero_bytes", told->result->zero_bytes);
}

static void json_base(struct json *json, const struct backup_state *state)
{
	json_begin_object(json, "base");
	json_name(json, "name", &state->base);
	json_number(json, "era", state->base.era);
	json_number(json, "device_size", state->size);
	if (state->block_size)
		json_number(json, "block_size", state->block_size);
	else
		json_string(json, "block_size", NULL);
	json_string(json, "origin", *state->origin ? state->origin : NULL);
	json_bool(json, "witness", state->witness_size);
	json_end_object(json);
}

static void json_going(struct json *json, const struct backup_state *state)
{
	json_begin_object(json, "applying");
	json_header(json, &state->going);
	json_bool(json, "staged", state->is_staged);
	json_end_object(json);
}

void print_state_json(struct json *json, const void *ctx)
{
	const struct backup_state *state = ctx;

	if (state->has_base)
		json_base(json, state);
	else
		json_string(json, "base", NULL);
	if (state->under_way)
		json_going(json, state);
	else
		json_string(json, "applying", NULL);
}
