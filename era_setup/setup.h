/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The kernel's targets by the table of devices: what requests share. */
#ifndef ERA_SETUP_SETUP_H
#define ERA_SETUP_SETUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "dm/dm.h"
#include "dm/target.h"
#include "era_setup/eratab.h"
#include "open/untracked.h"
#include "tools/tool.h"

#define META_BYTES 4096u /* of a metadata block */

struct setup_options {
	const char *path; /* the name of the device */
	unsigned request;
	const char *eratab, *origin, *metadata;
	uint32_t block_sectors;
	bool has_block_size, pass_discards, force, dry_run, quiet, json, enable, all;
};

struct setup {
	struct tool *tool;
	const struct report *rep;
	const struct setup_options *options;
	struct eratab tab;
	struct mapper *mapper;
	uint64_t nr_marked; /* data blocks that this request lets count as written */
};

/* A device of the table. */
struct tracked {
	const struct eratab_entry *entry;
	char origin[PATH_MAX], metadata[PATH_MAX];
	bool untracked; /* it is active, but a linear device has its name */
};

struct tracked tracked_of(const struct eratab_entry *entry);

/* As untracked.h has it; what it points to must outlive it. */
struct untracked tracked_untracked(const struct tracked *t);

const char *setup_request_name(const struct setup *s);

/* Is the status of the devices of no interest? */
bool setup_is_brief(const struct setup *s);

/* Says what is done, or with --dry-run prints what would be. */
void setup_say(const struct setup *s, const char *fmt, ...) format_printf(2, 3);

/* Is it there as the table has it, or untracked?  A device of this name that is another one is an
 * error. */
int tracked_is_active(const struct setup *s, struct tracked *t, bool *active) must_check;

/* All return 0 or an error, reported. */
typedef int setup_request(struct setup *s);

setup_request setup_create, setup_activate, setup_deactivate, setup_disable, setup_remember,
	setup_resize, setup_mark, setup_move, setup_settle, setup_list, setup_status;

/* A line has come or gone: where systemd and udev run, they are told, and it is said what was done.
 * Nothing fails of it but what would come at the next boot anyway. */
void setup_tell_system(const struct setup *s, const char *origin);

/* Makes a change to the table, which is read again when nobody else can change it. */
int setup_change_table(struct setup *s, setup_request *change) must_check;

/* The entry of the name on the command line, and one whose target must be stopped. */
int setup_find(struct setup *s, struct tracked *t) must_check;
int setup_find_stopped(struct setup *s, struct tracked *t) must_check;

/* After each change of the table, unless its line says otherwise. */
int setup_keep_discards_off(const struct setup *s, const struct tracked *t) must_check;

/* Of an origin that has grown from old to nr blocks: says so, and which blocks count as written,
 * the last one that there was before, too, since it may have been a part of one. */
void growth_say(const struct setup *s, const struct tracked *t, uint32_t old, uint32_t nr);
void growth_choose(uint64_t *bits, uint32_t old, uint32_t nr);

/* Lets an active target follow an origin that has grown. */
int setup_grow(struct setup *s, const struct tracked *t) must_check;

struct blk_dev;

/* Is a device for new metadata large enough? */
int setup_fit(const struct setup *s, const struct blk_dev *dev, uint32_t nr_blocks) must_check;

#endif
