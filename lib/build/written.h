/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* New metadata, in which every block counts as written in the current era. */
#ifndef ERA_BUILD_WRITTEN_H
#define ERA_BUILD_WRITTEN_H

#include "base/compiler.h"
#include "build/build.h"

/* Feeds the build; to be committed by the caller.  Errors are reported; rep may be NULL. */
int era_build_feed_written(struct era_build *build, const struct era_header *header,
			   const struct report *rep) must_check;

#endif
