/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_ERA_BACKUP_CANCEL_H
#define ERA_ERA_BACKUP_CANCEL_H

#include <signal.h>

/* cancel.c.  Signals that end the program are noted instead, so that what was begun can be undone;
 * cancel_obey() then lets the first of them end it. */
extern volatile sig_atomic_t cancel_noted;
void cancel_listen(void);
void cancel_obey(void);

#endif
