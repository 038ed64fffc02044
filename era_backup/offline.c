/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Nobody writes: the metadata and the source are held exclusively until the state is written. */
#include "era_backup/backup.h"
#include "open/untracked.h"

int offline_begin(struct backup *b)
{
	const struct backup_options *options = b->options;
	int r = question_open(b, options->offline, 0);

	if (!r)
		r = untracked_refuse_origin(options->source, b->rep);
	if (!r)
		r = copy_source_open(&b->source, options->source, COPY_SOURCE_EXCLUSIVE, b->rep);
	if (!r)
		r = identity_of(options->source, b->origin, b->rep);
	if (!r)
		r = identity_of_metadata(options->offline, b->metadata, b->rep);
	if (!r)
		r = base_check_origin(b);
	if (!r)
		r = question_ask(b, b->source.size);
	if (!r)
		b->era_to_remember = b->facts.era_to_remember;
	return r;
}
