/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a metadata block is used for.  One block has one role, however many point to it. */
#ifndef ERA_BASE_ROLE_H
#define ERA_BASE_ROLE_H

enum blk_role {
	ROLE_NONE,
	ROLE_SUPERBLOCK,
	ROLE_SNAPSHOT,
	ROLE_INDEX,
	ROLE_BITMAP,
	ROLE_REF_NODE,
	ROLE_WRITESET_NODE,
	ROLE_BITSET_NODE,
	ROLE_BITSET,
	ROLE_ERA_NODE,
	ROLE_ERA,
	NR_ROLES
};

/* e.g. "era array block" */
const char *blk_role_name(enum blk_role role);

#endif
