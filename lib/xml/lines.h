/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Recognises the lines of which dumps almost entirely consist, in exactly the form in which they
 * are printed:
 *
 *	    <bit block="N" value="false"/>
 *	    <era block="N" era="E"/>
 *
 * with N one higher in each line.  The first line that differs in any byte ends the run; a real
 * parser must read or refuse it.
 */
#ifndef ERA_XML_LINES_H
#define ERA_XML_LINES_H

#include <stddef.h>
#include <stdint.h>

/* A run of lines before `end`; the first has the number `next`. */
struct lines {
	const char *text, *end;
	uint64_t next;
	uint32_t max; /* the most lines to process */
};

/* Processes lines of the run, and advances text, next and max.  The first line is for bit `bit` of
 * words, the next one for the bit after it, and so on: a bit is set if its line says true. */
void lines_take_bits(struct lines *lines, uint64_t *words, uint64_t bit);

/* The same for eras up to max_era, which are stored in eras[0], eras[1], ... */
void lines_take_eras(struct lines *lines, uint32_t max_era, uint32_t *eras);

#endif
