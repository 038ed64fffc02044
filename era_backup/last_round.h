/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The last round of --converge, while nobody can write.
 *
 * What is left is listed and copied, and the era that begins then is the one to remember.  A
 * kernel's device is suspended, a target in userspace is paused; either goes on by itself when its
 * time is over, and then there is no backup.
 */
#ifndef ERA_ERA_BACKUP_LAST_ROUND_H
#define ERA_ERA_BACKUP_LAST_ROUND_H

#include "era_backup/online.h"

/* Copies what was written since o->since, and sets *done.  Where that is more than the limit,
 * nothing is copied, everything goes on, and *done is false.  All errors are reported. */
int last_round(struct online *o, bool *done) must_check;

#endif
