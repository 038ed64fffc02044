/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A target on metadata of any kind: it resumes, marks, begins eras, digests, takes and drops
 * snapshots, as a seed says, and commits.  When all of that succeeds, what can be read of the
 * metadata then must name the blocks that were marked.
 */
#ifndef ERA_TESTS_FUZZ_RUN_TARGET_H
#define ERA_TESTS_FUZZ_RUN_TARGET_H

#include "tests/fuzz/memdev.h"

void target_run(struct memdev *mem, uint32_t seed);

#endif
