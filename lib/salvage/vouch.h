/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all blocks of a device prove of a superblock that is there, but of which not all is sound. */
#ifndef ERA_SALVAGE_VOUCH_H
#define ERA_SALVAGE_VOUCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"

/* What the blocks of a device tell, older copies included. */
struct salvage_traces {
	uint32_t newest;  /* the highest era */
	uint64_t longest; /* about the most entries that an era array had */
	bool is_followed; /* by eras just after the superblock's current one, as if that were an older one */
};

/* Of metadata that are not sound, with superblock *sb: which field of it is wrong, as its space map
 * proves?  1 when that is known: *sb has become what is right (noted), or stays when it says enough.
 * 0 when nothing is proven, or ERA_SYS. */
int salvage_roots(struct blk_dev *dev, struct superblock *sb, struct salvage_traces *traces)
	must_check;

/* Does the superblock say no less than each state that may be the newest, when these are looked for as if
 * it were destroyed, and the block `destroyed` (0: none), but nothing else?  1, 0, or ERA_SYS. */
int salvage_vouches(struct blk_dev *dev, const struct superblock *sb,
		    uint64_t destroyed) must_check;

#endif
