/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_stat/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_WIDTH 80u
#define MIN_WIDTH 40u
#define MAX_WIDTH 400u

static unsigned find_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	if (!width && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		width = size.ws_col;
	if (!width)
		width = USUAL_WIDTH;
	return (unsigned)(width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width);
}

static bool says(const char *name, const char *word)
{
	const char *value = getenv(name);

	return value && strstr(value, word);
}

/* Whatever COLORTERM says, which a shell inside an editor may have inherited. */
static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !*term || !strcmp(term, "dumb");
}

static enum palette find_palette(void)
{
	const char *no_colour = getenv("NO_COLOR");

	if ((no_colour && *no_colour) || is_dumb() || !isatty(STDOUT_FILENO))
		return PALETTE_NONE;
	if (says("COLORTERM", "truecolor") || says("COLORTERM", "24bit"))
		return PALETTE_TRUE;
	return says("TERM", "256color") ? PALETTE_256 : PALETTE_NONE;
}

/* In another locale for this question alone: what else is printed goes by no locale. */
static bool is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool found = locale && !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");

	if (locale)
		freelocale(locale);
	return found;
}

struct terminal terminal_find(void)
{
	return (struct terminal){
		.width = find_width(),
		.palette = find_palette(),
		.utf8 = is_utf8(),
	};
}
