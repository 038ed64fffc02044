/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERA_ERA_APPLY_PRINT_H
#define ERA_ERA_APPLY_PRINT_H

#include "base/sink.h"
#include "copy/apply.h"
#include "output/json.h"

struct outcome {
	bool dry_run;
	struct apply_result result;
};

/* The members of the documents; ctx: a struct outcome, a struct backup_state. */
void print_outcome_json(struct json *json, const void *ctx);
void print_state_json(struct json *json, const void *ctx);

/* As the file of the state has it. */
void print_state(struct sink *sink, const struct backup_state *state);

#endif
