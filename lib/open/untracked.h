/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device whose target could not be started may be there all the same, if its line in eratab says
 * so; then it must be remembered that what was written to it is in no list.
 *
 * NAME.untracked in STATE_DIRECTORY has a line that says since when, and one with the path of the
 * metadata, which were missing or damaged then, and may be whole again before the target is.
 */
#ifndef ERA_OPEN_UNTRACKED_H
#define ERA_OPEN_UNTRACKED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define UNTRACKED_SINCE_BYTES 32u

/* Was it untracked since it was last tracked?  `since` is then when that began.  A note that can't
 * be read counts. */
bool untracked_since(const char *name, char since[UNTRACKED_SINCE_BYTES]);

/* Remembers it permanently, but for a note that is there already.  Errors are reported. */
int untracked_note(const char *name, const char *metadata, const struct report *rep) must_check;

/* To be called when all blocks count as written.  If it fails, they do so again at the next start,
 * which is noted. */
void untracked_forget(const char *name, const struct report *rep);

/* Returns ERA_NO_ANSWER, reported, if these are the metadata of a device that was untracked, and 0
 * otherwise. */
int untracked_refuse(const char *metadata, const struct report *rep) must_check;

#endif
