/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_ERA_BACKUP_PRINT_H
#define ERA_ERA_BACKUP_PRINT_H

#include "era_backup/backup.h"

/* What was done, or with --dry-run would be: as a message, and as JSON if that is wanted. */
int print_backup(const struct backup *b) must_check;

#endif
