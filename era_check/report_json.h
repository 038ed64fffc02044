/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The result of a check as JSON: the problems as they are found, then a summary. */
#ifndef ERA_CHECK_REPORT_JSON_H
#define ERA_CHECK_REPORT_JSON_H

#include "check/check.h"
#include "tools/document.h"

struct json_report {
	struct document document;
	bool auto_repair; /* report what was repaired */
};

/* Opens standard output and receives the problems that the tool prints from now on. */
int json_report_begin(struct json_report *report, struct tool *tool) must_check;

/* Writes the summary and closes.  Returns 0 or an error. */
int json_report_end(struct json_report *report, const struct era_check_result *result,
		    enum exit_status status, const struct tool *tool) must_check;

#endif
