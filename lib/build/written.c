/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "build/written.h"

int era_build_feed_written(struct era_build *build, const struct era_header *header,
			   const struct report *rep)
{
	const struct era_stream to = era_build_stream(build);

	return era_stream_written(header, &to, rep);
}
