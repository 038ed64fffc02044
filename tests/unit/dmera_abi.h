/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What programs that were compiled with dmera.h rely on as long as the soname stays: sizes, places
 * and values.  A row may be added; one that has to be changed needs another soname.  Structures
 * that are passed with their size, or that only the library makes, may get longer, so their size is
 * no less than it was.
 */
#ifndef ERA_TESTS_DMERA_ABI_H
#define ERA_TESTS_DMERA_ABI_H

#include <dmera.h>

#define VALUE(name, value) _Static_assert((name) == (value), #name)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#define SIZE_AT_LEAST(type, size) _Static_assert(sizeof(struct type) >= (size), #type)
#define PLACE(type, member, offset, size) \
	_Static_assert(offsetof(struct type, member) == (offset) && \
			       sizeof(((struct type *)0)->member) == (size), \
		       #type "." #member)

VALUE(DMERA_OK, 0);
VALUE(DMERA_DAMAGED, -1);
VALUE(DMERA_SYSTEM, -2);
VALUE(DMERA_NO_ANSWER, -3);
VALUE(DMERA_INVALID, -4);
_Static_assert(sizeof(enum dmera_result) == sizeof(int), "enumerations are passed as int");

VALUE(DMERA_FATAL, 0);
VALUE(DMERA_NON_FATAL, 1);
VALUE(DMERA_NOTE, 2);
VALUE(DMERA_NO_BLOCK, UINT64_MAX);

/* Offsets after the first member depend on the size of a pointer. */
#define PTR sizeof(void *)
#define AFTER_NAME (PTR == 8 ? 8 : 4)
#define PADDING (PTR == 4 && _Alignof(struct dmera_run) == 8 ? 4 : 0)
PLACE(dmera_problem, name, 0, PTR);
PLACE(dmera_problem, severity, AFTER_NAME, 4);
PLACE(dmera_problem, repairable, AFTER_NAME + 4, 4);
PLACE(dmera_problem, block, AFTER_NAME + 8 + PADDING, 8);
PLACE(dmera_problem, nr_blocks, offsetof(struct dmera_problem, block) + 8, 8);
PLACE(dmera_problem, where, offsetof(struct dmera_problem, block) + 16, PTR);
PLACE(dmera_problem, what, offsetof(struct dmera_problem, where) + PTR, PTR);
PLACE(dmera_problem, found, offsetof(struct dmera_problem, where) + 2 * PTR, PTR);
PLACE(dmera_problem, wanted, offsetof(struct dmera_problem, where) + 3 * PTR, PTR);
PLACE(dmera_problem, text, offsetof(struct dmera_problem, where) + 4 * PTR, PTR);
SIZE_AT_LEAST(dmera_problem, offsetof(struct dmera_problem, text) + PTR);

VALUE(DMERA_SNAPSHOT, 1);
VALUE(DMERA_REPAIR, 2);
VALUE(DMERA_SUSPENDED, 4);

VALUE(DMERA_IS_SNAPSHOT, 1);
VALUE(DMERA_HAS_SNAPSHOT, 2);
VALUE(DMERA_IS_CLEAN, 4);
VALUE(DMERA_IS_UNFLUSHED, 8);

PLACE(dmera_facts, block_size, 0, 8);
PLACE(dmera_facts, nr_blocks, 8, 8);
PLACE(dmera_facts, nr_problems, 16, 8);
PLACE(dmera_facts, flags, 24, 4);
PLACE(dmera_facts, era, 28, 4);
PLACE(dmera_facts, live_era, 32, 4);
PLACE(dmera_facts, era_to_remember, 36, 4);
PLACE(dmera_facts, unflushed_since, 40, 4);
PLACE(dmera_facts, reserved, 44, 4);
SIZE_AT_LEAST(dmera_facts, 48);

VALUE(DMERA_LIVE_ERA, UINT64_MAX);

PLACE(dmera_totals, nr_blocks, 0, 8);
PLACE(dmera_totals, nr_changed, 8, 8);
PLACE(dmera_totals, nr_unknown, 16, 8);
PLACE(dmera_totals, nr_problems, 24, 8);
SIZE_AT_LEAST(dmera_totals, 32);

VALUE(DMERA_RUN_UNKNOWN, 1);
PLACE(dmera_run, block, 0, 8);
PLACE(dmera_run, nr_blocks, 8, 8);
PLACE(dmera_run, offset, 16, 8);
PLACE(dmera_run, length, 24, 8);
PLACE(dmera_run, flags, 32, 4);
PLACE(dmera_run, reserved, 36, 4);
SIZE(dmera_run, 40);

VALUE(DMERA_CHANGED, 0);
VALUE(DMERA_UNKNOWN, 1);

VALUE(DMERA_WITNESS_MAX_BYTES, 65536);
PLACE(dmera_witness_facts, block_size, 0, 8);
PLACE(dmera_witness_facts, nr_blocks, 8, 8);
PLACE(dmera_witness_facts, era, 16, 4);
PLACE(dmera_witness_facts, flags, 20, 4);
SIZE_AT_LEAST(dmera_witness_facts, 24);

VALUE(DMERA_CHECK_ALL, 0);
VALUE(DMERA_CHECK_SUPERBLOCK, 1);
VALUE(DMERA_CHECK_SNAPSHOT, 2);

PLACE(dmera_check, nr_fatal, 0, 8);
PLACE(dmera_check, nr_non_fatal, 8, 8);
PLACE(dmera_check, nr_notes, 16, 8);
PLACE(dmera_check, nr_read_errors, 24, 8);
PLACE(dmera_check, nr_refusals, 32, 8);
PLACE(dmera_check, device_blocks, 40, 8);
PLACE(dmera_check, space_map_blocks, 48, 8);
PLACE(dmera_check, allocated_blocks, 56, 8);
PLACE(dmera_check, reachable_blocks, 64, 8);
SIZE_AT_LEAST(dmera_check, 72);

#undef VALUE
#undef SIZE
#undef SIZE_AT_LEAST
#undef PLACE
#undef PTR
#undef AFTER_NAME
#undef PADDING

#endif
