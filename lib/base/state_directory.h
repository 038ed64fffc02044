/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Where it is kept what must be known after a restart. */
#ifndef ERA_BASE_STATE_DIRECTORY_H
#define ERA_BASE_STATE_DIRECTORY_H

#include "base/compiler.h"
#include "base/report.h"

#define STATE_DIRECTORY "/var/lib/era-tools"

/* What is noted before the directory above is there, or while another filesystem is to be mounted
 * over it; it is gone after a restart. */
#define RUN_DIRECTORY "/run/era-tools"

/* Makes it, if it is not there; everybody can read it.  Errors are reported. */
int state_directory_make(const struct report *rep) must_check;

/* The same.  Returns 1 where there is no /run. */
int run_directory_make(const struct report *rep) must_check;

#endif
