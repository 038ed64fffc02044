/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The first era of new metadata.
 *
 * Eras should hardly ever be used twice: a question about an era that was recorded with metadata
 * that are gone, or were on this device before, must be answered with all blocks.  So new metadata
 * begin in an era above all that may have been recorded, with every block written in it: the
 * seconds since 1970 or, if the device shows higher eras, a million above these.
 */
#ifndef ERA_SALVAGE_FIRST_ERA_H
#define ERA_SALVAGE_FIRST_ERA_H

#include <stdint.h>

#include "base/compiler.h"
#include "block/dev.h"

/* Eras that must be left when metadata are created: three years with one per second. */
#define FIRST_ERA_LEFT 100000000u
#define FIRST_ERA_MAX (UINT32_MAX - FIRST_ERA_LEFT)

/* How far the eras of a kernel's target, which begin as soon as it is asked, may have got since
 * metadata were copied that are put back; eras that are so far ahead of the clock that it says
 * nothing of them; and for how many seconds metadata that are put back again and again get other
 * eras each time, where they are ahead of the clock. */
#define FIRST_ERA_LEAD 3600
#define FIRST_ERA_FAR 500000
#define FIRST_ERA_TURN 1048576

/* Examines every block of dev, and the clock.  ERA_NO_ANSWER: the clock can't be right, or the
 * eras on the device leave too few; or ERA_SYS.  All errors are reported; *era is set on success
 * only.  option: where the era can be given instead, for the message, or NULL. */
int first_era(struct blk_dev *dev, const char *option, uint32_t *era) must_check;

/* The era in which all blocks of metadata in current_era count as written, where nobody knows what
 * was written, or whether these are older metadata that were put back: above those that may have
 * been recorded with newer ones, too.  FIRST_ERA_LEAD above the seconds since 1970; if the eras are
 * ahead of these, so much above them, or a million if they are FIRST_ERA_FAR ahead or the clock
 * can't be right, and up to FIRST_ERA_TURN more, by the clock; near the last era the next, if there
 * is one.  Metadata that are older than two such marks know of neither: put back before the clock
 * has reached the era of the second, they may get one below it. */
uint32_t first_era_of_unknown(uint32_t current_era);

/* The seconds since 1970 alone, with the same errors. */
int first_era_by_clock(const struct blk_dev *dev, const char *option, uint32_t *seconds) must_check;

#endif
