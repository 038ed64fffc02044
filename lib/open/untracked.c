/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/state_directory.h"
#include "open/untracked_internal.h"

#define LOCK RUN_DIRECTORY "/lock"
#define LOCK_MODE 0600

/* Devices that were forgotten since the restart. */
static const struct notes_place tracked_place = {RUN_DIRECTORY, ".tracked"};

static void describe(const struct untracked *device, struct note *note)
{
	time_t clock = time(NULL);
	struct tm tm;

	*note = (struct note){.since = ""};
	if (gmtime_r(&clock, &tm))
		strftime(note->since, sizeof(note->since), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(note->metadata, sizeof(note->metadata), "%s", device->metadata);
	snprintf(note->origin, sizeof(note->origin), "%s", device->origin);
	untracked_print_numbers(device->metadata, note->numbers);
}

static bool is_noted(const struct notes *notes, const struct note *note)
{
	for (unsigned i = 0; i < notes->nr; i++)
		if (!strcmp(notes->notes[i].metadata, note->metadata) &&
		    !strcmp(notes->notes[i].origin, note->origin))
			return true;
	return false;
}

/* Does a note say all that an older one does, which refuses its metadata? */
static bool supersedes(const struct note *note, const struct note *old)
{
	return untracked_is_tracked_again(old) && !strcmp(note->metadata, old->metadata) &&
	       (!old->origin[1] || !strcmp(note->origin, old->origin + 1));
}

static int add(struct notes *notes, const struct note *note, const struct report *rep)
{
	unsigned nr = 0;

	if (is_noted(notes, note))
		return 0;
	for (unsigned i = 0; i < notes->nr; i++)
		if (!supersedes(note, &notes->notes[i]))
			notes_move(notes, i, nr++);
	notes->notes[nr] = *note;
	notes->nr = nr + 1;
	return notes_write(notes, rep);
}

/* Returns 1 for one that is not understood: it counts until it is gone, and refuses all lists. */
static int add_to_file(const struct notes_place *place, const char *name, const struct note *note,
		       const struct report *rep)
{
	struct notes notes;
	int r = 0;

	if (!notes_read(&notes, place, name)) {
		notes.is_understood = true;
		notes.notes = calloc(1, sizeof(*notes.notes));
		r = notes.notes ? 0 : report_nomem(rep);
	}
	if (!r)
		r = notes.is_understood ? add(&notes, note, rep) : 1;
	notes_free(&notes);
	return r;
}

struct result {
	const struct report *rep;
	int r;
};

static void unlock_notes(int lock)
{
	if (lock >= 0)
		close(lock);
}

/* Of who changes notes.  Returns 0, or 1 where there is no /run. */
static int lock_notes(int *lock, const struct report *rep)
{
	int r = run_directory_make(rep);

	*lock = -1;
	if (r)
		return r;
	*lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	if (*lock >= 0 && !flock(*lock, LOCK_EX))
		return 0;
	r = report_errno(rep, LOCK, "cannot lock");
	unlock_notes(*lock);
	return r;
}

static int drop_file(struct notes *notes, void *ctx)
{
	struct result *result = ctx;

	notes->nr = 0;
	result->r = notes_write(notes, result->rep);
	return result->r;
}

static int drop_files(const struct notes_place *place, const struct report *rep)
{
	struct result result = {.rep = rep};

	errno = notes_each(place, drop_file, &result);
	return errno ? report_errno(rep, place->dir, "cannot be read") : result.r;
}

static int note_in(const struct notes_place *place, const struct untracked *device,
		   const struct report *rep)
{
	struct note note;
	int r;

	describe(device, &note);
	r = add_to_file(place, device->name, &note, rep);
	return r < 0 ? r : 0;
}

/* In the state directory, which may be that of a filesystem that is not there yet. */
static int note_permanently(const struct untracked *device, const struct report *rep)
{
	int r = state_directory_make(rep);

	if (r)
		return r;
	errno = io_flush_directory(STATE_DIRECTORY);
	if (errno)
		return report_errno(rep, STATE_DIRECTORY, "cannot flush its directory");
	return note_in(&untracked_places[UNTRACKED_PERMANENT], device, rep);
}

struct change {
	const struct untracked *device;
	const struct report *rep;
	int r;
};

/* What was forgotten before is not forgotten any more. */
static int drop_notes(struct notes *notes, void *ctx)
{
	struct change *change = ctx;
	unsigned was = notes->nr, nr = 0;

	for (unsigned i = 0; i < was; i++)
		if (!untracked_is_of(notes, i, change->device))
			notes_move(notes, i, nr++);
	notes->nr = nr;
	if (!notes->is_understood || nr < was)
		change->r = notes_write(notes, change->rep);
	return change->r;
}

static int note_at_once(const struct untracked *device, const struct report *rep)
{
	struct change change = {.device = device, .rep = rep};

	errno = notes_each(&tracked_place, drop_notes, &change);
	if (errno)
		return report_errno(rep, RUN_DIRECTORY, "cannot be read");
	return change.r ? change.r : note_in(&untracked_places[UNTRACKED_AT_ONCE], device, rep);
}

int untracked_note(const struct untracked *device, const struct report *rep)
{
	int lock, r = lock_notes(&lock, rep);

	if (!r)
		r = note_at_once(device, rep);
	if (r >= 0)
		r = note_permanently(device, rep);
	unlock_notes(lock);
	return r;
}

/* Other metadata than those that have all blocks now never will, and an origin may be of another
 * device, which had the name before. */
static void keep_refusing(struct note *note, const char *origin)
{
	const char *noted = untracked_origin(note);
	size_t len = strnlen(noted, PATH_MAX - 1);

	if (untracked_has_origin(note, origin)) {
		*note->numbers = '\0';
		len = 0;
	}
	memmove(note->origin + 1, noted, len);
	note->origin[len + 1] = '\0';
	*note->origin = UNTRACKED_AGAIN;
}

/* Of those that are understood.  Returns whether there is anything to be written. */
static bool remove_notes(struct notes *notes, const struct untracked *device)
{
	bool found = false;
	unsigned nr = 0;

	for (unsigned i = 0; i < notes->nr; i++) {
		struct note *note = &notes->notes[i];

		if (untracked_is_of(notes, i, device)) {
			found = true;
			if (untracked_has_metadata(note, device->metadata))
				continue;
			keep_refusing(note, device->origin);
		}
		notes_move(notes, i, nr++);
	}
	notes->nr = nr;
	return found;
}

/* One that is not understood may be of other metadata, too. */
static int forget(struct notes *notes, void *ctx)
{
	const struct change *f = ctx;

	if (!notes->is_understood && untracked_has_name(notes, f->device))
		report_note(
			f->rep,
			"%s/%s%s: is not understood, and may be of other metadata: there are no "
			"lists until it is removed",
			notes->place->dir, notes->name, notes->place->suffix);
	else if (remove_notes(notes, f->device) && notes_write(notes, f->rep))
		report_note(f->rep,
			    "%s/%s%s: cannot remove: all blocks will count as written once more "
			    "when the target starts again",
			    notes->place->dir, notes->name, notes->place->suffix);
	return 0;
}

static void forget_in(const struct notes_place *place, const struct untracked *device,
		      const struct report *rep)
{
	struct change f = {.device = device, .rep = rep};

	if (notes_each(place, forget, &f))
		report_note(rep,
			    "%s: cannot be read: what it says of devices that were there without "
			    "their targets stays",
			    place->dir);
}

void untracked_forget(const struct untracked *device, const struct report *rep)
{
	int lock, r = lock_notes(&lock, rep);

	if (r < 0)
		return;
	if (!r && note_in(&tracked_place, device, rep))
		report_note(rep,
			    "%s: what is noted in a " STATE_DIRECTORY
			    " that is not there yet stays",
			    device->name);
	for (unsigned i = 0; i < UNTRACKED_PLACES; i++)
		forget_in(&untracked_places[i], device, rep);
	unlock_notes(lock);
}

static int forget_tracked(struct notes *notes, void *ctx)
{
	struct untracked device = {.name = notes->name};
	const struct result *result = ctx;

	for (unsigned i = 0; notes->is_understood && i < notes->nr; i++) {
		device.metadata = notes->notes[i].metadata;
		device.origin = notes->notes[i].origin;
		forget_in(&untracked_places[UNTRACKED_PERMANENT], &device, result->rep);
	}
	return 0;
}

/* What is not understood stays where it is, on either side. */
static int carry(struct notes *notes, void *ctx)
{
	struct result *result = ctx;
	int r = !notes->is_understood;

	for (unsigned i = 0; i < notes->nr && !r; i++)
		r = add_to_file(&untracked_places[UNTRACKED_PERMANENT], notes->name,
				&notes->notes[i], result->rep);
	if (r > 0)
		r = report_fail(result->rep, ERA_SYS,
				"%s/%s" UNTRACKED_SUFFIX ": cannot be carried to " STATE_DIRECTORY
				", since one of the two is not understood",
				notes->place->dir, notes->name);
	result->r = r;
	return r;
}

static int carry_all(const struct report *rep)
{
	struct result result = {.rep = rep};

	errno = notes_each(&untracked_places[UNTRACKED_AT_ONCE], carry, &result);
	return errno ? report_errno(rep, RUN_DIRECTORY, "cannot be read") : result.r;
}

static int settle_locked(const struct report *rep)
{
	struct result result = {.rep = rep};
	int r = state_directory_make(rep);

	if (r)
		return r;
	errno = notes_each(&tracked_place, forget_tracked, &result);
	r = errno ? report_errno(rep, RUN_DIRECTORY, "cannot be read") : carry_all(rep);
	if (!r)
		r = drop_files(&tracked_place, rep);
	return r ? r : drop_files(&untracked_places[UNTRACKED_AT_ONCE], rep);
}

int untracked_settle(const struct report *rep)
{
	int lock, r = lock_notes(&lock, rep);

	if (!r)
		r = settle_locked(rep);
	unlock_notes(lock);
	return r > 0 ? 0 : r;
}
