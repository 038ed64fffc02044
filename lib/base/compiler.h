/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Attributes of the compiler, under short names. */
#ifndef ERA_BASE_COMPILER_H
#define ERA_BASE_COMPILER_H

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
#define format_printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define cleanup(fn) __attribute__((cleanup(fn)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
