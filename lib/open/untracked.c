/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/untracked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/replacement.h"
#include "base/state_directory.h"

#define PATH_BYTES 320u
#define NUMBERS_BYTES 32u
#define SUFFIX ".untracked"
#define NOTE_LINES 4u
#define TRACKED_AGAIN "-"
#define UNKNOWN_TIME "an unknown time"
#define TEXT_BYTES (UNTRACKED_SINCE_BYTES + 2 * PATH_MAX + NUMBERS_BYTES)

struct note {
	char name[NAME_MAX + 1];
	char since[UNTRACKED_SINCE_BYTES];
	char metadata[PATH_MAX], origin[PATH_MAX]; /* "": unknown */
	char numbers[NUMBERS_BYTES];		   /* of the metadata device */
};

static void find_path(const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, STATE_DIRECTORY "/%s" SUFFIX, name);
}

/* A line of the text, which is moved behind it. */
static void take_line(char **text, char *to, size_t size)
{
	const char *line = strsep(text, "\n");

	snprintf(to, size, "%s", line ? line : "");
}

static bool has_lines(const char *text, unsigned nr)
{
	while (nr && (text = strchr(text, '\n'))) {
		text++;
		nr--;
	}
	return !nr;
}

/* false: there is none.  One that is not understood has no metadata. */
static bool read_note(const char *name, struct note *note)
{
	char path[PATH_BYTES], text[TEXT_BYTES] = "", *rest = text;
	ssize_t n;
	int fd;

	*note = (struct note){.since = UNKNOWN_TIME};
	snprintf(note->name, sizeof(note->name), "%s", name);
	find_path(name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT && errno != ENOTDIR;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || !has_lines(text, NOTE_LINES))
		return true;
	take_line(&rest, note->since, sizeof(note->since));
	take_line(&rest, note->metadata, sizeof(note->metadata));
	take_line(&rest, note->origin, sizeof(note->origin));
	take_line(&rest, note->numbers, sizeof(note->numbers));
	return true;
}

static int write_note(const struct note *note, const struct report *rep)
{
	char path[PATH_BYTES], text[TEXT_BYTES];
	int len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n", note->since, note->metadata,
			   note->origin, note->numbers);

	find_path(note->name, path);
	return replacement_write(path, text, (size_t)len, rep);
}

static void print_numbers(const char *path, char numbers[NUMBERS_BYTES])
{
	struct stat st;

	*numbers = '\0';
	if (!stat(path, &st) && S_ISBLK(st.st_mode))
		snprintf(numbers, NUMBERS_BYTES, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
}

/* A path that leads nowhere may be of the same device, which has another name now, or whose links
 * udev has not made yet. */
static bool is_same(const char *path, const char *noted, const char *noted_numbers)
{
	char numbers[NUMBERS_BYTES];
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
	return !strcmp(note->origin, TRACKED_AGAIN);
}

static bool has_origin(const struct note *note, const char *origin)
{
	return !is_tracked_again(note) && is_same(origin, note->origin, "");
}

static bool is_of(const struct note *note, const struct untracked *device)
{
	return has_metadata(note, device->metadata) || has_origin(note, device->origin) ||
	       (!is_tracked_again(note) && !strcmp(note->name, device->name));
}

/* Returns 1 to end the walk. */
typedef int note_fn(const struct note *note, void *ctx);

static bool take_suffix(char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	if (len <= suffix || strcmp(name + len - suffix, SUFFIX))
		return false;
	name[len - suffix] = '\0';
	return true;
}

/* false: nobody can say which there are. */
static bool each_note(note_fn *each, void *ctx)
{
	DIR *dir = opendir(STATE_DIRECTORY);
	struct dirent *entry;
	struct note note;
	int r = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR;
	while (!r && (entry = readdir(dir)))
		if (take_suffix(entry->d_name) && read_note(entry->d_name, &note))
			r = each(&note, ctx);
	closedir(dir);
	return true;
}

struct question {
	const struct untracked *device;
	char *since;
	bool was;
};

static int compare(const struct note *note, void *ctx)
{
	struct question *q = ctx;

	q->was = is_of(note, q->device);
	if (q->was)
		memcpy(q->since, note->since, sizeof(note->since));
	return q->was;
}

bool untracked_since(const struct untracked *device, char since[UNTRACKED_SINCE_BYTES])
{
	struct question q = {.device = device, .since = since};

	strcpy(since, UNKNOWN_TIME);
	return !each_note(compare, &q) || q.was;
}

static void describe(const struct untracked *device, struct note *note)
{
	time_t clock = time(NULL);
	struct tm tm;

	*note = (struct note){.since = ""};
	if (gmtime_r(&clock, &tm))
		strftime(note->since, sizeof(note->since), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(note->name, sizeof(note->name), "%s", device->name);
	snprintf(note->metadata, sizeof(note->metadata), "%s", device->metadata);
	snprintf(note->origin, sizeof(note->origin), "%s", device->origin);
	print_numbers(device->metadata, note->numbers);
}

int untracked_note(const struct untracked *device, const struct report *rep)
{
	char since[UNTRACKED_SINCE_BYTES];
	struct note note;
	int r;

	if (untracked_since(device, since))
		return 0;
	r = state_directory_make(rep);
	if (r)
		return r;
	errno = io_flush_directory(STATE_DIRECTORY);
	if (errno)
		return report_errno(rep, STATE_DIRECTORY, "cannot flush its directory");
	describe(device, &note);
	return write_note(&note, rep);
}

struct forgetting {
	const struct untracked *device;
	const struct report *rep;
};

/* Other metadata than those that have all blocks now never will. */
static bool keep_refusing(struct note note, const struct report *rep)
{
	strcpy(note.origin, TRACKED_AGAIN);
	*note.numbers = '\0';
	return !write_note(&note, rep);
}

static bool drop(const struct note *note)
{
	char path[PATH_BYTES];

	find_path(note->name, path);
	return !unlink(path) && !io_flush_directory(path);
}

static int forget(const struct note *note, void *ctx)
{
	const struct forgetting *f = ctx;
	bool is_last;

	if (!is_of(note, f->device))
		return 0;
	is_last = !*note->metadata || has_metadata(note, f->device->metadata);
	if (is_last ? !drop(note) : !keep_refusing(*note, f->rep))
		report_note(f->rep,
			    STATE_DIRECTORY
			    "/%s" SUFFIX
			    ": cannot remove: all blocks will count as written once more when the "
			    "target starts again",
			    note->name);
	return 0;
}

void untracked_forget(const struct untracked *device, const struct report *rep)
{
	struct forgetting f = {device, rep};

	each_note(forget, &f);
}

struct refusal {
	const char *path; /* of the metadata, or of the origin */
	const struct report *rep;
	int r;
};

static int refuse_unknown(const struct refusal *refusal, const char *name)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: there is no list, since " STATE_DIRECTORY "/%s" SUFFIX
		" is not understood, which may say that the device of these metadata was "
		"there without its target: start that by " ERA_PROGRAM
		" setup activate %s, or remove the file if there is no such device",
		refusal->path, name, name);
}

static int refuse_noted(const struct refusal *refusal, const struct note *note)
{
	return report_fail(
		refusal->rep, ERA_NO_ANSWER,
		"%s: the device %s was there without its target since %s, and what was written "
		"then is in no list: %s" ERA_PROGRAM " setup activate %s has started it again",
		refusal->path, note->name, note->since,
		is_tracked_again(note) ? "with other metadata, "
				       : "all blocks count as written when ",
		note->name);
}

static int refuse(const struct note *note, void *ctx)
{
	struct refusal *refusal = ctx;

	if (!*note->metadata)
		refusal->r = refuse_unknown(refusal, note->name);
	else if (has_metadata(note, refusal->path))
		refusal->r = refuse_noted(refusal, note);
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
	struct refusal refusal = {.path = metadata, .rep = rep};

	each_note(refuse, &refusal);
	return refusal.r ? refusal.r : refuse_marked(metadata, rep);
}

static int refuse_note_of_origin(const struct note *note, void *ctx)
{
	struct refusal *refusal = ctx;

	if (has_origin(note, refusal->path))
		refusal->r = refuse_noted(refusal, note);
	return refusal->r;
}

int untracked_refuse_origin(const char *origin, const struct report *rep)
{
	struct refusal refusal = {.path = origin, .rep = rep};

	each_note(refuse_note_of_origin, &refusal);
	return refusal.r;
}
