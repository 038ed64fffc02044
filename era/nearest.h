/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The distance between words. */
#ifndef ERA_NEAREST_H
#define ERA_NEAREST_H

/* Twice the number of letters that must be inserted, deleted or replaced to turn a into b; letters
 * that a lacks only at its end count once, so that the beginning of a word is near to it.  Only
 * the beginnings of long words are compared. */
unsigned word_distance(const char *a, const char *b);

#endif
