/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The two devices: found, stopped, and started as they were. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/text.h"
#include "era_rollback/rollback.h"
#include "era_setup/discards.h"

static int take_target(struct rollback *r, struct layer *layer, const char *type,
		       const struct mapper_table *table)
{
	const struct mapper_target *target = table->targets;

	if (table->nr != 1 || strcmp(target->type, type))
		return report_fail(r->rep, ERA_SYS, "%s: its table is not one target %s",
				   layer->name, type);
	if (strlen(target->params) >= LAYER_PARAMS)
		return report_fail(r->rep, ERA_SYS, "%s: its table is too long", layer->name);
	layer->sectors = target->sectors;
	strcpy(layer->params, target->params);
	return 0;
}

static int read_active(struct rollback *r, struct layer *layer, const char *type)
{
	struct mapper_table table = {0};
	int e = mapper_table(r->mapper, layer->name, &table);

	if (!e)
		e = take_target(r, layer, type, &table);
	mapper_table_free(&table);
	return e;
}

/* Nobody may use the cache, and nothing but the cache the era device. */
static int check_use(const struct rollback *r, const struct layer *layer,
		     const struct mapper_info *info, int32_t users)
{
	if (info->suspended || info->has_loaded || !info->has_table)
		return report_fail(r->rep, ERA_SYS,
				   "%s: is suspended, or has a table that was loaded and is not in "
				   "use: resume it by " ERA_PROGRAM " ctl %s resume",
				   layer->name, layer->name);
	if (info->open_count > users)
		return report_fail(r->rep, ERA_SYS,
				   "%s: is in use: unmount it, and stop what uses it", layer->name);
	return 0;
}

/* What a run leaves that was killed between two requests: a device that is not in use yet, or a
 * table that was loaded to clean the cache.  A cache whose table was loaded is resumed: removed, it
 * would count as crashed, and all of it as dirty.  Without an error, info is what is there then. */
static int mend(struct rollback *r, const struct layer *layer, struct mapper_info *info)
{
	bool was_killed = r->has_progress && r->is_trusted;
	int e = 0;

	if (!was_killed || r->options->dry_run || !info->exists || info->suspended)
		return 0;
	if (!info->has_table && info->has_loaded) {
		e = mapper_resume(r->mapper, layer->name, MAPPER_WITH_UDEV);
		info->has_loaded = false;
		info->has_table = true;
	} else if (!info->has_table) {
		e = mapper_remove(r->mapper, layer->name, MAPPER_WITH_UDEV);
		info->exists = false;
	} else if (info->has_loaded && layer == &r->cache) {
		e = mapper_clear(r->mapper, layer->name);
		info->has_loaded = false;
	}
	return e;
}

static int look(struct rollback *r, struct layer *layer, int32_t users)
{
	struct mapper_info info;
	int e = mapper_info(r->mapper, layer->name, &info);

	if (!e)
		e = mend(r, layer, &info);
	if (e)
		return e;
	layer->active = info.exists;
	if (!info.exists)
		return 0;
	memcpy(layer->uuid, info.uuid, sizeof(layer->uuid));
	layer->had_no_discards = layer->no_discards && r->is_trusted;
	layer->no_discards = discards_look(&info) == DISCARDS_OFF;
	return check_use(r, layer, &info, users);
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static int check_status(struct rollback *r, const struct mapper_table *status)
{
	const char *text = status->nr == 1 ? status->targets[0].params : "";
	struct cache_status s;

	if (!cache_status_parse(text, &s) || s.needs_check || s.is_read_only)
		return report_fail(r->rep, ERA_SYS,
				   "%s: the cache can't write its metadata: stop it, and see what "
				   "cache_check says of them",
				   r->cache.name);
	r->passes_discards = !has_word(text, "no_discard_passdown") && !r->era.no_discards;
	return 0;
}

static int ask_cache(struct rollback *r)
{
	struct mapper_table status = {0};
	int e = mapper_status(r->mapper, r->cache.name, &status);

	if (!e)
		e = check_status(r, &status);
	mapper_table_free(&status);
	return e;
}

/* The name of the device MAJOR:MINOR, if device mapper has it. */
static bool name_of(const char *numbers, char name[MAPPER_NAME_MAX])
{
	char path[PATH_MAX];
	FILE *from;
	bool found;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/dm/name", numbers);
	from = fopen(path, "re");
	if (!from)
		return false;
	found = fgets(name, MAPPER_NAME_MAX, from) != NULL;
	fclose(from);
	if (found)
		name[strcspn(name, "\n")] = '\0';
	return found && *name;
}

static int parse(struct rollback *r)
{
	if (!cache_table_parse(r->cache.params, &r->cache_table) ||
	    !era_table_parse(r->era.params, &r->era_table))
		return report_fail(r->rep, ERA_SYS, "%s: the tables are not understood: '%s', '%s'",
				   r->cache.name, r->cache.params, r->era.params);
	if (r->cache.sectors > r->era.sectors)
		return report_fail(r->rep, ERA_SYS, "%s: is larger than %s", r->cache.name,
				   r->era.name);
	return 0;
}

static bool cleans(const struct cache_table *table)
{
	return has_word(table->options, "cleaner");
}

/* Does the one clean what has the other as its own? */
static bool cleans_for(const char *found, const char *own)
{
	struct cache_table f, o;

	return cache_table_parse(found, &f) && cache_table_parse(own, &o) && cleans(&f) &&
	       !cleans(&o) && !strcmp(f.metadata, o.metadata) && !strcmp(f.cache, o.cache) &&
	       !strcmp(f.origin, o.origin);
}

/* A run that was killed while it cleaned has left that table in place of the cache's own. */
static int read_cache(struct rollback *r)
{
	struct layer own = r->cache;
	int e = read_active(r, &r->cache, "cache");

	if (e || !r->has_progress || !r->is_trusted || !cleans_for(r->cache.params, own.params))
		return e;
	r->is_cleaning = true;
	strcpy(r->cache.params, own.params);
	return 0;
}

static int find_active(struct rollback *r)
{
	struct cache_table table;
	int e = read_cache(r);

	if (e)
		return e;
	if (!cache_table_parse(r->cache.params, &table) || !name_of(table.origin, r->era.name))
		return report_fail(r->rep, ERA_SYS,
				   "%s: the device below it is not an era device: era must be "
				   "below the cache",
				   r->cache.name);
	e = look(r, &r->era, 1);
	if (!e)
		e = read_active(r, &r->era, "era");
	return e ? e : ask_cache(r);
}

/* Of a path, MAJOR:MINOR; anything else stays as it is. */
static bool put_numbers(const char *word, char *to, size_t size)
{
	struct stat st;

	if (*word != '/')
		return (size_t)snprintf(to, size, "%s", word) < size;
	if (stat(word, &st) || !S_ISBLK(st.st_mode))
		return (size_t)snprintf(to, size, "-") < size;
	return (size_t)snprintf(to, size, "%u:%u", major(st.st_rdev), minor(st.st_rdev)) < size;
}

static bool copy_params(char *text, char params[LAYER_PARAMS])
{
	size_t len = 0;

	for (char *word; (word = strsep(&text, " \n"));) {
		char numbers[LAYER_PARAMS];

		if (!*word)
			continue;
		if (!put_numbers(word, numbers, sizeof(numbers)))
			return false;
		if (len)
			params[len++] = ' ';
		if (len + strlen(numbers) + 1 >= LAYER_PARAMS)
			return false;
		strcpy(params + len, numbers);
		len += strlen(numbers);
	}
	return len;
}

/* NAME: START SECTORS TYPE PARAMS, as dmsetup table prints it. */
static bool take_line(struct rollback *r, char *line)
{
	char *colon = strstr(line, ": "), type[8];
	struct layer *layer;
	uint64_t start, sectors;
	int used = 0;

	if (!colon ||
	    sscanf(colon + 2, "%" SCNu64 " %" SCNu64 " %7s %n", &start, &sectors, type, &used) < 3)
		return true;
	*colon = '\0';
	if (strlen(line) >= MAPPER_NAME_MAX)
		return false;
	if (!strcmp(line, r->options->path) && !strcmp(type, "cache"))
		layer = &r->cache;
	else if (!strcmp(type, "era") && !r->era.sectors)
		layer = &r->era;
	else
		return strcmp(type, "era") != 0;
	strcpy(layer->name, line);
	layer->sectors = sectors;
	return !start && copy_params(colon + 2 + used, layer->params);
}

/* In place of those that an earlier run has left. */
static int read_tables(struct rollback *r)
{
	FILE *from = fopen(r->options->tables, "re");
	bool good = true;
	char *line = NULL;
	size_t size = 0;

	if (!from)
		return report_errno(r->rep, r->options->tables, "cannot open");
	r->cache.sectors = r->era.sectors = 0;
	while (good && getline(&line, &size, from) > 0)
		good = take_line(r, line);
	free(line);
	fclose(from);
	if (good && r->cache.sectors && r->era.sectors)
		return 0;
	return report_fail(r->rep, ERA_DAMAGED,
			   "%s: must have, as dmsetup table prints them, the table of %s and that "
			   "of one era device",
			   r->options->tables, r->options->path);
}

/* Can the device MAJOR:MINOR discard? */
static bool can_discard(const char *numbers)
{
	struct mapper_info info = {0};

	return sscanf(numbers, "%" SCNu32 ":%" SCNu32, &info.major, &info.minor) != 2 ||
	       discards_look(&info) != DISCARDS_OFF;
}

static int find_stopped(struct rollback *r)
{
	int e = 0;

	if (r->options->tables)
		e = read_tables(r);
	else if (r->step == STEP_NONE)
		e = report_fail(r->rep, ERA_SYS,
				"%s: is not active, so its table is unknown: give it by --tables, "
				"or activate it; after a crash, see CRASHES in era-rollback(8)",
				r->cache.name);
	return e ? e : look(r, &r->era, 0);
}

int stack_find(struct rollback *r)
{
	int e;

	if (strlen(r->options->path) >= MAPPER_NAME_MAX)
		return report_fail(r->rep, ERA_SYS, "%s: too long for a name", r->options->path);
	strcpy(r->cache.name, r->options->path);
	e = look(r, &r->cache, 0);
	if (!e)
		e = r->cache.active ? find_active(r) : find_stopped(r);
	if (!e)
		e = parse(r);
	if (!e && (r->cache.active || r->options->tables))
		e = parts_identify(r);
	else if (!e && r->is_trusted)
		e = parts_find(r);
	if (!e && !r->cache.active && r->options->tables)
		r->passes_discards = !has_word(r->cache_table.options, "no_discard_passdown") &&
				     can_discard(r->era_table.origin);
	return e;
}

static int stop(struct rollback *r, struct layer *layer)
{
	int e = layer->active ? mapper_remove(r->mapper, layer->name, MAPPER_WITH_UDEV) : 0;

	if (!e && layer->active)
		rollback_say(r, "%s: was stopped", layer->name);
	if (!e)
		layer->active = false;
	return e;
}

int stack_stop(struct rollback *r)
{
	int e;

	r->is_trusted |= r->cache.active;
	r->stopped = true;
	e = stop(r, &r->cache);
	return e ? e : stop(r, &r->era);
}

static int compare(struct rollback *r, const struct layer *layer, const char *type)
{
	struct layer found = *layer;
	int e = read_active(r, &found, type);

	if (e)
		return e;
	if (!strcmp(found.params, layer->params) && found.sectors == layer->sectors)
		return 0;
	return report_fail(r->rep, ERA_SYS, "%s: its table is '%s', but was '%s'", layer->name,
			   found.params, layer->params);
}

static int limit_discards(struct rollback *r, const struct layer *layer)
{
	struct mapper_info info;
	int e;

	if (!layer->no_discards && !layer->had_no_discards)
		return 0;
	e = mapper_info(r->mapper, layer->name, &info);
	return e ? e : discards_switch_off(layer->name, &info, r->rep);
}

static int start(struct rollback *r, struct layer *layer, const char *type)
{
	char kind[8], *params = layer->params;
	struct mapper_target target = {0, layer->sectors, kind, params};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	int e;

	if (layer->active)
		return limit_discards(r, layer);
	snprintf(kind, sizeof(kind), "%s", type);
	e = mapper_create(r->mapper, layer->name, *layer->uuid ? layer->uuid : NULL, &table,
			  MAPPER_WITH_UDEV);
	if (!e)
		e = limit_discards(r, layer);
	if (!e)
		e = compare(r, layer, type);
	if (e)
		return e;
	layer->active = true;
	rollback_say(r, "%s: is active again, with the same table", layer->name);
	return 0;
}

/* The era device may have another number than before. */
static int point_at_era(struct rollback *r)
{
	struct cache_table *t = &r->cache_table;
	char params[LAYER_PARAMS];
	struct mapper_info info;
	int e = mapper_info(r->mapper, r->era.name, &info);

	if (e)
		return e;
	if ((size_t)snprintf(params, sizeof(params), "%s %s %" PRIu32 ":%" PRIu32 " %" PRIu32 " %s",
			     t->metadata, t->cache, info.major, info.minor, t->block_sectors,
			     t->options) >= sizeof(params))
		return report_fail(r->rep, ERA_SYS, "%s: its table is too long", r->cache.name);
	strcpy(r->cache.params, params);
	return parse(r);
}

int stack_start(struct rollback *r)
{
	int e = parts_find(r);

	if (!e)
		e = start(r, &r->era, "era");
	if (!e)
		e = point_at_era(r);
	return e ? e : start(r, &r->cache, "cache");
}

static int refuse_active(const struct rollback *r, const struct layer *layer)
{
	struct mapper_info info;
	int e = mapper_info(r->mapper, layer->name, &info);

	if (e || !info.exists)
		return e;
	return report_fail(r->rep, ERA_SYS,
			   "%s: the command has left it active, and what the cache holds may be "
			   "stale: run " ERA_PROGRAM " rollback --done once it is not in use",
			   layer->name);
}

int stack_refuse_active(const struct rollback *r)
{
	int e = refuse_active(r, &r->cache);

	return e ? e : refuse_active(r, &r->era);
}
