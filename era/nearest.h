/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far words are from each other. */
#ifndef ERA_NEAREST_H
#define ERA_NEAREST_H

/* How many letters must be put in, taken out or replaced to make b of a.  The beginning of a long word
 * is all that counts. */
unsigned word_distance(const char *a, const char *b);

#endif
