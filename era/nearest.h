/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far words are from each other. */
#ifndef ERA_NEAREST_H
#define ERA_NEAREST_H

/* How many letters must be put in, taken out or replaced to make b of a, twice; but those that a only
 * lacks at its end count once, so that the beginning of a word is near to it.  Of long words no more than
 * the beginnings are compared. */
unsigned word_distance(const char *a, const char *b);

#endif
