/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which eras may be asked for, when there is a witness to compare the metadata with.
 *
 * Metadata that were made anew, or are an older copy, come to every era again, and what they list
 * since then lacks what the others knew.  So the metadata are compared once, at the start; later
 * nobody else can change them.  Then there are three kinds of eras:
 *
 *	up to the witness's, plus one   may have been remembered with it: allowed if the metadata
 *	                                are those of the witness, otherwise refused
 *	after that, before the start    remembered without it: nothing proves them, so refused
 *	begun by this server            allowed, unless one may have been remembered with the
 *	                                witness of other metadata
 *
 * Metadata that are not the witness's come to its eras, too, and then there may be nothing left
 * that shows it.  So a server that begins eras keeps a copy of a witness that it has found to be
 * refuted, as FILE.refuted, FILE.refuted.2 and so on, and that witness proves nothing any more.
 *
 * Era 0 is always allowed: its list has every block.  Nothing else depends on a witness: writes go
 * on, and are marked.
 *
 * There is one object per process.  It does not change any more when connections are served.
 */
#ifndef ERA_TARGET_GUARD_H
#define ERA_TARGET_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "target/view.h"

/* Reads the witness at path, and compares the view with it; NULL: the metadata are new, and so not
 * those of any witness.  What is wrong is logged, and does no more harm than that eras are
 * refused; but -1 if it is refuted, and that can't be kept: then no era may begin.  path must
 * outlive all calls. */
int guard_compare(const char *path, const struct target_view *view, bool begins_eras) must_check;

/* The era that this server has begun at its start.  One that begins none does not call it. */
void guard_begin(uint32_t era);

/* May be asked for what was written since that era?  current: the era of this server, or 0 if it
 * begins none.  Returns 0, or -1, logged.  Without guard_compare() any era may be asked for. */
int guard_check(uint32_t since, uint32_t current) must_check;

/* From this block on all are listed since that era: the witness does not have them, so the device
 * has grown. */
uint64_t guard_listed_from(uint32_t since);

void guard_free(void);

#endif
