/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a device have metadata at all? */
#ifndef ERA_METADATA_RECOGNISE_H
#define ERA_METADATA_RECOGNISE_H

#include "base/compiler.h"

struct blk_dev;

/* Refuses a device that has no metadata, judging by its size or first bytes, with words that
 * scripts know. */
int era_look_like_metadata(struct blk_dev *dev) must_check;

#endif
