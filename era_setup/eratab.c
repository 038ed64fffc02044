/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/eratab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/replacement.h"
#include "era_setup/device_name.h"
#include "tools/size.h"

#define BLANKS " \t"
#define MAX_BYTES 1048576u
#define SECTOR_BYTES 512u
#define BLOCK_UNIT_SECTORS 8u

struct reader {
	struct eratab *tab;
	const char *path;
	const struct report *rep;
	uint64_t line;
	bool is_wrong; /* the line */
	int r;
};

void eratab_free(struct eratab *tab)
{
	free(tab->entries);
	free(tab->wrong);
	free(tab->text);
	*tab = (struct eratab){0};
}

const struct eratab_entry *eratab_find(const struct eratab *tab, const char *name)
{
	for (unsigned i = 0; i < tab->nr; i++)
		if (!strcmp(tab->entries[i].name, name))
			return &tab->entries[i];
	return NULL;
}

bool eratab_is_wrong(const struct eratab *tab, const char *name)
{
	for (unsigned i = 0; i < tab->nr_wrong; i++)
		if (!strcmp(tab->wrong[i], name))
			return true;
	return false;
}

const char *eratab_refuse(const struct eratab_entry *entry, const char **what)
{
	const char *why = device_refuse_name(entry->name);
	const char *const devices[] = {entry->origin, entry->metadata};

	*what = entry->name;
	for (unsigned i = 0; !why && i < ARRAY_SIZE(devices); i++) {
		*what = devices[i];
		why = device_refuse(devices[i]);
	}
	if (why)
		return why;
	*what = entry->origin;
	if (!strcmp(entry->origin, entry->metadata))
		return "is both the origin and the device for the metadata";
	if (!strcmp(entry->origin, entry->name))
		return "is the tracked device itself, wanted its origin";
	return NULL;
}

static void refuse(struct reader *reader, const char *what, const char *why)
{
	reader->is_wrong = true;
	reader->r = report_fail(reader->rep, ERA_DAMAGED, "%s: line %" PRIu64 ": '%s' %s",
				reader->path, reader->line, what, why);
}

static bool take_block_size(const char *word, uint32_t *sectors)
{
	const uint64_t unit = (uint64_t)BLOCK_UNIT_SECTORS * SECTOR_BYTES;
	uint64_t bytes;

	if (size_parse(word, &bytes) != SIZE_OK || !bytes || bytes % unit ||
	    bytes / SECTOR_BYTES > UINT32_MAX)
		return false;
	*sectors = (uint32_t)(bytes / SECTOR_BYTES);
	return true;
}

static const struct {
	const char *word;
	size_t member;
} options[] = {
	{"discards=pass", offsetof(struct eratab_entry, pass_discards)},
	{"degraded", offsetof(struct eratab_entry, degraded)},
	{"noauto", offsetof(struct eratab_entry, noauto)},
	{"_netdev", offsetof(struct eratab_entry, netdev)},
};

static bool take_option(const char *word, struct eratab_entry *entry)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(word, options[i].word)) {
			*(bool *)((char *)entry + options[i].member) = true;
			return true;
		}
	return false;
}

static void take_options(struct reader *reader, char *words, struct eratab_entry *entry)
{
	char *word;

	if (!strcmp(words, "-"))
		return;
	while ((word = strsep(&words, ",")))
		if (!take_option(word, entry))
			refuse(reader, word,
			       "is no option; there are discards=pass, degraded, noauto and "
			       "_netdev");
}

const char *eratab_options(const struct eratab_entry *entry, char text[ERATAB_OPTIONS_BYTES])
{
	size_t len = 0;

	snprintf(text, ERATAB_OPTIONS_BYTES, "-");
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (*(const bool *)((const char *)entry + options[i].member))
			len += (size_t)snprintf(text + len, ERATAB_OPTIONS_BYTES - len, "%s%s",
						len ? "," : "", options[i].word);
	return text;
}

static void take_fields(struct reader *reader, char *fields[5], struct eratab_entry *entry)
{
	const char *what, *why;

	entry->name = fields[0];
	entry->origin = fields[1];
	entry->metadata = fields[2];
	why = eratab_refuse(entry, &what);
	if (why)
		refuse(reader, what, why);
	if (!take_block_size(fields[3], &entry->block_sectors))
		refuse(reader, fields[3],
		       "is no block size, wanted a positive multiple of 4k, such as 64k");
	if (fields[4])
		take_options(reader, fields[4], entry);
}

const char *eratab_find_device(const struct eratab *tab, const char *device)
{
	for (unsigned i = 0; i < tab->nr; i++)
		if (!strcmp(tab->entries[i].origin, device) ||
		    !strcmp(tab->entries[i].metadata, device))
			return tab->entries[i].name;
	return NULL;
}

static const char *device_of_two(const struct eratab *tab, const struct eratab_entry *entry)
{
	if (eratab_find_device(tab, entry->origin))
		return entry->origin;
	return eratab_find_device(tab, entry->metadata) ? entry->metadata : NULL;
}

static void take_entry(struct reader *reader, char *fields[5])
{
	struct eratab *tab = reader->tab;
	struct eratab_entry entry = {.line = reader->line};
	const char *device;

	take_fields(reader, fields, &entry);
	device = device_of_two(tab, &entry);
	if (eratab_find(tab, entry.name))
		refuse(reader, entry.name, "is the name of an earlier line, too");
	else if (device)
		refuse(reader, device, "belongs to an earlier line, too");
	if (!reader->is_wrong)
		tab->entries[tab->nr++] = entry;
}

static void take_line(struct reader *reader, char *line)
{
	char *fields[5] = {NULL}, *word;
	unsigned nr = 0;

	if (*line == '#')
		return;
	while ((word = strsep(&line, BLANKS))) {
		if (!*word)
			continue;
		if (nr == ARRAY_SIZE(fields)) {
			refuse(reader, word, "is one field too many, wanted four or five");
			return;
		}
		fields[nr++] = word;
	}
	if (nr && nr < 4)
		refuse(reader, fields[0],
		       "has too few fields behind it, wanted NAME ORIGIN METADATA BLOCK-SIZE "
		       "[OPTIONS]");
	else if (nr)
		take_entry(reader, fields);
}

/* The name of a wrong line is known, so that nobody takes it for a line that isn't there. */
static void take_wrong_name(struct eratab *tab, char *line)
{
	const char *name = strsep(&line, BLANKS);

	if (!device_refuse_name(name) && !eratab_find(tab, name) && !eratab_is_wrong(tab, name))
		tab->wrong[tab->nr_wrong++] = name;
}

static int take_lines(struct reader *reader, char *text, size_t size)
{
	struct eratab *tab = reader->tab;
	char *line, *words;
	unsigned nr = 1;

	for (size_t i = 0; i < size; i++)
		nr += text[i] == '\n';
	tab->entries = calloc(nr, sizeof(*tab->entries));
	tab->wrong = calloc(nr, sizeof(*tab->wrong));
	if (!tab->entries || !tab->wrong)
		return report_nomem(reader->rep);
	while ((line = strsep(&text, "\n"))) {
		reader->line++;
		reader->is_wrong = false;
		words = line + strspn(line, BLANKS);
		take_line(reader, line);
		if (reader->is_wrong)
			take_wrong_name(tab, words);
	}
	return reader->r;
}

static int read_text(int fd, const struct stat *st, const char *path, char **text,
		     const struct report *rep)
{
	size_t size = (size_t)st->st_size;

	if (!S_ISREG(st->st_mode) || st->st_size > MAX_BYTES)
		return report_fail(rep, ERA_SYS, "%s: is no file of at most %u bytes", path,
				   MAX_BYTES);
	*text = calloc(1, size + 1);
	if (!*text)
		return report_nomem(rep);
	errno = io_read_at(fd, *text, size, 0);
	if (errno)
		return report_errno(rep, path, "cannot read");
	if (memchr(*text, '\0', size))
		return report_fail(rep, ERA_DAMAGED, "%s: is no text: it holds a zero byte", path);
	return 0;
}

static int read_lines(struct eratab *tab, const char *path, const struct report *rep,
		      bool only_good)
{
	struct reader reader = {.tab = tab, .path = path, .rep = rep};
	struct stat st;
	int r, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*tab = (struct eratab){0};
	if (fd < 0)
		return errno == ENOENT ? 0 : report_errno(rep, path, "cannot open");
	if (fstat(fd, &st))
		r = report_errno(rep, path, "cannot open");
	else
		r = read_text(fd, &st, path, &tab->text, rep);
	close(fd);
	if (!r)
		r = take_lines(&reader, tab->text, (size_t)st.st_size);
	if (r == ERA_DAMAGED && only_good && tab->wrong) {
		tab->has_wrong = true;
		r = 0;
	}
	if (r)
		eratab_free(tab);
	return r;
}

int eratab_read(struct eratab *tab, const char *path, const struct report *rep)
{
	return read_lines(tab, path, rep, false);
}

int eratab_read_good(struct eratab *tab, const char *path, const struct report *rep)
{
	return read_lines(tab, path, rep, true);
}

int eratab_lock(const char *path, const struct report *rep)
{
	char *dir = io_directory_of(path);
	int fd;

	if (!dir)
		return report_nomem(rep);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return report_errno(rep, path, "cannot open its directory");
	if (!flock(fd, LOCK_EX))
		return fd;
	close(fd);
	return report_errno(rep, path, "cannot lock its directory");
}

/* What the table holds; free() it.  A table that isn't there holds nothing. */
static int read_old(const char *path, char **text, const struct report *rep)
{
	struct stat st;
	int r, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*text = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : report_errno(rep, path, "cannot open");
	r = fstat(fd, &st) ? report_errno(rep, path, "cannot open")
			   : read_text(fd, &st, path, text, rep);
	close(fd);
	return r;
}

static void print_entry(FILE *to, const struct eratab_entry *entry)
{
	char text[ERATAB_OPTIONS_BYTES];

	fprintf(to, "%s %s %s %" PRIu32 "k %s\n", entry->name, entry->origin, entry->metadata,
		entry->block_sectors / 2, eratab_options(entry, text));
}

enum change { CHANGE_PUT, CHANGE_REMOVE };

/* All lines as they were, but for the one of the entry; line 0 is a new one at the end. */
static void print_lines(FILE *to, char *text, const struct eratab_entry *entry, enum change change)
{
	uint64_t nr = 0;
	char *line;

	while ((line = strsep(&text, "\n")) && (text || *line))
		if (++nr != entry->line)
			fprintf(to, "%s\n", line);
		else if (change == CHANGE_PUT)
			print_entry(to, entry);
	if (!entry->line)
		print_entry(to, entry);
}

static int put(const char *path, const struct eratab_entry *entry, enum change change,
	       const struct report *rep)
{
	char *old, *made = NULL;
	size_t size;
	FILE *to;
	int r = read_old(path, &old, rep);

	if (r)
		return r;
	to = open_memstream(&made, &size);
	if (to)
		print_lines(to, old, entry, change);
	free(old);
	if (!to || fclose(to)) {
		free(made);
		return report_nomem(rep);
	}
	r = replacement_write(path, made, size, rep);
	free(made);
	return r;
}

int eratab_put(const char *path, const struct eratab_entry *entry, const struct report *rep)
{
	return put(path, entry, CHANGE_PUT, rep);
}

int eratab_remove(const char *path, const struct eratab_entry *entry, const struct report *rep)
{
	return put(path, entry, CHANGE_REMOVE, rep);
}
