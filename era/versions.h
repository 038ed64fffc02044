/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERA_VERSIONS_H
#define ERA_VERSIONS_H

/* Prints a line for each library that does work of ours: its name and its version. */
void versions_print(void);

#endif
