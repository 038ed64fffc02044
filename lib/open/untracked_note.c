/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/state_directory.h"

const struct notes_place untracked_places[UNTRACKED_PLACES] = {
	[UNTRACKED_AT_ONCE] = {RUN_DIRECTORY, UNTRACKED_SUFFIX},
	[UNTRACKED_PERMANENT] = {STATE_DIRECTORY, UNTRACKED_SUFFIX},
};

void untracked_print_numbers(const char *path, char numbers[NOTE_NUMBERS_BYTES])
{
	struct stat st;

	*numbers = '\0';
	if (!stat(path, &st) && S_ISBLK(st.st_mode))
		snprintf(numbers, NOTE_NUMBERS_BYTES, "%u:%u", major(st.st_rdev),
			 minor(st.st_rdev));
}

/* A path that leads nowhere may be of the same device, which has another name now, or whose links
 * udev has not made yet. */
static bool is_same(const char *path, const char *noted, const char *noted_numbers)
{
	char numbers[NOTE_NUMBERS_BYTES];
	struct stat found, st;

	if (!strcmp(path, noted))
		return true;
	if (!stat(noted, &found))
		return !stat(path, &st) && io_is_same_file(&st, &found);
	untracked_print_numbers(path, numbers);
	return *numbers && !strcmp(numbers, noted_numbers);
}

bool untracked_has_metadata(const struct note *note, const char *metadata)
{
	return is_same(metadata, note->metadata, note->numbers);
}

bool untracked_is_tracked_again(const struct note *note)
{
	return *note->origin == UNTRACKED_AGAIN;
}

const char *untracked_origin(const struct note *note)
{
	return note->origin + untracked_is_tracked_again(note);
}

bool untracked_has_origin(const struct note *note, const char *origin)
{
	return is_same(origin, untracked_origin(note), "");
}

bool untracked_has_name(const struct notes *notes, const struct untracked *device)
{
	return !strcmp(notes->name, device->name);
}

bool untracked_is_of(const struct notes *notes, unsigned i, const struct untracked *device)
{
	const struct note *note = &notes->notes[i];

	return untracked_has_metadata(note, device->metadata) ||
	       untracked_has_origin(note, device->origin) ||
	       (!untracked_is_tracked_again(note) && untracked_has_name(notes, device));
}
