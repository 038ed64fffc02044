/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a rollback has done, for the next run after one that was stopped; doc/state.md has the
 * format.
 *
 * The tables in it have numbers of devices, which another boot may give to others, so they are used
 * during the boot only in which they were written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/io.h"
#include "base/sink.h"
#include "base/state_directory.h"
#include "era_rollback/rollback.h"

#define FIRST_LINE "era-tools rollback 1"
#define BOOT_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_BYTES 64u
#define DIRECTORY_MODE 0755
#define LOCK_MS 2000
#define TURN_MS 20

static const char *const names[NR_STEPS] = {
	[STEP_NONE] = "none",	    [STEP_STOPPING] = "stopping", [STEP_READY] = "prepared",
	[STEP_COMMAND] = "command", [STEP_DONE] = "done",
};

const char *progress_name(enum rollback_step step)
{
	return names[step];
}

const char *progress_advice(const struct rollback *r)
{
	static const char *const advice[NR_STEPS] = {
		[STEP_NONE] = "there is none",
		[STEP_STOPPING] = "nothing has been changed: run it again, or put the devices back "
				  "by --cancel",
		[STEP_READY] = "the storage has not been rolled back: run it again, or put the "
			       "devices back by --cancel",
		[STEP_COMMAND] =
			"the command was begun: see what has become of the storage; run it again, "
			"with --done if the command has done its work, or put the devices back by "
			"--cancel if it has done nothing",
		[STEP_DONE] = "the storage has been rolled back: run it again, or --cancel, to "
			      "start the devices; if they have been used since, only --cancel "
			      "keeps what was written",
	};

	return advice[r->step];
}

static void read_boot(char boot[BOOT_BYTES])
{
	FILE *from = fopen(BOOT_PATH, "re");

	boot[0] = '\0';
	if (from && fgets(boot, BOOT_BYTES, from))
		boot[strcspn(boot, "\n")] = '\0';
	if (from)
		fclose(from);
}

static void put_layer(struct sink *sink, const char *what, const struct layer *layer)
{
	sink_printf(sink, "%s %s\n%s-uuid %s\n%s-table %" PRIu64 " %s\n%s-discards %s\n", what,
		    layer->name, what, layer->uuid, what, layer->sectors, layer->params, what,
		    layer->no_discards ? "off" : "on");
}

static void put_sampled(struct sink *sink, const char *what, const struct sampled *sampled)
{
	if (sampled->which)
		sink_printf(sink, "%s %016" PRIx64 " %016" PRIx64 "\n", what, sampled->which,
			    sampled->held);
}

static int make_directory(const struct rollback *r)
{
	char *dir = io_directory_of(r->file);
	int e = 0;

	if (!dir)
		return report_nomem(r->rep);
	if (mkdir(dir, DIRECTORY_MODE) && errno != EEXIST)
		e = report_errno(r->rep, dir, "cannot create");
	free(dir);
	return e;
}

/* That a command was begun is known until it has ended well; and that it has ended well, until it
 * is seen that it must be run again. */
static const char *step_in_file(const struct rollback *r, enum rollback_step step)
{
	if (step >= STEP_COMMAND || !(r->resumes || r->has_begun))
		return names[step];
	return names[r->was_done ? STEP_DONE : STEP_COMMAND];
}

/* Of this run, or else of the earlier one. */
static uint32_t marks_in_file(const struct rollback *r)
{
	return r->marked_era ? r->marked_era : r->marks;
}

int progress_write(struct rollback *r, enum rollback_step step)
{
	char boot[BOOT_BYTES];
	struct sink sink;
	int e = sink_open(&sink, r->file, r->rep);

	if (e)
		return e;
	read_boot(boot);
	sink_printf(&sink,
		    FIRST_LINE "\nboot %s\nstep %s\nera %" PRIu32 "\nmarked-era %" PRIu32
			       "\npasses-discards %s\nwas-used %s\n",
		    boot, step_in_file(r, step), rollback_era(r), marks_in_file(r),
		    r->passes_discards ? "yes" : "no", r->was_used ? "yes" : "no");
	put_sampled(&sink, "listed", &r->listed);
	put_sampled(&sink, "unlisted", &r->unlisted);
	put_layer(&sink, "cache", &r->cache);
	put_layer(&sink, "era-device", &r->era);
	sink_printf(
		&sink,
		"cache-metadata-is %s\ncache-data-is %s\nera-metadata-is %s\norigin-is %s\nend\n",
		r->parts[PART_CACHE_METADATA], r->parts[PART_CACHE_DATA],
		r->parts[PART_ERA_METADATA], r->parts[PART_ORIGIN]);
	e = sink_finish(&sink);
	sink_close(&sink);
	if (!e)
		r->step = step;
	return e;
}

/* For good: a file that comes back when the power fails would be taken for a run that was
 * interrupted. */
int progress_forget(struct rollback *r)
{
	if (!unlink(r->file))
		errno = io_flush_directory(r->file);
	if (errno && errno != ENOENT)
		return report_errno(r->rep, r->file, "cannot remove");
	r->step = STEP_NONE;
	return 0;
}

struct found {
	struct rollback *r;
	char boot[BOOT_BYTES], step[16], era[16], marks[16], passes[8], used[8];
	char cache_table[LAYER_PARAMS + 32], era_table[LAYER_PARAMS + 32];
	char cache_discards[8], era_discards[8], listed[40], unlisted[40];
	bool ended;
};

static bool take(struct found *found, const char *key, const char *value)
{
	struct rollback *r = found->r;
	const struct {
		const char *key;
		char *to;
		size_t size;
	} keys[] = {
		{"boot", found->boot, sizeof(found->boot)},
		{"step", found->step, sizeof(found->step)},
		{"era", found->era, sizeof(found->era)},
		{"marked-era", found->marks, sizeof(found->marks)},
		{"passes-discards", found->passes, sizeof(found->passes)},
		{"was-used", found->used, sizeof(found->used)},
		{"listed", found->listed, sizeof(found->listed)},
		{"unlisted", found->unlisted, sizeof(found->unlisted)},
		{"cache", r->cache.name, sizeof(r->cache.name)},
		{"cache-uuid", r->cache.uuid, sizeof(r->cache.uuid)},
		{"cache-table", found->cache_table, sizeof(found->cache_table)},
		{"cache-discards", found->cache_discards, sizeof(found->cache_discards)},
		{"era-device", r->era.name, sizeof(r->era.name)},
		{"era-device-uuid", r->era.uuid, sizeof(r->era.uuid)},
		{"era-device-table", found->era_table, sizeof(found->era_table)},
		{"era-device-discards", found->era_discards, sizeof(found->era_discards)},
		{"cache-metadata-is", r->parts[PART_CACHE_METADATA], PART_ID},
		{"cache-data-is", r->parts[PART_CACHE_DATA], PART_ID},
		{"era-metadata-is", r->parts[PART_ERA_METADATA], PART_ID},
		{"origin-is", r->parts[PART_ORIGIN], PART_ID},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i].key))
			return (size_t)snprintf(keys[i].to, keys[i].size, "%s", value) <
			       keys[i].size;
	return false;
}

static bool read_lines(struct found *found, FILE *from)
{
	bool good = true;
	char *line = NULL;
	size_t size = 0;
	unsigned nr = 0;

	for (; good && !found->ended && getline(&line, &size, from) > 0; nr++) {
		char *value = line;

		line[strcspn(line, "\n")] = '\0';
		if (!nr) {
			good = !strcmp(line, FIRST_LINE);
			continue;
		}
		found->ended = !strcmp(line, "end");
		strsep(&value, " ");
		good = found->ended || (value && take(found, line, value));
	}
	free(line);
	return good && found->ended;
}

static bool take_table(const char *text, struct layer *layer)
{
	char *rest;

	errno = 0;
	layer->sectors = strtoull(text, &rest, 10);
	return !errno && rest != text && *rest == ' ' && layer->sectors &&
	       (size_t)snprintf(layer->params, LAYER_PARAMS, "%s", rest + 1) < LAYER_PARAMS;
}

static bool take_sampled(const char *text, struct sampled *sampled)
{
	return !*text ||
	       sscanf(text, "%16" SCNx64 " %16" SCNx64, &sampled->which, &sampled->held) == 2;
}

static bool take_found(struct found *found)
{
	struct rollback *r = found->r;
	uint64_t era, marks = 0;

	for (unsigned step = STEP_STOPPING; step < NR_STEPS; step++)
		if (!strcmp(found->step, names[step]))
			r->step = (enum rollback_step)step;
	if (r->step == STEP_NONE ||
	    !decimal_parse(found->era, strlen(found->era), UINT32_MAX, &era) ||
	    (*found->marks &&
	     !decimal_parse(found->marks, strlen(found->marks), UINT32_MAX, &marks)) ||
	    !take_table(found->cache_table, &r->cache) || !take_table(found->era_table, &r->era) ||
	    !take_sampled(found->listed, &r->listed) ||
	    !take_sampled(found->unlisted, &r->unlisted))
		return false;
	r->since = (uint32_t)era;
	r->marks = (uint32_t)marks;
	r->has_progress = true;
	r->passes_discards = strcmp(found->passes, "no") != 0;
	r->was_used = !strcmp(found->used, "yes");
	r->cache.no_discards = !strcmp(found->cache_discards, "off");
	r->era.no_discards = !strcmp(found->era_discards, "off");
	return true;
}

static int read_file(struct rollback *r)
{
	struct found *found = calloc(1, sizeof(*found));
	FILE *from = fopen(r->file, "re");
	char boot[BOOT_BYTES];
	bool good = true;

	read_boot(boot);
	if (found && from) {
		found->r = r;
		good = read_lines(found, from) && take_found(found);
		r->is_this_boot = good && *boot && !strcmp(boot, found->boot);
		r->is_trusted = r->is_this_boot;
	}
	if (from)
		fclose(from);
	free(found);
	if (!found)
		return report_nomem(r->rep);
	if (!from && errno != ENOENT)
		return report_errno(r->rep, r->file, "cannot open");
	if (!good)
		return report_fail(
			r->rep, ERA_DAMAGED,
			"%s: is not what an earlier run has written: start the devices by "
			"hand, and remove it",
			r->file);
	return 0;
}

/* What a command that has just ended leaves is gone in a moment. */
static bool lock_in_time(int fd)
{
	int64_t until = clock_ms() + LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (clock_ms() >= until)
			return false;
		poll(NULL, 0, TURN_MS);
	}
	return true;
}

/* One run at a time: the directory is locked, since files in it are replaced.  The command shares
 * the lock, and keeps it if the run is killed. */
static int lock(struct rollback *r)
{
	char *dir = io_directory_of(r->file);

	if (!dir)
		return report_nomem(r->rep);
	r->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock < 0 || lock_in_time(r->lock)) {
		int e = r->lock < 0 ? report_errno(r->rep, dir, "cannot open") : 0;

		free(dir);
		return e;
	}
	free(dir);
	return report_fail(r->rep, ERA_SYS,
			   "%s: another rollback is being done, or the command of one that was "
			   "killed still runs: wait for its end",
			   r->options->path);
}

int progress_read(struct rollback *r)
{
	int e = 0;

	if (r->options->state)
		r->file = strdup(r->options->state);
	else if (asprintf(&r->file, STATE_DIRECTORY "/%s.rollback", r->options->path) < 0)
		r->file = NULL;
	if (!r->file)
		return report_nomem(r->rep);
	if (!r->options->status && !r->options->dry_run)
		e = make_directory(r);
	if (!e && !r->options->status && !r->options->dry_run)
		e = lock(r);
	return e ? e : read_file(r);
}
