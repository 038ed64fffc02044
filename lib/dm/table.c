/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "dm/dm_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

void mapper_table_free(struct mapper_table *table)
{
	free(table->targets);
	free(table->text);
	*table = (struct mapper_table){0};
}

static bool take_number(char **line, uint64_t *value)
{
	const char *word = strsep(line, " ");

	return word && decimal_parse(word, strlen(word), UINT64_MAX, value);
}

static bool take_target(char *line, struct mapper_target *t)
{
	if (!take_number(&line, &t->start) || !take_number(&line, &t->sectors))
		return false;
	t->type = strsep(&line, " ");
	t->params = line;
	return t->type && t->params;
}

static unsigned count_lines(const char *text)
{
	unsigned nr = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		nr++;
	}
	return nr;
}

int table_parse(const struct mapper *m, const char *name, char *text, struct mapper_table *table)
{
	struct mapper_table t = {.nr = count_lines(text), .text = text};
	int r = 0;

	t.targets = calloc(t.nr + 1, sizeof(*t.targets));
	if (!t.targets)
		r = report_nomem(m->rep);
	for (unsigned i = 0; !r && i < t.nr; i++)
		if (!take_target(strsep(&text, "\n"), &t.targets[i]))
			r = report_fail(m->rep, ERA_SYS,
					"%s: device mapper's answer is not understood", name);
	if (r)
		mapper_table_free(&t);
	else
		*table = t;
	return r;
}
