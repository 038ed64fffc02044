/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <errno.h>
#include <string.h>

#include "base/state_directory.h"
#include "open/untracked_internal.h"

struct question {
	const struct untracked *device;
	char *since;
	bool was;
};

static int compare(struct notes *notes, void *ctx)
{
	struct question *q = ctx;

	q->was = !notes->is_understood && untracked_has_name(notes, q->device);
	for (unsigned i = 0; notes->is_understood && i < notes->nr && !q->was; i++) {
		q->was = untracked_is_of(notes, i, q->device);
		if (q->was)
			memcpy(q->since, notes->notes[i].since, UNTRACKED_SINCE_BYTES);
	}
	return q->was;
}

bool untracked_since(const struct untracked *device, char since[UNTRACKED_SINCE_BYTES])
{
	struct question q = {.device = device, .since = since};

	strcpy(since, UNTRACKED_UNKNOWN_TIME);
	for (unsigned i = 0; i < UNTRACKED_PLACES && !q.was; i++)
		if (notes_each(&untracked_places[i], compare, &q))
			return true;
	return q.was;
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
		"there without its target: remove it when all blocks count as written in all "
		"metadata that it may be of, as after " ERA_PROGRAM " setup mark",
		refusal->path, notes->place->dir, notes->name, notes->place->suffix);
}

static int refuse_noted(const struct refusal *refusal, const struct note *note, const char *name)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: the device %s was there without its target since %s, and what was written "
		"then is in no list: %s" ERA_PROGRAM " setup activate %s has started it again",
		refusal->path, name, note->since,
		untracked_is_tracked_again(note) ? "with other metadata, "
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

/* Not by a failure of the system, but by what somebody has made of it. */
static bool is_shut(int error)
{
	return error == EACCES || error == EPERM || error == ENOTDIR || error == ENOENT ||
	       error == ELOOP;
}

static int refuse_unreadable(const struct refusal *refusal, const char *dir, int error)
{
	return report_fail(
		refusal->rep, is_shut(error) ? ERA_NO_ANSWER : ERA_SYS,
		"%s: there is no list, since %s cannot be read: %s; it may be noted there that the "
		"device of these metadata was there without its target: make it a directory that "
		"you can read, as by chmod 755",
		refusal->path, dir, strerror(error));
}

static int refuse_by(struct refusal *refusal)
{
	int error;

	for (unsigned i = 0; i < UNTRACKED_PLACES && !refusal->r; i++) {
		error = notes_each(&untracked_places[i], refuse, refusal);
		if (error && !refusal->r)
			refusal->r = refuse_unreadable(refusal, untracked_places[i].dir, error);
	}
	return refusal->r;
}

static int refuse_marked(struct blk_dev *dev)
{
	char since[UNTRACKED_SINCE_BYTES];
	int r = untracked_mark_read(dev, since);

	return r <= 0 ? r
		      : report_fail(dev->rep, ERA_NO_ANSWER,
				    "%s: the device of these metadata was there without its target "
				    "since %s, and what was written then is in no list: all blocks "
				    "count as written when " ERA_PROGRAM
				    " setup activate has started it again, or after " ERA_PROGRAM
				    " mark --all",
				    dev->path, since);
}

int untracked_refuse_dev(struct blk_dev *dev)
{
	struct refusal refusal = {dev->path, untracked_has_metadata, dev->rep, 0};
	int r = refuse_by(&refusal);

	return r ? r : refuse_marked(dev);
}

static void note_error(void *ctx, const char *text)
{
	const struct blk_dev *dev = ctx;

	report_note(dev->rep, "%s", text);
}

bool untracked_is_refused(struct blk_dev *dev)
{
	const struct report rep = {.ctx = dev, .error = note_error};
	struct blk_dev noting = *dev;

	noting.rep = &rep;
	return untracked_refuse_dev(&noting);
}

int untracked_refuse(const char *metadata, const struct report *rep)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, metadata, BLK_READ_SHARED, rep);

	if (r)
		return r;
	r = untracked_refuse_dev(&dev);
	blk_dev_close(&dev);
	return r;
}

int untracked_refuse_origin(const char *origin, const struct report *rep)
{
	struct refusal refusal = {origin, untracked_has_origin, rep, 0};

	return refuse_by(&refusal);
}

bool untracked_is_noted(const char *metadata)
{
	const struct report nobody = {.ctx = NULL};
	struct refusal refusal = {metadata, untracked_has_metadata, &nobody, 0};

	return refuse_by(&refusal);
}
