/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * An era that begins on several targets at one moment.
 *
 * All are paused, then all roll over, then all are unpaused.  When the last pause has been
 * answered, no request is in flight on any of them, and none proceeds before the first unpause.
 * So if one write was sent after another was done, its era is never older than that of the other.
 * A target that answers an unpause with "ok" confirms that its pause has held until then.  If one
 * doesn't, or anything else fails, no era has been given out.
 *
 * They are paused in the order of their names, so that two processes that do this don't wait for
 * each other.  A pause ends with its connection and with its time, so nothing remains paused,
 * whatever happens to this program.
 */
#ifndef ERA_CTL_MOMENT_H
#define ERA_CTL_MOMENT_H

#include <stdint.h>

#include "tools/options.h"
#include "tools/tool.h"

/* Prints the path and the era of each target, in the order given. */
enum exit_status moment_checkpoint(struct tool *tool, const char *request,
				   const struct option_devices *targets, uint32_t timeout_s);

#endif
