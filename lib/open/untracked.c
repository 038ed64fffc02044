/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/io.h"
#include "base/state_directory.h"
#include "open/notes.h"

#define UNTRACKED_SUFFIX ".untracked"
#define TRACKED_AGAIN '-' /* before the origin */
#define UNKNOWN_TIME "an unknown time"

static const struct notes_place places[] = {
	{STATE_DIRECTORY, UNTRACKED_SUFFIX},
};

static void print_numbers(const char *path, char numbers[NOTE_NUMBERS_BYTES])
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
	print_numbers(path, numbers);
	return *numbers && !strcmp(numbers, noted_numbers);
}

static bool has_metadata(const struct note *note, const char *metadata)
{
	return is_same(metadata, note->metadata, note->numbers);
}

static bool is_tracked_again(const struct note *note)
{
	return *note->origin == TRACKED_AGAIN;
}

static bool has_origin(const struct note *note, const char *origin)
{
	return is_same(origin, note->origin + is_tracked_again(note), "");
}

static bool has_name(const struct notes *notes, const struct untracked *device)
{
	return !strcmp(notes->name, device->name);
}

static bool is_of(const struct notes *notes, unsigned i, const struct untracked *device)
{
	const struct note *note = &notes->notes[i];

	return has_metadata(note, device->metadata) || has_origin(note, device->origin) ||
	       (!is_tracked_again(note) && has_name(notes, device));
}

struct question {
	const struct untracked *device;
	char *since;
	bool was;
};

static int compare(struct notes *notes, void *ctx)
{
	struct question *q = ctx;

	q->was = !notes->is_understood && has_name(notes, q->device);
	for (unsigned i = 0; notes->is_understood && i < notes->nr && !q->was; i++) {
		q->was = is_of(notes, i, q->device);
		if (q->was)
			memcpy(q->since, notes->notes[i].since, UNTRACKED_SINCE_BYTES);
	}
	return q->was;
}

bool untracked_since(const struct untracked *device, char since[UNTRACKED_SINCE_BYTES])
{
	struct question q = {.device = device, .since = since};

	strcpy(since, UNKNOWN_TIME);
	for (unsigned i = 0; i < ARRAY_SIZE(places) && !q.was; i++)
		if (notes_each(&places[i], compare, &q))
			return true;
	return q.was;
}

static void describe(const struct untracked *device, struct note *note)
{
	time_t clock = time(NULL);
	struct tm tm;

	*note = (struct note){.since = ""};
	if (gmtime_r(&clock, &tm))
		strftime(note->since, sizeof(note->since), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(note->metadata, sizeof(note->metadata), "%s", device->metadata);
	snprintf(note->origin, sizeof(note->origin), "%s", device->origin);
	print_numbers(device->metadata, note->numbers);
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
	return is_tracked_again(old) && !strcmp(note->metadata, old->metadata) &&
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

/* One that is not understood counts until it is gone, and refuses all lists. */
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
	if (!r && notes.is_understood)
		r = add(&notes, note, rep);
	notes_free(&notes);
	return r;
}

int untracked_note(const struct untracked *device, const struct report *rep)
{
	struct note note;
	int r = state_directory_make(rep);

	if (r)
		return r;
	errno = io_flush_directory(STATE_DIRECTORY);
	if (errno)
		return report_errno(rep, STATE_DIRECTORY, "cannot flush its directory");
	describe(device, &note);
	for (unsigned i = 0; i < ARRAY_SIZE(places) && !r; i++)
		r = add_to_file(&places[i], device->name, &note, rep);
	return r;
}

struct forgetting {
	const struct untracked *device;
	const struct report *rep;
};

/* Other metadata than those that have all blocks now never will.  The name and the origin have
 * them, but another device may have got the name. */
static void keep_refusing(struct note *note, const char *origin)
{
	char noted[PATH_MAX + 1];
	bool is_other = !has_origin(note, origin);

	strcpy(noted, note->origin + is_tracked_again(note));
	snprintf(note->origin, sizeof(note->origin), "%c%.*s", TRACKED_AGAIN,
		 is_other ? PATH_MAX : 0, noted);
	if (!is_other)
		*note->numbers = '\0';
}

/* Returns whether there is anything to be written. */
static bool remove_notes(struct notes *notes, const struct untracked *device)
{
	bool found = !notes->is_understood && has_name(notes, device);
	unsigned nr = 0;

	for (unsigned i = 0; notes->is_understood && i < notes->nr; i++) {
		struct note *note = &notes->notes[i];

		if (is_of(notes, i, device)) {
			found = true;
			if (has_metadata(note, device->metadata))
				continue;
			keep_refusing(note, device->origin);
		}
		notes_move(notes, i, nr++);
	}
	notes->nr = nr;
	return found;
}

static int forget(struct notes *notes, void *ctx)
{
	const struct forgetting *f = ctx;

	if (remove_notes(notes, f->device) && notes_write(notes, f->rep))
		report_note(f->rep,
			    "%s/%s%s: cannot remove: all blocks will count as written once more "
			    "when the target starts again",
			    notes->place->dir, notes->name, notes->place->suffix);
	return 0;
}

void untracked_forget(const struct untracked *device, const struct report *rep)
{
	struct forgetting f = {device, rep};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (notes_each(&places[i], forget, &f))
			report_note(rep,
				    "%s: cannot be read: what it says of devices that were there "
				    "without their targets stays",
				    places[i].dir);
}

typedef bool note_test(const struct note *note, const char *path);

struct refusal {
	const char *path; /* of the metadata, or of the origin */
	note_test *test;
	const struct report *rep;
	int r;
};

static int refuse_unknown(const struct refusal *refusal, const struct notes *notes)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: there is no list, since %s/%s%s"
		" is not understood, which may say that the device of these metadata was "
		"there without its target: start that by " ERA_PROGRAM
		" setup activate %s, or remove the file if there is no such device",
		refusal->path, notes->place->dir, notes->name, notes->place->suffix, notes->name);
}

static int refuse_noted(const struct refusal *refusal, const struct note *note, const char *name)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: the device %s was there without its target since %s, and what was written "
		"then is in no list: %s" ERA_PROGRAM " setup activate %s has started it again",
		refusal->path, name, note->since,
		is_tracked_again(note) ? "with other metadata, "
				       : "all blocks count as written when ",
		name);
}

static int refuse(struct notes *notes, void *ctx)
{
	struct refusal *refusal = ctx;

	if (!notes->is_understood)
		refusal->r = refuse_unknown(refusal, notes);
	for (unsigned i = 0; i < notes->nr && !refusal->r; i++)
		if (refusal->test(&notes->notes[i], refusal->path))
			refusal->r = refuse_noted(refusal, &notes->notes[i], notes->name);
	return refusal->r;
}

static int refuse_unreadable(const struct refusal *refusal, const char *dir, int error)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: there is no list, since %s cannot be read: %s; it may be noted there that the "
		"device of these metadata was there without its target: make it a directory that "
		"you can read, as by chmod 755",
		refusal->path, dir, strerror(error));
}

static int refuse_by(struct refusal *refusal)
{
	int error;

	for (unsigned i = 0; i < ARRAY_SIZE(places) && !refusal->r; i++) {
		error = notes_each(&places[i], refuse, refusal);
		if (error && !refusal->r)
			refusal->r = refuse_unreadable(refusal, places[i].dir, error);
	}
	return refusal->r;
}

static int refuse_marked(const char *metadata, const struct report *rep)
{
	char since[UNTRACKED_SINCE_BYTES];
	struct blk_dev dev;
	int r = blk_dev_open(&dev, metadata, BLK_READ_SHARED, rep);

	if (r)
		return r;
	r = untracked_mark_read(&dev, since);
	blk_dev_close(&dev);
	return r <= 0 ? r
		      : report_fail(rep, ERA_NO_ANSWER,
				    "%s: the device of these metadata was there without its target "
				    "since %s, and what was written then is in no list: all blocks "
				    "count as written when " ERA_PROGRAM
				    " setup activate has started it again, or after " ERA_PROGRAM
				    " mark --all",
				    metadata, since);
}

int untracked_refuse(const char *metadata, const struct report *rep)
{
	struct refusal refusal = {metadata, has_metadata, rep, 0};
	int r = refuse_by(&refusal);

	return r ? r : refuse_marked(metadata, rep);
}

int untracked_refuse_origin(const char *origin, const struct report *rep)
{
	struct refusal refusal = {origin, has_origin, rep, 0};

	return refuse_by(&refusal);
}
