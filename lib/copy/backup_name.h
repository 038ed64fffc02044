/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The name of a backup: the era to remember with it, and an ID drawn at random when it was made.
 *
 * Every disk has an era N, so an era alone would name no base.  As text it is "era-N-ID", N in
 * decimal and ID in 32 hexadecimal digits; it is also the name of the snapshot in a delta.
 */
#ifndef ERA_COPY_BACKUP_NAME_H
#define ERA_COPY_BACKUP_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/report.h"

#define BACKUP_ID_BYTES 16u
#define BACKUP_NAME_BYTES 48u /* of the longest, with its NUL */

struct backup_name {
	uint32_t era;
	uint8_t id[BACKUP_ID_BYTES];
};

/* A new ID, for a backup with which `era` is to be remembered.  Errors are reported. */
int backup_name_draw(struct backup_name *name, uint32_t era, const struct report *rep) must_check;

bool backup_name_same(const struct backup_name *a, const struct backup_name *b);

/* Returns text. */
const char *backup_name_format(const struct backup_name *name, char text[BACKUP_NAME_BYTES]);

/* Takes only what backup_name_format() makes; false, and *name is untouched, for anything else. */
bool backup_name_parse(const char *text, size_t len, struct backup_name *name) must_check;

#endif
