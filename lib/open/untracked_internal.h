/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which devices a note of an untracked one is of, for those who ask (open/untracked_ask.c) and
 * change (open/untracked.c).
 */
#ifndef ERA_OPEN_UNTRACKED_INTERNAL_H
#define ERA_OPEN_UNTRACKED_INTERNAL_H

#ifndef ROOM_OPEN
#error "for lib/open alone"
#endif

#include <stdbool.h>

#include "open/notes.h"
#include "open/untracked.h"

#define UNTRACKED_SUFFIX ".untracked"
#define UNTRACKED_AGAIN '-' /* before the origin: the name is not the device's any more */

/* Where notes are: at any time, and after a restart. */
enum { UNTRACKED_AT_ONCE, UNTRACKED_PERMANENT, UNTRACKED_PLACES };

extern const struct notes_place untracked_places[UNTRACKED_PLACES];

/* The numbers of a block device, and nothing of any other file. */
void untracked_print_numbers(const char *path, char numbers[NOTE_NUMBERS_BYTES]);

bool untracked_has_metadata(const struct note *note, const char *metadata);
bool untracked_has_origin(const struct note *note, const char *origin);
bool untracked_has_name(const struct notes *notes, const struct untracked *device);

/* Is the name not that of the note's device any more? */
bool untracked_is_tracked_again(const struct note *note);

/* The origin's path, or nothing. */
const char *untracked_origin(const struct note *note);

/* Is it of this device, by its metadata, its origin or its name? */
bool untracked_is_of(const struct notes *notes, unsigned i, const struct untracked *device);

#endif
