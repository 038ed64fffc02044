/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/backup_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/decimal.h"
#include "copy/hex.h"

#define PREFIX "era-"
#define ID_DIGITS (2 * BACKUP_ID_BYTES)

int backup_name_draw(struct backup_name *name, uint32_t era, const struct report *rep)
{
	struct backup_name drawn = {.era = era};

	if (getrandom(drawn.id, sizeof(drawn.id), 0) != (ssize_t)sizeof(drawn.id))
		return report_errno(rep, "a new backup", "cannot draw an ID");
	*name = drawn;
	return 0;
}

bool backup_name_same(const struct backup_name *a, const struct backup_name *b)
{
	return a->era == b->era && !memcmp(a->id, b->id, sizeof(a->id));
}

const char *backup_name_format(const struct backup_name *name, char text[BACKUP_NAME_BYTES])
{
	int n = snprintf(text, BACKUP_NAME_BYTES, PREFIX "%" PRIu32 "-", name->era);

	hex_put(name->id, sizeof(name->id), text + n);
	text[(size_t)n + ID_DIGITS] = '\0';
	return text;
}

bool backup_name_parse(const char *text, size_t len, struct backup_name *name)
{
	struct backup_name parsed;
	char again[BACKUP_NAME_BYTES];
	uint64_t era;
	size_t digits;

	if (len <= strlen(PREFIX) + ID_DIGITS + 1 || len >= BACKUP_NAME_BYTES)
		return false;
	digits = len - strlen(PREFIX) - ID_DIGITS - 1;
	if (!decimal_parse(text + strlen(PREFIX), digits, UINT32_MAX, &era) ||
	    !hex_get(text + len - ID_DIGITS, ID_DIGITS, parsed.id))
		return false;
	parsed.era = (uint32_t)era;
	if (memcmp(backup_name_format(&parsed, again), text, len) || strlen(again) != len)
		return false;
	*name = parsed;
	return true;
}
