/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What standard output can show. */
#ifndef ERA_STAT_TERMINAL_H
#define ERA_STAT_TERMINAL_H

#include <stdbool.h>

enum palette {
	PALETTE_NONE, /* ages are letters */
	PALETTE_256,
	PALETTE_TRUE,
};

struct terminal {
	unsigned width; /* columns */
	enum palette palette;
	bool utf8;
};

/* Asks the terminal and the environment.  NO_COLOR is respected. */
struct terminal terminal_find(void);

#endif
