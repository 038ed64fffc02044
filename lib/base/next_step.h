/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to do now: the last words of the message with which a call or a command ends, so that the
 * same failure always leads to the same way on.  Each of them follows a ':' or a ';'.
 */
#ifndef ERA_BASE_NEXT_STEP_H
#define ERA_BASE_NEXT_STEP_H

/* There is no safe answer. */
#define NEXT_FULL_BACKUP "treat every block as written, take a full backup"

/* The superblock is destroyed, or may be. */
#define NEXT_SALVAGE \
	"only " ERA_PROGRAM " repair and " ERA_PROGRAM " dump --repair can tell what it held; " \
	"until then " NEXT_FULL_BACKUP

#endif
