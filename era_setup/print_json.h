/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_SETUP_PRINT_JSON_H
#define ERA_SETUP_PRINT_JSON_H

#include "base/compiler.h"
#include "era_setup/setup.h"
#include "output/json.h"

/* The document of a request that has succeeded.  Errors are reported. */
int setup_print_json(struct setup *s) must_check;

/* The devices that are meant, as elements of an array; json NULL: as text.  Errors are reported. */
int setup_each(const struct setup *s, struct json *json) must_check;

#endif
