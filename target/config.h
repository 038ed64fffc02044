/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The parameters of the filter. */
#ifndef ERA_TARGET_CONFIG_H
#define ERA_TARGET_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/view.h"

struct config {
	char *metadata, *socket, *cow, *witness; /* absolute paths; NULL: not given */
	const char *export;
	uint64_t block_bytes; /* 0: not given */
	uint32_t first_era;   /* 0: not given */
	bool format, snapshot;
	uint64_t snapshot_era; /* or TARGET_LIVE_ERA: not given */
};

#define CONFIG_INIT \
	{ \
		.export = "", .snapshot_era = TARGET_LIVE_ERA \
	}
extern const char config_help[];

/* Sets one parameter.  Returns 1, or 0 if the key is not one of the filter's, or -1, reported. */
int config_set(struct config *config, const char *key, const char *value) must_check;

/* Checks that the given parameters are compatible.  Returns 0, or -1, reported. */
int config_check(const struct config *config) must_check;

void config_free(struct config *config);

#endif
