/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Discards of a tracked device.
 *
 * Linux marks only the first block of each discard, whatever its length, so blocks that read as
 * zeroes afterwards would not be listed.  Without them a trim fails, and nothing is lost.
 */
#ifndef ERA_SETUP_DISCARDS_H
#define ERA_SETUP_DISCARDS_H

#include "base/compiler.h"
#include "dm/dm.h"

enum discards {
	DISCARDS_UNKNOWN,
	DISCARDS_OFF, /* or the origin has none */
	DISCARDS_ON,
};

enum discards discards_look(const struct mapper_info *info);

/* Has it taken any?  What is not known counts. */
bool discards_were_done(const struct mapper_info *info);

/* To be called whenever a table has come into use, which switches them on again. */
int discards_switch_off(const char *name, const struct mapper_info *info,
			const struct report *rep) must_check;

/* What a table that comes into use allows depends on the device below it at that moment, so while
 * that one has none, there is no moment with discards.  The device is MAJOR:MINOR. */
struct held_discards {
	char dir[64], limit[32]; /* "": nothing is held */
};

void discards_hold(const char *numbers, struct held_discards *held);
/* What can't be restored is noted. */
void discards_release(const struct held_discards *held, const char *name, const struct report *rep);

#endif
