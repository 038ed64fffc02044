/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/print.h"

#include "tools/document.h"
#include "tools/human.h"

#define US_PER_S 1e6

static const char *kind(const struct backup *b)
{
	return b->is_full ? "full" : "incremental";
}

static void json_name(struct json *json, const char *key, const struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];

	json_string(json, key, name ? backup_name_format(name, text) : NULL);
}

/* What a delta was made of, and what it is. */
static void put_done(struct json *json, const struct backup *b)
{
	json_name(json, "to", &b->header.to);
	json_number(json, "device_size", b->header.size);
	json_number(json, "data_bytes", b->data_bytes);
	json_number(json, "zero_bytes", b->zero_bytes);
	json_bool(json, "verified", b->options->verify);
	if (!b->options->converge)
		return;
	json_number(json, "rounds", b->nr_rounds);
	json_number(json, "waited_us", b->waited_us);
	json_number(json, "last_bytes", b->last_bytes);
}

static void put(struct json *json, const void *ctx)
{
	const struct backup *b = ctx;
	const struct backup_name *base = b->options->dry_run ? &b->state->base : &b->header.from;

	json_string(json, "backup", kind(b));
	json_string(json, "reason", b->is_full ? b->why : NULL);
	json_bool(json, "dry_run", b->options->dry_run);
	json_name(json, "from", b->is_full ? NULL : base);
	json_string(json, "origin", b->origin);
	json_number(json, "block_size", b->facts.block_size);
	json_number(json, "listed_bytes", b->listed_bytes);
	if (!b->options->dry_run)
		put_done(json, b);
}

static void say_plan(const struct backup *b)
{
	char text[HUMAN_SIZE_BYTES];

	tool_say(b->tool, "%s: would be a backup (%s): %s would be copied", b->options->target,
		 kind(b), human_size_rounded(b->listed_bytes, text));
}

static void say_done(const struct backup *b)
{
	char name[BACKUP_NAME_BYTES], data[HUMAN_SIZE_BYTES], zeroes[HUMAN_SIZE_BYTES];

	tool_say(b->tool, "%s: is now %s (%s): %s of data and %s of zeroes%s", b->options->target,
		 backup_name_format(&b->header.to, name), kind(b),
		 human_size_rounded(b->data_bytes, data), human_size_rounded(b->zero_bytes, zeroes),
		 b->options->verify ? "; it was compared with the source" : "");
}

static void say_waited(const struct backup *b)
{
	char text[HUMAN_SIZE_BYTES];

	tool_say(b->tool,
		 "%s: writers waited %.3f s, for %s; what was written before was copied in %u %s",
		 b->options->path, (double)b->waited_us / US_PER_S,
		 human_size_rounded(b->last_bytes, text), b->nr_rounds,
		 b->nr_rounds == 1 ? "round" : "rounds");
}

int print_backup(const struct backup *b)
{
	if (b->options->dry_run)
		say_plan(b);
	else
		say_done(b);
	if (b->options->converge && !b->options->dry_run)
		say_waited(b);
	return b->options->json ? document_print(b->tool, STATUS_OK, put, b) : 0;
}
