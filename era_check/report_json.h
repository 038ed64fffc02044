/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a check as JSON: the problems as they are found, then a summary. */
#ifndef ERA_CHECK_REPORT_JSON_H
#define ERA_CHECK_REPORT_JSON_H

#include "base/text.h"
#include "check/check.h"
#include "output/json.h"
#include "tools/tool.h"

struct json_report {
	struct sink sink;
	struct json json;
	bool auto_repair;	   /* report what was repaired */
	char error[TEXT_LINE_MAX]; /* the first error; empty if there was none */
};

/* Opens standard output and receives the tool's messages from now on. */
int json_report_begin(struct json_report *report, const char *path, struct tool *tool) must_check;

/* Writes the summary and closes.  Returns 0 or an error. */
int json_report_end(struct json_report *report, const struct era_check_result *result,
		    enum exit_status status, const struct tool *tool) must_check;

#endif
