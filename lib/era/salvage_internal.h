/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ERA_ERA_SALVAGE_INTERNAL_H
#define ERA_ERA_SALVAGE_INTERNAL_H

#include "base/compiler.h"
#include "era/salvage.h"
#include "era/view.h"

/* Of a live, repairing view of metadata that are not sound: which field of the superblock is wrong,
 * as its space map proves?  1 when that is known: the view has begun anew with what is right
 * (noted), or stays as it is.  0 when nothing is proven, or an error: then the view is closed.
 * *newest becomes the highest era in any sound block of the device. */
int salvage_roots(struct era_view *view, uint32_t *newest) must_check;

/* Is there a space map on the device, wherever it lies, that recomputes and has the superblock's trees?
 * Then all that leads to data blocks is right in it.  1, 0, or ERA_SYS. */
int salvage_confirms(struct blk_dev *dev, const struct superblock *sb) must_check;

/* Finds what may have been the newest generation, into s->found; nothing there when nothing is proven
 * (noted).  0, or an error: ERA_DAMAGED when the hints contradict what was found (reported). */
int salvage_find_newest(struct era_salvage *s, const struct era_salvage_hints *hints) must_check;

#endif
