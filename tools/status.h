/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Exit statuses, the same for all programs. */
#ifndef ERA_TOOLS_STATUS_H
#define ERA_TOOLS_STATUS_H

enum exit_status {
	STATUS_OK = 0,
	STATUS_DAMAGED = 1,   /* the metadata or the XML are damaged or invalid */
	STATUS_USAGE = 2,     /* the command line is wrong */
	STATUS_SYSTEM = 3,    /* a system error: open, read, write, busy, too small, memory */
	STATUS_NO_ANSWER = 4, /* the question has no safe answer */
	STATUS_UNKNOWN = 5,   /* done, but something was unknown and counts as written */
};

#define NR_STATUSES 6u

/* For 0, or a negative enum era_err or enum dmera_result. */
enum exit_status status_of(int err);

#endif
