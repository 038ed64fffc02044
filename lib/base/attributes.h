/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a file has besides its contents, for a new file that will take its place: mode, owner,
 * group, POSIX access control list, and user attributes (user.*).
 *
 * The new file gets them as far as the process may set them, and never lets anyone read or write
 * it who could not before.  If the group cannot be set, the rights of the group and of others
 * become those that both had.  If the list, whose rights the mode does not show, cannot be set,
 * only the owner has access.  A list that the new file inherited from its directory is removed.
 */
#ifndef ERA_BASE_ATTRIBUTES_H
#define ERA_BASE_ATTRIBUTES_H

#include "base/compiler.h"

/* Gives the file fd the attributes of the one at path, if there is one.  Returns 0, or a positive
 * errno with words for a message in *what. */
int attributes_keep(int fd, const char *path, const char **what) must_check;

#endif
