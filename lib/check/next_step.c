/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What to do after a check that has found something: the first row that applies. */
#include "base/next_step.h"

#include "base/compiler.h"
#include "check/check.h"

static bool is_cut(const struct era_check_result *result)
{
	return result->is_cut;
}

static bool is_of_counts(const struct era_check_result *result)
{
	return !result->nr_others && !result->repair.tried;
}

static bool has_snapshot(const struct era_check_result *result)
{
	return result->live.present && result->live.sb.metadata_snap;
}

const char *era_check_next_step(const struct era_check_result *result)
{
	static const struct {
		bool (*applies)(const struct era_check_result *result);
		const char *step;
	} steps[] = {
		{is_cut, NEXT_WHOLE_COPY},
		{is_of_counts, NEXT_REPAIR_COUNTS},
		{has_snapshot, NEXT_REPAIR_OR_DROP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].applies(result))
			return steps[i].step;
	return NEXT_REPAIR;
}
