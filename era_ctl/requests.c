/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/requests.h"

#include <inttypes.h>

/* The reply where there is nothing else to say. */
#define OK "ok"

static void reply_status(struct target *t, const struct era_status *s)
{
	if (s->has_snapshot)
		target_reply(t, "%" PRIu32 " %" PRIu64 "/%" PRIu64 " %" PRIu32 " %" PRIu64,
			     s->metadata_block_sectors, s->nr_used, s->nr_total, s->era,
			     s->snapshot);
	else
		target_reply(t, "%" PRIu32 " %" PRIu64 "/%" PRIu64 " %" PRIu32 " -",
			     s->metadata_block_sectors, s->nr_used, s->nr_total, s->era);
}

int request_status(struct target *t)
{
	struct era_status status;
	int r;

	if (!target_is_kernels(t))
		return target_ask(t, "status", false);
	r = target_status(t, &status);
	if (!r)
		reply_status(t, &status);
	return r;
}

int request_table(struct target *t)
{
	struct era_table table;
	int r;

	if (!target_is_kernels(t))
		return target_ask(t, "table", false);
	r = era_device_table(t->mapper, t->name, &table);
	if (!r)
		target_reply(t, "%s %s %" PRIu32, table.metadata, table.origin,
			     table.block_sectors);
	return r;
}

/* The kernel's messages have no reply. */
static int send_message(struct target *t, const char *message)
{
	int r;

	if (!target_is_kernels(t))
		return target_ask(t, message, false);
	r = mapper_message(t->mapper, t->name, message);
	if (!r)
		target_reply(t, OK);
	return r;
}

int request_checkpoint(struct target *t)
{
	return send_message(t, "checkpoint");
}

int request_take_metadata_snap(struct target *t)
{
	return send_message(t, "take_metadata_snap");
}

int request_drop_metadata_snap(struct target *t)
{
	return send_message(t, "drop_metadata_snap");
}

int request_barrier(struct target *t)
{
	uint32_t era;
	int r = target_barrier(t, &era);

	if (!r)
		target_reply(t, "%" PRIu32, era);
	return r;
}

/* A target in userspace is paused for as long as a connection lasts, so nothing is left behind; it
 * is only asked whether it is there. */
int request_resume(struct target *t)
{
	int r = target_is_kernels(t) ? mapper_resume(t->mapper, t->name, MAPPER_WITHOUT_UDEV)
				     : target_ask(t, "table", false);

	if (!r)
		target_reply(t, OK);
	return r;
}
