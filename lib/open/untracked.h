/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A device whose target could not be started may be there all the same, if its line in eratab says
 * so; then it must be remembered that what was written to it is in no list.
 *
 * Files NAME.untracked in STATE_DIRECTORY have notes of it (open/notes.h), with the time since
 * when; the metadata, which were missing or damaged then, and may be whole again before the target
 * is; and the origin.  A note is gone once all blocks count as written in its metadata; when they
 * do so in others, it holds for those that it names alone.
 *
 * At boot that directory may not be the one that is there later, above all in an initramfs.  So
 * all notes are in RUN_DIRECTORY, too, and what is forgotten is noted there, until they are
 * settled.
 */
#ifndef ERA_OPEN_UNTRACKED_H
#define ERA_OPEN_UNTRACKED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/untracked_mark.h"

struct untracked {
	const char *name, *metadata, *origin; /* the latter two are paths */
};

/* Was it untracked since it was last tracked, under this name or another, with these metadata or
 * others?  `since` is then when that began.  A note that can't be read counts. */
bool untracked_since(const struct untracked *device, char since[UNTRACKED_SINCE_BYTES]);

/* Remembers it permanently, beside what is noted already.  Errors are reported. */
int untracked_note(const struct untracked *device, const struct report *rep) must_check;

/* To be called when all blocks count as written in the device's metadata.  If it fails, they do so
 * again at the next start, which is noted. */
void untracked_forget(const struct untracked *device, const struct report *rep);

/* To be called when the STATE_DIRECTORY is there to stay: what was noted and forgotten before is so
 * there, too, and RUN_DIRECTORY has no notes any more.  Errors are reported. */
int untracked_settle(const struct report *rep) must_check;

/* Returns ERA_NO_ANSWER, reported, if these are the metadata of a device that was untracked, and 0
 * otherwise. */
int untracked_refuse(const char *metadata, const struct report *rep) must_check;

/* The same of metadata that are open. */
int untracked_refuse_dev(struct blk_dev *dev) must_check;

/* Would it be refused, or can that not be told?  Why becomes a note. */
bool untracked_is_refused(struct blk_dev *dev);

/* The same of an origin, for who asks other metadata for a list of what was written to it. */
int untracked_refuse_origin(const char *origin, const struct report *rep) must_check;

/* Does a note name these metadata, or may one do so? */
bool untracked_is_noted(const char *metadata);

#endif
