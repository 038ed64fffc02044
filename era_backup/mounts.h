/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Filesystems that are mounted from a device itself. */
#ifndef ERA_ERA_BACKUP_MOUNTS_H
#define ERA_ERA_BACKUP_MOUNTS_H

#include <stdint.h>

/* Writes what they hold in memory, so that less is left to write when writers have to wait.  What
 * fails here fails again then. */
void mounts_sync(uint32_t major, uint32_t minor);

#endif
