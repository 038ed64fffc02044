/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the check and all readers hold a view's writesets and era array against, beyond what makes each block
 * of them sound; and the names by which problems are told of. */
#ifndef ERA_METADATA_RULES_H
#define ERA_METADATA_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"
#include "pdata/array.h"

/* Check an archived writeset's era, and the number of bits of any.  block: that says so.
 * ERA_DAMAGED sets *p but `where`. */
int writeset_check_era(const struct superblock *sb, bool has_current, uint64_t block, uint64_t era,
		       struct problem *p) must_check;
int writeset_check_bits(uint64_t block, uint32_t nr_bits, uint32_t max, struct problem *p)
	must_check;

/* What the arrays' users know of a sound block besides: no bit of a writeset lies past its end, and
 * no era after the current one.  part is a known one; *max becomes its highest era.  0, or
 * ERA_DAMAGED with *p set but `where`. */
int writeset_check_part(const struct array_iter *it, const struct array_part *part,
			uint32_t nr_bits, struct problem *p) must_check;
int era_check_part(const struct array_part *part, uint32_t current_era, uint32_t *max,
		   struct problem *p) must_check;

/* "metadata snapshot, " for a snapshot's view, else "". */
const char *era_view_prefix(bool snapshot);

/* "writeset of era 5", "current writeset", with the view's prefix; of BTREE_NAME_MAX bytes. */
void writeset_name(char *name, bool snapshot, bool is_current, uint32_t era);

#endif
