/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of nbdkit's command line that it does not tell its filters before a client connects. */
#ifndef ERA_TARGET_CMDLINE_H
#define ERA_TARGET_CMDLINE_H

#include <stdbool.h>

struct cmdline {
	bool is_readonly; /* -r */
	bool runs;        /* --run */
	char *pidfile;    /* -P, as an absolute path; NULL: none */
	char *below;      /* the filters below this one, uppermost first, a space after each; or NULL */
	unsigned nr_here; /* how often this filter is named */
};

/* Reads this process's command line as nbdkit does; what can't be determined is left unchanged.
 * To be called before the working directory changes. */
void cmdline_read(struct cmdline *cmdline);
void cmdline_free(struct cmdline *cmdline);

#endif
