/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The statistics of a target as text: for people, and for Prometheus. */
#ifndef ERA_TARGET_CONTROL_STATS_H
#define ERA_TARGET_CONTROL_STATS_H

#include "base/compiler.h"
#include "target/engine/engine.h"

/* One name and number per line; for a duration, the number of times and the sum of seconds.  NULL
 * if memory is exhausted; otherwise free() it. */
char *control_stats_lines(struct engine *e) must_check;

/* Prometheus' text format, version 0.0.4; each line has the label `metadata`.  As above. */
char *control_stats_prometheus(struct engine *e) must_check;

#endif
