/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_TESTS_ENGINE_ERAS_H
#define ERA_TESTS_ENGINE_ERAS_H

#include "target/engine/engine.h"
#include "unit.h"

/* Marks until the request is of another era than the old one; its parity is in the slot.  That an
 * era is shown does not do: it is, a little before requests come in it. */
static inline void mark_in_another_era(struct engine *e, uint64_t offset, struct engine_request old,
				       struct engine_request *req)
{
	for (;;) {
		assert_int_equal(engine_mark(e, offset, 1, req), 0);
		if (req->slot % 2 != old.slot % 2)
			return;
		engine_done(e, *req);
		usleep(1000);
	}
}

#endif
