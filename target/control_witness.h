/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The reply to the request witness: the bytes of a witness's file in hexadecimal digits. */
#ifndef ERA_TARGET_CONTROL_WITNESS_H
#define ERA_TARGET_CONTROL_WITNESS_H

#include "base/compiler.h"
#include "target/engine/engine.h"

/* Makes a witness of the metadata as they are now, while requests go on.  Sets *line, to be freed:
 * one line without its newline.  *cancelled ends it.  Returns 0, or an error, reported but for
 * ERA_CANCELLED. */
int control_witness_line(struct engine *e, const _Atomic bool *cancelled, char **line) must_check;

#endif
