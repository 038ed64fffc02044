/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Lines of text in buffers that may be too small for them, above all because of a long path.
 *
 * The beginning of a message says where, its end says why and what to do now.  So what does not fit
 * is left out in the middle, and "[...]" stands for it.
 */
#ifndef ERA_BASE_TEXT_H
#define ERA_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"

/* Enough for a message with the longest path that Linux opens. */
#define TEXT_LINE_MAX 8192u

/* Like snprintf(), but for the middle; size is at least 64.  Characters of UTF-8 stay whole.  When
 * there is no memory, the end is left out instead. */
void text_format(char *text, size_t size, const char *fmt, ...) format_printf(3, 4);
void text_vformat(char *text, size_t size, const char *fmt, va_list args) format_printf(3, 0);

/* text_format() of "%s", which needs no memory. */
void text_copy(char *to, size_t size, const char *text);

#endif
