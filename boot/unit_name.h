/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Names of systemd's units, which are made of paths and names: systemd.unit(5). */
#ifndef ERA_BOOT_UNIT_NAME_H
#define ERA_BOOT_UNIT_NAME_H

#include <stdbool.h>

#include "base/compiler.h"

#define UNIT_NAME_MAX 256u /* systemd takes no longer ones; with the '\0' */

/* The unit of an absolute path, such as dev-vg-data.device of /dev/vg/data.  False: the name would
 * be too long. */
bool unit_of_path(const char *path, const char *suffix, char name[UNIT_NAME_MAX]) must_check;

/* An instance of a template PREFIX@.service. */
bool unit_instance(const char *prefix, const char *instance, char name[UNIT_NAME_MAX]) must_check;

#endif
