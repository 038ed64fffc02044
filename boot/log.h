/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Messages of programs that run before there is a log: through the kernel's log they reach the
 * journal, too. */
#ifndef ERA_BOOT_LOG_H
#define ERA_BOOT_LOG_H

#include "base/compiler.h"
#include "base/report.h"

/* What messages begin with; the string must stay valid. */
void log_begin(const char *program);

void log_error(const char *fmt, ...) format_printf(1, 2);

/* Its errors and notes go there. */
extern const struct report log_report;

#endif
