/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_check/report_json.h"

#include "base/problem.h"

static void on_problem(void *ctx, const struct problem *p)
{
	struct json_report *report = ctx;
	struct json *json = &report->document.json;
	char found[PROBLEM_TEXT_MAX], wanted[PROBLEM_TEXT_MAX];

	problem_found(p, found, sizeof(found));
	problem_wanted(p, wanted, sizeof(wanted));
	json_newline(json);
	json_begin_object(json, NULL);
	json_string(json, "code", problem_name(p));
	json_string(json, "severity", problem_severity_name(problem_severity(p)));
	json_bool(json, "repairable", problem_is_repairable(p));
	if (p->block != PROBLEM_NO_BLOCK) {
		json_number(json, "block", p->block);
		json_number(json, "blocks", p->nr_blocks ? p->nr_blocks : 1);
	}
	json_string(json, "where", p->where);
	json_string(json, "what", problem_what(p));
	json_string(json, "found", *found ? found : NULL);
	json_string(json, "wanted", *wanted ? wanted : NULL);
	json_end_object(json);
}

int json_report_begin(struct json_report *report, struct tool *tool)
{
	int r = document_open(&report->document, tool);

	if (r)
		return r;
	json_newline(&report->document.json);
	json_begin_array(&report->document.json, "problems");
	tool->on_problem = on_problem;
	tool->ctx = report;
	return 0;
}

/* has_current: there is a writeset that isn't archived yet. */
static void view_members(struct json *json, const struct era_check_view *view, bool has_current)
{
	const struct superblock *sb = &view->sb;

	json_number(json, "current_era", sb->current_era);
	json_number(json, "block_size", superblock_block_bytes(sb));
	json_number(json, "nr_blocks", sb->nr_blocks);
	if (!view->walked)
		return;
	json_number(json, "writesets", view->nr_writesets);
	if (!view->nr_writesets && !has_current)
		return;
	json_number(json, "oldest_writeset",
		    view->nr_writesets ? view->oldest_writeset : sb->current_era);
	json_number(json, "newest_writeset", has_current ? sb->current_era : view->newest_writeset);
}

static void summary(struct json *json, const struct era_check_result *result)
{
	const struct superblock *sb = &result->live.sb;

	json_begin_object(json, "live");
	view_members(json, &result->live, sb->current_root);
	json_bool(json, "clean", !sb->current_root);
	json_end_object(json);
	json_newline(json);
	if (sb->metadata_snap) {
		json_begin_object(json, "snapshot");
		json_number(json, "block", sb->metadata_snap);
		if (result->snapshot.present)
			view_members(json, &result->snapshot, false);
		json_end_object(json);
	} else {
		json_string(json, "snapshot", NULL);
	}
	json_newline(json);
	json_begin_object(json, "metadata");
	json_number(json, "device_blocks", result->device_blocks);
	json_number(json, "blocks", sb->sm.nr_blocks);
	json_number(json, "allocated", sb->sm.nr_allocated);
	if (sb->sm.nr_allocated <= sb->sm.nr_blocks)
		json_number(json, "free", sb->sm.nr_blocks - sb->sm.nr_allocated);
	if (result->nr_reachable)
		json_number(json, "reachable", result->nr_reachable);
	json_end_object(json);
	json_newline(json);
}

static void repair_member(struct json *json, const struct era_check_repair *repair)
{
	if (!repair->done) {
		json_string(json, "repaired", NULL);
		return;
	}
	json_begin_object(json, "repaired");
	json_number(json, "problems", repair->nr_problems);
	json_number(json, "blocks_written", repair->nr_written);
	json_number(json, "allocated_before", repair->old_allocated);
	json_number(json, "allocated", repair->allocated);
	json_end_object(json);
}

int json_report_end(struct json_report *report, const struct era_check_result *result,
		    enum exit_status status, const struct tool *tool)
{
	struct json *json = &report->document.json;

	json_end_array(json);
	json_newline(json);
	if (tool->nr_problems > TOOL_MAX_PROBLEMS)
		json_number(json, "problems_not_shown", tool->nr_problems - TOOL_MAX_PROBLEMS);
	json_number(json, "fatal", result->nr_fatal);
	json_number(json, "non_fatal", result->nr_non_fatal);
	json_number(json, "notes", result->nr_notes);
	json_newline(json);
	if (result->live.present)
		summary(json, result);
	if (report->auto_repair)
		repair_member(json, &result->repair);
	return document_close(&report->document, status, tool);
}
