/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The rules that the check and all readers apply to a view's writesets and era array, beyond the
 * validity of each of their blocks; and the names used in problems. */
#ifndef ERA_METADATA_RULES_H
#define ERA_METADATA_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "metadata/superblock.h"
#include "pdata/array.h"

/* These check an archived writeset's era, and the number of bits of any writeset.  block: where
 * that is stored.  ERA_DAMAGED sets all of *p but `where`. */
int writeset_check_era(const struct superblock *sb, bool has_current, uint64_t block, uint64_t era,
		       struct problem *p) must_check;
int writeset_check_bits(uint64_t block, uint32_t nr_bits, uint32_t max,
			struct problem *p) must_check;

/* What users of the arrays require of a sound block: no bit of a writeset is set past its end, and
 * no era is after the current one.  part is a known one; *max becomes its highest era.  Return 0,
 * or ERA_DAMAGED with all of *p set but `where`. */
int writeset_check_part(const struct array_iter *it, const struct array_part *part,
			uint32_t nr_bits, struct problem *p) must_check;
int era_check_part(const struct array_part *part, uint32_t current_era, uint32_t *max,
		   struct problem *p) must_check;

/* "metadata snapshot, " for a snapshot's view, otherwise "". */
const char *era_view_prefix(bool snapshot);

/* Sets name, of BTREE_NAME_MAX bytes: "writeset of era 5" or "current writeset", after the view's
 * prefix. */
void writeset_name(char *name, bool snapshot, bool is_current, uint32_t era);

#endif
