/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognises the lines that dumps nearly all consist of, in exactly the form that they are printed:
 *
 *	    <bit block="N" value="false"/>
 *	    <era block="N" era="E"/>
 *
 * with N one more in each line.  The first line that differs in any byte ends the run: it is for a
 * real parser to read, or to refuse.
 */
#ifndef ERA_XML_LINES_H
#define ERA_XML_LINES_H

#include <stddef.h>
#include <stdint.h>

/* A run of lines that stop before `end`; the first has the number `next`. */
struct lines {
	const char *text, *end;
	uint64_t next;
	uint32_t max; /* lines to take at most */
};

/* Takes lines from the run: text, next and max move on.  The first line is for bit `bit` of words,
 * the next one for the bit behind it: it is set when the line says true. */
void lines_take_bits(struct lines *lines, uint64_t *words, uint64_t bit);

/* The same for eras up to max_era, which are put into eras[0], eras[1], ... */
void lines_take_eras(struct lines *lines, uint32_t max_era, uint32_t *eras);

#endif
