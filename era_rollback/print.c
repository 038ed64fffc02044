/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_rollback/rollback.h"
#include "tools/document.h"

static void put_layer(struct json *json, const char *key, const struct layer *layer)
{
	json_begin_object(json, key);
	json_string(json, "name", layer->name);
	json_bool(json, "active", layer->active);
	json_number(json, "sectors", layer->sectors);
	json_string(json, "table", layer->params);
	json_end_object(json);
}

static void put_answer(struct json *json, const void *ctx)
{
	const struct rollback *r = ctx;

	json_bool(json, "dry_run", r->options->dry_run);
	json_string(json, "reached", progress_name(r->step));
	put_layer(json, "cache", &r->cache);
	put_layer(json, "era_device", &r->era);
	json_number(json, "since", rollback_era(r));
	json_number_or_null(json, "marked_era", r->marked_era);
	json_number(json, "cleaned_blocks", r->nr_cleaned);
	json_begin_object(json, "mappings");
	json_number(json, "found", r->nr_mapped);
	json_number(json, "kept", r->nr_kept);
	json_number(json, "dropped", r->nr_mapped - r->nr_kept);
	json_number(json, "dirty", r->nr_dirty);
	json_end_object(json);
	json_number(json, "block_size", r->block_size);
	json_number(json, "nr_blocks", r->nr_blocks);
	json_number(json, "marked_blocks", r->nr_marked);
}

int print_answer(struct rollback *r)
{
	return r->options->json ? document_print(r->tool, STATUS_OK, put_answer, r) : 0;
}
