/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Files of notes about devices, each of a name in the directory of a place.
 *
 * A file has one or more notes of four lines: a time; the path of the metadata; that of the origin,
 * with "-" before it if the name is not that of the note's device any more, or "-" alone if the
 * origin isn't either; and the numbers of the metadata device, or nothing.  Any other content is
 * not understood, and neither is a file that is not regular or can't be read.
 */
#ifndef ERA_OPEN_NOTES_H
#define ERA_OPEN_NOTES_H

#include <limits.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/report.h"
#include "metadata/untracked_mark.h"

#define NOTE_NUMBERS_BYTES 32u

struct notes_place {
	const char *dir, *suffix; /* of the names of files */
};

struct note {
	char since[UNTRACKED_SINCE_BYTES];
	char metadata[PATH_MAX], origin[PATH_MAX + 1];
	char numbers[NOTE_NUMBERS_BYTES]; /* MAJOR:MINOR */
};

/* A file. */
struct notes {
	const struct notes_place *place;
	char name[NAME_MAX + 1]; /* of the device, without the suffix */
	bool is_understood;
	unsigned nr;
	struct note *notes; /* with room for one more */
};

/* false: there is no such file.  Free it by notes_free() otherwise. */
bool notes_read(struct notes *notes, const struct notes_place *place, const char *name) must_check;

/* Replaces the file, permanently, so that everybody can read it, or removes it if there are no
 * notes.  Errors are reported. */
int notes_write(const struct notes *notes, const struct report *rep) must_check;

/* One note over another one. */
void notes_move(struct notes *notes, unsigned from, unsigned to);

void notes_free(struct notes *notes);

/* Returns 1 to end the walk. */
typedef int notes_fn(struct notes *notes, void *ctx);

/* Walks over the files of a place, of which there are none where its directory does not exist.
 * Returns 0, or a positive errno: nobody can say which there are. */
int notes_each(const struct notes_place *place, notes_fn *each, void *ctx) must_check;

#endif
