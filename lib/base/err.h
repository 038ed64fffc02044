/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a call of the library ends.
 *
 * 0 (or a count, where the call says so) is success, a negative enum era_err is not.  Whoever
 * finds an error says what it is through the report callback (base/report.h), once; everybody
 * above only passes the code on.
 */
#ifndef ERA_BASE_ERR_H
#define ERA_BASE_ERR_H

enum era_err {
	ERA_DAMAGED = -1,   /* metadata or XML are damaged or invalid */
	ERA_SYS = -2,       /* the system refused: open, read, write, memory, busy, too small */
	ERA_NO_ANSWER = -3, /* the question has no safe answer */
	ERA_PIPE = -4,      /* nobody reads the pipe that output goes to any more; not reported */
	ERA_NO_SPACE = -5,  /* no room for it now: nothing was changed, and it may be tried again */
	ERA_CANCELLED = -6, /* the caller wanted no more of it; not reported */
};

#endif
