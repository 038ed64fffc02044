/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A target: the kernel's, by the name of its device, or one in userspace, by its control socket.
 * The requests that both have are the same here.
 */
#ifndef ERA_CTL_TARGET_H
#define ERA_CTL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "dm/era.h"
#include "era_ctl/peer.h"
#include "tools/options.h"
#include "tools/tool.h"

struct target {
	struct tool *tool;
	const char *path; /* as it was given */
	uint32_t timeout_s;
	struct mapper *mapper; /* NULL: it is in userspace */
	char name[MAPPER_NAME_MAX];
	struct peer peer;
};

/* Finds out what it is, and connects to a socket.  A socket of that name goes before a device.
 * timeout_s: 0: no limit, or the default of dm/dm.h.  All calls report errors.  target_close() must
 * be called even after a failure, and may be called again. */
int target_open(struct target *target, const char *path, uint32_t timeout_s,
		struct tool *tool) must_check;
void target_close(struct target *target);

bool target_is_kernels(const struct target *target);

/* Filesystems that are to be frozen must be on it; what a target in userspace serves can't be told.
 */
int target_check_mounts(const struct target *target, const struct option_texts *mounts) must_check;

/* Of a target in userspace: sends a request, and has the reply in target->peer; a reply that
 * reports an error is one. */
int target_ask(struct target *target, const char *request, bool lines) must_check;

/* What a target in userspace would have said. */
void target_reply(struct target *target, const char *fmt, ...) format_printf(2, 3);

int target_status(struct target *target, struct era_status *status) must_check;

/* Ends an era; what is older is done and durable. */
int target_barrier(struct target *target, uint32_t *era) must_check;

#endif
