/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Sizes as people write them. */
#ifndef ERA_TOOLS_SIZE_H
#define ERA_TOOLS_SIZE_H

#include <stdint.h>

#include "base/compiler.h"

enum size_result {
	SIZE_OK,
	SIZE_UNCLEAR,	/* not a size */
	SIZE_FRACTION,	/* not a whole number of bytes */
	SIZE_TOO_LARGE, /* more than INT64_MAX bytes */
};

/* The suffixes, for messages. */
#define SIZE_SUFFIXES "s k M G T P E"

/*
 * Reads a decimal number, which may have a fraction, and one of these suffixes: s (sectors of 512
 * bytes), k, M, G, T, P or E (powers of 1024), of which each but s may be in either case, and may
 * be followed by iB.  A number without a suffix is in bytes.  MB and the like are not read, since
 * some programs mean powers of 1000 by them.  *bytes is set with SIZE_OK only.
 */
enum size_result size_parse(const char *text, uint64_t *bytes) must_check;

#endif
