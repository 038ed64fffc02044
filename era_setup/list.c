/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What there is. */
#include <inttypes.h>
#include <stdio.h>

#include "dm/era.h"
#include "era_setup/discards.h"
#include "era_setup/setup.h"
#include "tools/human.h"

static const char *discards_name(const struct tracked *t, const struct mapper_info *info)
{
	static const char *const names[] = {
		[DISCARDS_UNKNOWN] = "unknown",
		[DISCARDS_OFF] = "off",
		[DISCARDS_ON] = "on, though they are not tracked",
	};

	return t->entry->pass_discards ? "passed" : names[discards_look(info)];
}

static void print_line(const struct tracked *t, bool active)
{
	char size[HUMAN_SIZE_BYTES];

	tool_print("%s: %s, %s, metadata on %s, blocks of %s", t->entry->name,
		   active ? "active" : "not active", t->entry->origin, t->entry->metadata,
		   human_size_rounded((uint64_t)t->entry->block_sectors * 512, size));
}

static int print_status(const struct setup *s, const struct tracked *t)
{
	const char *name = t->entry->name;
	struct era_status status;
	struct mapper_info info;
	int r = mapper_info(s->mapper, name, &info);

	if (!r && info.suspended) {
		tool_print("%s: is suspended", name);
		return 0;
	}
	if (!r)
		r = era_device_status(s->mapper, name, &status);
	if (r)
		return r;
	tool_print("%s: era %" PRIu32 "%s, %" PRIu64 " of %" PRIu64
		   " metadata blocks used, discards %s",
		   name, status.era, status.has_snapshot ? ", a metadata snapshot is held" : "",
		   status.nr_used, status.nr_total, discards_name(t, &info));
	return 0;
}

static int print(const struct setup *s, const struct tracked *t, bool with_status)
{
	bool active;
	int r = tracked_is_active(s, t, &active);

	if (r)
		return r;
	print_line(t, active);
	return active && with_status ? print_status(s, t) : 0;
}

/* One that fails leaves the others. */
static int print_all(struct setup *s, bool with_status)
{
	int r = 0;

	for (unsigned i = 0; i < s->tab.nr; i++) {
		struct tracked t = tracked_of(&s->tab.entries[i]);
		int failed = print(s, &t, with_status);

		r = r ? r : failed;
	}
	return r;
}

int setup_list(struct setup *s)
{
	return print_all(s, false);
}

int setup_status(struct setup *s)
{
	struct tracked t;
	int r;

	if (!*s->options->path)
		return print_all(s, true);
	r = setup_find(s, &t);
	return r ? r : print(s, &t, true);
}
