/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "open/notes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/replacement.h"

#define PATH_BYTES 320u
#define NOTE_LINES 4u
#define NOTE_BYTES (sizeof(struct note) + NOTE_LINES)
#define MAX_NOTES 1000u
#define MODE 0644

static void find_path(const struct notes_place *place, const char *name, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/%s%s", place->dir, name, place->suffix);
}

/* A text of a regular file, or NULL. */
static char *read_all(int fd)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > (off_t)(MAX_NOTES * NOTE_BYTES))
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (text &&
	    (io_read_at(fd, text, (size_t)st.st_size, 0) || strlen(text) != (size_t)st.st_size)) {
		free(text);
		text = NULL;
	}
	return text;
}

static unsigned count_lines(const char *text)
{
	unsigned nr = 0;

	for (; (text = strchr(text, '\n')); text++)
		nr++;
	return nr;
}

/* Moves the text behind its first line. */
static bool take_line(char **text, char *to, size_t size)
{
	const char *line = strsep(text, "\n");
	size_t len = line ? strlen(line) : size;

	if (len >= size)
		return false;
	memcpy(to, line, len + 1);
	return true;
}

static bool take_note(char **text, struct note *note)
{
	return take_line(text, note->since, sizeof(note->since)) &&
	       take_line(text, note->metadata, sizeof(note->metadata)) &&
	       take_line(text, note->origin, sizeof(note->origin)) &&
	       take_line(text, note->numbers, sizeof(note->numbers)) && *note->metadata;
}

static bool parse(struct notes *notes, char *text)
{
	unsigned lines = count_lines(text);

	if (!lines || lines % NOTE_LINES || text[strlen(text) - 1] != '\n')
		return false;
	notes->notes = calloc(lines / NOTE_LINES + 1, sizeof(*notes->notes));
	if (!notes->notes)
		return false;
	for (; notes->nr < lines / NOTE_LINES; notes->nr++)
		if (!take_note(&text, &notes->notes[notes->nr]))
			return false;
	return true;
}

static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st) || errno != ENOENT;
}

bool notes_read(struct notes *notes, const struct notes_place *place, const char *name)
{
	char path[PATH_BYTES], *text;
	int fd;

	*notes = (struct notes){.place = place};
	snprintf(notes->name, sizeof(notes->name), "%s", name);
	find_path(place, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return is_there(path);
	text = read_all(fd);
	close(fd);
	notes->is_understood = text && parse(notes, text);
	free(text);
	if (!notes->is_understood)
		notes->nr = 0;
	return true;
}

static int write_all(const struct notes *notes, const char *path, const struct report *rep)
{
	char *text = calloc(notes->nr, NOTE_BYTES);
	size_t len = 0;
	int r;

	if (!text)
		return report_nomem(rep);
	for (unsigned i = 0; i < notes->nr; i++) {
		const struct note *note = &notes->notes[i];

		len += (size_t)snprintf(text + len, NOTE_BYTES, "%s\n%s\n%s\n%s\n", note->since,
					note->metadata, note->origin, note->numbers);
	}
	r = replacement_write(path, text, len, rep);
	free(text);
	if (!r && chmod(path, MODE))
		r = report_errno(rep, path, "cannot let everybody read it");
	return r;
}

static int drop(const char *path, const struct report *rep)
{
	if (unlink(path))
		return report_errno(rep, path, "cannot remove");
	errno = io_flush_directory(path);
	return errno ? report_errno(rep, path, "cannot flush its directory") : 0;
}

int notes_write(const struct notes *notes, const struct report *rep)
{
	char path[PATH_BYTES];

	find_path(notes->place, notes->name, path);
	return notes->nr ? write_all(notes, path, rep) : drop(path, rep);
}

void notes_move(struct notes *notes, unsigned from, unsigned to)
{
	if (from != to)
		notes->notes[to] = notes->notes[from];
}

void notes_free(struct notes *notes)
{
	free(notes->notes);
	notes->notes = NULL;
}

static bool take_suffix(char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	if (len <= suffix_len || strcmp(name + len - suffix_len, suffix))
		return false;
	name[len - suffix_len] = '\0';
	return true;
}

static int look_at(const struct notes_place *place, const char *name, notes_fn *each, void *ctx)
{
	struct notes notes;
	int r;

	if (!notes_read(&notes, place, name))
		return 0;
	r = each(&notes, ctx);
	notes_free(&notes);
	return r;
}

/* Returns 0, or a positive errno. */
static int walk(DIR *dir, const struct notes_place *place, notes_fn *each, void *ctx)
{
	struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)); errno = 0)
		if (take_suffix(entry->d_name, place->suffix) &&
		    look_at(place, entry->d_name, each, ctx))
			return 0;
	return errno;
}

/* Of a path that leads nowhere: 0 if nothing is there, or why else it does, as by a link. */
static int why_nowhere(const char *path)
{
	char *part = strdup(path), *slash;
	int error = part ? 0 : ENOMEM;
	struct stat st;

	while (!error && *part && lstat(part, &st)) {
		error = errno == ENOENT ? 0 : errno;
		slash = strrchr(part, '/');
		*(slash ? slash : part) = '\0';
	}
	if (!error && *part && !S_ISDIR(st.st_mode) && stat(part, &st))
		error = errno;
	free(part);
	return error;
}

int notes_each(const struct notes_place *place, notes_fn *each, void *ctx)
{
	DIR *dir = opendir(place->dir);
	int error = errno;

	if (!dir)
		return error == ENOENT ? why_nowhere(place->dir) : error;
	error = walk(dir, place, each, ctx);
	closedir(dir);
	return error;
}
