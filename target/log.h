/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine and the library report, in nbdkit's log. */
#ifndef ERA_TARGET_LOG_H
#define ERA_TARGET_LOG_H

#include "base/report.h"

extern const struct report log_report;

/* The last error that a call of this thread has reported through log_report; "" when none has. */
const char *log_last_error(void);

#endif
