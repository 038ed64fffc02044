/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a file has beside its bytes, for a new one that will take its place: mode, owner, group, POSIX
 * access control list, and the attributes of users (user.*).
 *
 * The new file gets them as far as its writer may give them, and never lets anyone read or write it
 * who could not before.  Without its group, nobody gets more by the group's rights or the others'
 * than both had.  Without its list, whose rights its mode does not tell, it is its owner's alone.
 * It is left without a list that it has from its directory.
 */
#ifndef ERA_BASE_ATTRIBUTES_H
#define ERA_BASE_ATTRIBUTES_H

#include "base/compiler.h"

/* Gives the file fd those of the one at path, if there is one.  0, or a positive errno, and in *what
 * words for a message. */
int attributes_keep(int fd, const char *path, const char **what) must_check;

#endif
