/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/below.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/io.h"
#include "target/log.h"

/* Filters that must not stand below, and why. */
static const struct {
	const char *name, *why;
} refused[] = {
	{"retry", "it connects anew when a flush has failed, and hides that"},
	{"retry-request", "it flushes again when a flush has failed, and hides that"},
	{"cache", "it writes old contents back over what was trimmed or zeroed"},
	{"multi-conn", "it leaves out flushes, and misses writes when it does"},
	{"exitlast", "it ends the server at its start"},
	{"tls-fallback", "it shows another device without TLS, and so at the start"},
};

/* Filters and parameters that lose what they have acknowledged. */
static const struct {
	const char *filter, *key, *value, *does;
} lossy[] = {
	{"fua", "fuamode", "discard", "ignores flushes (fuamode=discard)"},
	{"cow", NULL, NULL, "keeps nothing when the server ends (cow)"},
};

/* Filters that have one store for all exports: through them a backup may see what the device never
 * held. */
static const char *const stores[] = {"cache", "cow"};

/* Plugins of which no write is under way any more when a killed server is gone, and whose flush is
 * for all connections.  Their writes are system calls, which end before the process does, and with
 * it the lock on the metadata. */
static const char *const prompt_plugins[] = {"file", "memory", "null", "partitioning", "split"};

static bool is_given[ARRAY_SIZE(lossy)];

/* Files and devices that parameters name. */
struct place {
	struct place *next;
	char *key;
	struct stat st;
};

static struct place *places;

static void add_place(const char *key, const struct stat *st)
{
	struct place *place = malloc(sizeof(*place));

	if (!place)
		return;
	*place = (struct place){places, strdup(key), *st};
	places = place;
}

void below_look_at(const char *key, const char *value)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(lossy); i++)
		if (lossy[i].key && !strcmp(key, lossy[i].key) && !strcmp(value, lossy[i].value))
			is_given[i] = true;
	if (!stat(value, &st))
		add_place(key, &st);
}

int below_check(const struct cmdline *cmdline)
{
	if (cmdline->nr_here > 1) {
		log_error("the filter is given %u times, and tracks one device", cmdline->nr_here);
		return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (!cmdline_has(cmdline->below, refused[i].name))
			continue;
		log_error("nbdkit's filter %s must not stand below: %s; above, as in --filter=%s "
			  "--filter=era, it may",
			  refused[i].name, refused[i].why, refused[i].name);
		return -1;
	}
	return 0;
}

int below_check_path(const char *what, const char *path)
{
	struct stat st;

	if (!path || stat(path, &st))
		return 0;
	for (const struct place *place = places; place; place = place->next) {
		if (!io_is_same_file(&place->st, &st))
			continue;
		log_error("%s: %s is the same as %s: data would be overwritten", what, path,
			  place->key ? place->key : "the origin");
		return -1;
	}
	return 0;
}

void below_warn(const struct cmdline *cmdline)
{
	for (size_t i = 0; i < ARRAY_SIZE(lossy); i++)
		if (is_given[i] || (!lossy[i].key && cmdline_has(cmdline->below, lossy[i].filter)))
			log_error(
				"the layer below %s: after a crash what a checkpoint promises does "
				"not hold",
				lossy[i].does);
}

const char *below_store_above(const struct cmdline *cmdline)
{
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++)
		if (cmdline_has(cmdline->above, stores[i]))
			return stores[i];
	return NULL;
}

bool below_is_prompt(const struct cmdline *cmdline)
{
	for (size_t i = 0; cmdline->plugin && i < ARRAY_SIZE(prompt_plugins); i++)
		if (!strcmp(cmdline->plugin, prompt_plugins[i]))
			return true;
	return false;
}

void below_free(void)
{
	while (places) {
		struct place *place = places;

		places = place->next;
		free(place->key);
		free(place);
	}
}
