/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What cmocka wants included before it, and what the unit tests share. */
#ifndef ERA_TESTS_UNIT_H
#define ERA_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A random number that is the same in each run. */
static inline uint32_t unit_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#define UNIT_PATH_MAX 4096

/* Puts a name for mkstemp() or mkdtemp() into path: in $TMPDIR, or else in memory if that can be
 * had. */
static inline void unit_temporary(char path[UNIT_PATH_MAX], const char *what)
{
	const char *folder = getenv("TMPDIR");

	if (!folder)
		folder = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(path, UNIT_PATH_MAX, "%s/era-%s-XXXXXX", folder, what);
}

#endif
