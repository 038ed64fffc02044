/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What children of a program do first. */
#ifndef ERA_DM_CHILD_H
#define ERA_DM_CHILD_H

#include <stdbool.h>

/* Lets go of standard input, output and error, so that nobody waits for a child that is left
 * behind. */
void child_leave_files(void);

/*
 * Makes this process one that can work while devices are suspended: all of its memory, also what it
 * is yet to get, is in memory and stays there, no memory is written to a device for its sake, and
 * it is not the one that ends when memory runs out.  The first is required: false, and errno, if it
 * can't be had.
 */
bool child_needs_no_devices(void);

#endif
