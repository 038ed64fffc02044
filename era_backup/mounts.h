/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What filesystems hold in memory is written, so that less is left to write when writers have to
 * wait.  What fails here fails again then. */
#ifndef ERA_ERA_BACKUP_MOUNTS_H
#define ERA_ERA_BACKUP_MOUNTS_H

#include <stdint.h>

/* Of those that are mounted from a device itself. */
void mounts_sync(uint32_t major, uint32_t minor);
/* Of the one that is mounted there. */
void mounts_sync_one(const char *mount);

#endif
