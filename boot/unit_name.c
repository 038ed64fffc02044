/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "boot/unit_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A dot at the beginning would make a hidden file of it. */
static bool is_plain(char c, bool is_first)
{
	return isalnum((unsigned char)c) || c == ':' || c == '_' || (c == '.' && !is_first);
}

/* Returns where it ends, or `size` if there is no room. */
static size_t escape(const char *text, char *to, size_t size)
{
	size_t len = 0;

	for (const char *c = text; *c && len < size; c++)
		if (*c == '/')
			len += (size_t)snprintf(to + len, size - len, "-");
		else if (is_plain(*c, c == text))
			len += (size_t)snprintf(to + len, size - len, "%c", *c);
		else
			len += (size_t)snprintf(to + len, size - len, "\\x%02x", (unsigned char)*c);
	return len < size ? len : size;
}

static bool end(char name[UNIT_NAME_MAX], size_t len, const char *suffix)
{
	return len < UNIT_NAME_MAX && (size_t)snprintf(name + len, UNIT_NAME_MAX - len, "%s",
						       suffix) < UNIT_NAME_MAX - len;
}

bool unit_of_path(const char *path, const char *suffix, char name[UNIT_NAME_MAX])
{
	const char *rest = path + strspn(path, "/");

	return end(name, escape(*rest ? rest : "/", name, UNIT_NAME_MAX), suffix);
}

bool unit_instance(const char *prefix, const char *instance, char name[UNIT_NAME_MAX])
{
	size_t len = (size_t)snprintf(name, UNIT_NAME_MAX, "%s@", prefix);

	if (len >= UNIT_NAME_MAX)
		return false;
	return end(name, len + escape(instance, name + len, UNIT_NAME_MAX - len), ".service");
}
