/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How far words are from each other. */
#ifndef ERA_NEAREST_H
#define ERA_NEAREST_H

/* Twice the number of letters that must be inserted, removed or replaced to turn a into b.  Letters that
 * are only missing at the end of a count once, so that the beginning of a word is near to the word.  Of
 * long words only the beginnings are compared. */
unsigned word_distance(const char *a, const char *b);

#endif
