/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What a call of the library returns.
 *
 * 0 (or a count, where the call says so) is success, a negative enum era_err is failure.  The
 * function that finds an error reports it through the report callback (base/report.h), once; its
 * callers only pass the code on.
 */
#ifndef ERA_BASE_ERR_H
#define ERA_BASE_ERR_H

enum era_err {
	ERA_DAMAGED = -1,   /* metadata or XML are damaged or invalid */
	ERA_SYS = -2,	    /* a system error: open, read, write, memory, busy, too small */
	ERA_NO_ANSWER = -3, /* the question has no safe answer */
	ERA_PIPE = -4,	    /* the reader of an output pipe is gone; not reported */
	ERA_NO_SPACE = -5,  /* no space on the device or in the metadata: it may succeed later */
	ERA_CANCELLED = -6, /* cancelled by the caller; not reported */
};

#endif
