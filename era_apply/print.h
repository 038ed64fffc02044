/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_ERA_APPLY_PRINT_H
#define ERA_ERA_APPLY_PRINT_H

#include "copy/apply.h"
#include "output/json.h"

/* What is printed of a delta, as a context for print_result_json(). */
struct told_result {
	const struct apply_task *task;
	const struct apply_result *result;
};

void print_result_json(struct json *json, const void *ctx);

/* ctx is a struct backup_state. */
void print_state_json(struct json *json, const void *ctx);

#endif
