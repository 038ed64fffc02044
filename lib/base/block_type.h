/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* What a metadata block is used for.  One block has one type, however many point to it. */
#ifndef ERA_BASE_BLOCK_TYPE_H
#define ERA_BASE_BLOCK_TYPE_H

enum block_type {
	BLOCK_NONE,
	BLOCK_SUPERBLOCK,
	BLOCK_SNAPSHOT,
	BLOCK_INDEX,
	BLOCK_BITMAP,
	BLOCK_REF_NODE,
	BLOCK_WRITESET_NODE,
	BLOCK_BITSET_NODE,
	BLOCK_BITSET,
	BLOCK_ERA_NODE,
	BLOCK_ERA,
	NR_BLOCK_TYPES
};

/* e.g. "era array block" */
const char *block_type_name(enum block_type type);

#endif
