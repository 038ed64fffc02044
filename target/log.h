/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Writes what the engine, the library and the filter report to nbdkit's log.  An error is one line
 * without control characters, whatever a name in it contains (base/utf8.h).  Errors that differ
 * only in their numbers are logged once a second, with the number of repetitions. */
#ifndef ERA_TARGET_LOG_H
#define ERA_TARGET_LOG_H

#include "base/compiler.h"
#include "base/report.h"

extern const struct report log_report;

void log_error(const char *fmt, ...) format_printf(1, 2);

/* The last error that a call of this thread has reported through log_report, or "". */
const char *log_last_error(void);

#endif
