/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The parts of nbdkit's command line that it does not tell its filters before a client connects. */
#ifndef ERA_TARGET_CMDLINE_H
#define ERA_TARGET_CMDLINE_H

#include <stdbool.h>

struct cmdline {
	bool is_readonly; /* -r */
	bool runs;	  /* --run */
	char *pidfile;	  /* -P, as an absolute path; NULL: none */
	/* The filters above and below this one, uppermost first, each with a space behind it; or
	 * NULL. */
	char *above, *below;
	char *plugin;	  /* its name; or NULL */
	unsigned nr_here; /* how often this filter is named */
};

/* Reads this process's command line as nbdkit does; what can't be determined is left unchanged.
 * To be called before the working directory changes. */
void cmdline_read(struct cmdline *cmdline);

/* Is there a filter of that name among these? */
bool cmdline_has(const char *filters, const char *name);

void cmdline_free(struct cmdline *cmdline);

#endif
