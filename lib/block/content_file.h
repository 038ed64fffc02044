/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What no device begins with, but a file that was taken for one: XML, compressed data, archives,
 * images of disks, streams.
 */
#ifndef ERA_BLOCK_CONTENT_FILE_H
#define ERA_BLOCK_CONTENT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct content_file {
	const char *name; /* as in "data compressed by xz" */
	const char *hint; /* what to do with it; may be NULL */
};

/* What data of a block or less begin with; NULL: with nothing that is known. */
const struct content_file *content_file_find(const void *data, size_t len) must_check;

/* In UTF-8 or UTF-16. */
bool content_is_xml(const void *data, size_t len) must_check;

#endif
