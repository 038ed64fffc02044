/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first era of metadata made anew.
 *
 * Eras should hardly ever come twice: whoever remembers one of metadata that are gone, or were on this
 * device before, and asks the new ones for what was written since, must get all blocks.  So new metadata
 * begin in an era that is above all that may be remembered, with every block written in it: the seconds
 * since 1970, or where the device tells of higher eras a million above these.
 */
#ifndef ERA_SALVAGE_FIRST_ERA_H
#define ERA_SALVAGE_FIRST_ERA_H

#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"

/* Eras that must be left when metadata are made: three years of one a second. */
#define FIRST_ERA_LEFT 100000000u
#define FIRST_ERA_MAX (UINT32_MAX - FIRST_ERA_LEFT)

/* Looks at every block of dev, and at the clock.  ERA_NO_ANSWER: the clock can't be right, or the device
 * tells of eras that leave too few; ERA_SYS.  All is reported; *era is set on success only. */
int first_era(struct blk_dev *dev, uint32_t *era) must_check;

#endif
