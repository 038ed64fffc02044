/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Was anything discarded that no list has? */
#ifndef ERA_ERA_REVERT_DISCARDED_H
#define ERA_ERA_REVERT_DISCARDED_H

#include "era_backup/online.h"

/* Fails with ERA_NO_ANSWER, reported, if discards pass the device, or once did, or that is not
 * known.  trusted: where it is not known, they did not. */
int discarded_refuse(const struct online *o, bool trusted) must_check;

#endif
