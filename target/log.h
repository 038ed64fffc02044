/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine and the library report, and the filter itself, in nbdkit's log: an error is one line
 * without control characters, whatever a name in it holds (base/utf8.h).  The same error, but for its
 * numbers, is told once a second, with how often it was left out. */
#ifndef ERA_TARGET_LOG_H
#define ERA_TARGET_LOG_H

#include "base/compiler.h"
#include "base/report.h"

extern const struct report log_report;

void log_error(const char *fmt, ...) format_printf(1, 2);

/* The last error that a call of this thread has reported through log_report; "" when none has. */
const char *log_last_error(void);

#endif
