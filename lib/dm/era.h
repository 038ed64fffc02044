/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Devices that are one era target. */
#ifndef ERA_DM_ERA_H
#define ERA_DM_ERA_H

#include "dm/dm.h"
#include "dm/suspend.h"
#include "dm/target.h"

/* A device that has another table is an error. */
int era_device_table(struct mapper *m, const char *name, struct era_table *table) must_check;

/* Fails, too, if the target can no longer write its metadata. */
int era_device_status(struct mapper *m, const char *name, struct era_status *status) must_check;

/* Refuses the last eras: whenever a target is resumed, one begins, and Linux goes on with 0. */
int era_wants_eras(struct mapper *m, const char *name, uint32_t era) must_check;

/*
 * The barrier: ends an era so that all writes of older eras are done and durable.
 *
 * *era begins: a copy of the origin that is made from now on, while the device is in use, and all
 * blocks that are listed as written since *era miss nothing, also after a power failure.
 *
 * It is one more than the era of the status before the device is suspended.  The messages of others
 * can only make it too low, and lists longer.  (A status after the resume may be too high: an era
 * in between, and its writes in flight, would be left out.)  The suspend waits for writes in
 * flight, and does not flush; so at the end the origin is.
 *
 * A target whose metadata or origin another device holds, too, is refused with ERA_NO_ANSWER, and
 * one whose metadata device is nearly full as well: where no era can begin, a device that was
 * suspended can't be resumed.
 */
int era_device_barrier(struct mapper *m, const char *name, uint32_t *era) must_check;

/* The same, with work to be done while the device is suspended; see dm/suspend.h for how. */
int era_device_barrier_with(struct mapper *m, const struct suspension *suspension,
			    uint32_t *era) must_check;

#endif
