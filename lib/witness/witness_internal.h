/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A comparison is begun, given all chunks of a view's era map, and ended. */
#ifndef ROOM_WITNESS
#error "for lib/witness alone"
#endif
#ifndef ERA_WITNESS_WITNESS_INTERNAL_H
#define ERA_WITNESS_WITNESS_INTERNAL_H

#include "metadata/map.h"
#include "witness/witness.h"

struct witness_comparison;

/* Can the view answer for `since` at all, next to that witness?  0, or ERA_NO_ANSWER, reported. */
int witness_allowed(const struct witness *old, const struct witness_subject *subject,
		    uint32_t since) must_check;

/* Compares the blocks before `limit` that both have.  All must outlive it. */
struct witness_comparison *witness_comparison_begin(const struct witness *old,
						    const struct witness_subject *subject,
						    uint64_t limit);
void witness_comparison_add(struct witness_comparison *c, const struct era_chunk *chunk);

/* 0, or ERA_NO_ANSWER: says what fell.  Notes what else there is to know. */
int witness_comparison_end(const struct witness_comparison *c) must_check;

#endif
