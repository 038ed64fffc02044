/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERA_ERA_APPLY_PRINT_H
#define ERA_ERA_APPLY_PRINT_H

#include "base/sink.h"
#include "copy/apply.h"

void print_result(struct sink *sink, const struct apply_task *task,
		  const struct apply_result *result);

/* As the file of the state has it, or as JSON. */
void print_state(struct sink *sink, const struct backup_state *state);
void print_state_json(struct sink *sink, const char *target, const struct backup_state *state);

#endif
