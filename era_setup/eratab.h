/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The table of tracked devices, /etc/eratab: a device a line, in four or five fields with blanks
 * between them.
 *
 *	NAME ORIGIN METADATA BLOCK-SIZE [OPTIONS]
 *
 * Empty lines and lines that begin with '#' are left out.  Anything else that is not understood is
 * an error, since a line that was overlooked would be a device that nobody tracks.
 */
#ifndef ERA_SETUP_ERATAB_H
#define ERA_SETUP_ERATAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define ERATAB_PATH "/etc/eratab"
#define ERATAB_OPTIONS_BYTES 64u

struct eratab_entry {
	const char *name, *origin, *metadata; /* as they stand there */
	uint32_t block_sectors;
	bool pass_discards;
	bool degraded; /* without its target the device is there all the same, untracked */
	bool noauto;   /* not started at boot, unless something wants it */
	bool netdev;   /* over the network: not before local filesystems */
	uint64_t line;
};

struct eratab {
	unsigned nr;
	struct eratab_entry *entries;
	bool has_wrong; /* lines */
	unsigned nr_wrong;
	const char **wrong; /* the names of lines that are wrong, as far as they are names */
	char *text;	    /* of which the strings are parts */
};

/* A table that does not exist is empty.  ERA_DAMAGED: each line that is wrong has been reported,
 * with the reason; or ERA_SYS, reported. */
int eratab_read(struct eratab *tab, const char *path, const struct report *rep) must_check;

/* The same, but lines that are wrong are only reported, and the others are there: so that one
 * mistake does not keep all devices from being tracked.  ERA_DAMAGED: it is no text. */
int eratab_read_good(struct eratab *tab, const char *path, const struct report *rep) must_check;

/* For a table that was read, and for one of zeroes. */
void eratab_free(struct eratab *tab);

/* NULL: there is none. */
const struct eratab_entry *eratab_find(const struct eratab *tab, const char *name);

/* Is it the name of a line that is wrong? */
bool eratab_is_wrong(const struct eratab *tab, const char *name);

/* Why the entry can't stand in a table, or NULL; *what is the word that is wrong. */
const char *eratab_refuse(const struct eratab_entry *entry, const char **what);

/* The options as they stand in the table.  Returns text. */
const char *eratab_options(const struct eratab_entry *entry, char text[ERATAB_OPTIONS_BYTES]);

/* The name of the line in which a device is the origin or has the metadata, or NULL. */
const char *eratab_find_device(const struct eratab *tab, const char *device);

/* Puts an entry that eratab_refuse() takes in the place of its line, or with line 0 at the end of
 * the table, permanently.  The caller keeps others from doing so, see eratab_lock().  Errors are
 * reported. */
int eratab_put(const char *path, const struct eratab_entry *entry,
	       const struct report *rep) must_check;

/* Takes away the line of an entry that was read; otherwise the same. */
int eratab_remove(const char *path, const struct eratab_entry *entry,
		  const struct report *rep) must_check;

/* Waits until no other program changes the table, and keeps them from it until the descriptor is
 * closed.  Returns the descriptor or an error, reported. */
int eratab_lock(const char *path, const struct report *rep) must_check;

#endif
