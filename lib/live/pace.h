/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * How fast eras begin.
 *
 * Metadata that are made anew begin in the era of the clock (salvage/first_era.h), which must not
 * come before any era that was recorded with those that are lost.  Recorded is at most the era
 * after the current one.  So an era begins when its second is over; and if the eras are ahead of
 * the clock, each lasts two seconds, so that they never get farther ahead than they were.
 */
#ifndef ERA_LIVE_PACE_H
#define ERA_LIVE_PACE_H

#include <stdint.h>

#include "base/compiler.h"

/* When an era begins now, and the one before began at earlier_ms: the time at which it is to count
 * as begun.  Where there was time enough, up to two eras may begin early. */
int64_t era_live_pace_begun(int64_t earlier_ms) must_check;

/* Waits until as many eras as nr may begin after this one, one right after the other; that is not
 * for long.  begun_ms: when this one began, or else its metadata were opened, by clock_ms(). */
void era_live_keep_pace(uint32_t current_era, uint32_t nr, int64_t begun_ms);

#endif
