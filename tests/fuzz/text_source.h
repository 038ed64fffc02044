/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Text in memory as a source that gives it out in pieces.  The linker puts it in the place of
 * source_read() (--wrap). */
#ifndef ERA_TESTS_TEXT_SOURCE_H
#define ERA_TESTS_TEXT_SOURCE_H

#include "base/source.h"
#include "tests/fuzz/fuzz.h"

/* cuts 0: as much at once as is asked for; else a seed for the sizes of the pieces.  One at a time;
 * the text must outlive it. */
void text_source_open(struct source *source, struct input text, uint32_t cuts,
		      const struct report *rep);

#endif
