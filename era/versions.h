/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_VERSIONS_H
#define ERA_VERSIONS_H

/* Prints the name and version of each library in use, one per line. */
void versions_print(void);

#endif
