/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What to do now: the last words of the message with which a call or a command ends, so that the
 * same failure always leads to the same way on.  Each of them follows a ':' or a ';'.
 */
#ifndef ERA_BASE_NEXT_STEP_H
#define ERA_BASE_NEXT_STEP_H

/* There is no safe answer. */
#define NEXT_FULL_BACKUP "treat every block as written, take a full backup"

/* Metadata are damaged. */
#define NEXT_REPAIR \
	ERA_PROGRAM " repair makes sound metadata, --repair counts what is unknown as written; " \
		    "otherwise " NEXT_FULL_BACKUP
#define NEXT_REPAIR_COUNTS \
	ERA_PROGRAM " check --auto-repair corrects the counts if nothing was lost; " NEXT_REPAIR
#define NEXT_WHOLE_COPY "use a whole copy of the metadata if there is one; " NEXT_REPAIR
#define NEXT_REPAIR_OR_DROP \
	NEXT_REPAIR "; where only the metadata snapshot is damaged it can be dropped"

/* The superblock is destroyed, or may be. */
#define NEXT_SALVAGE \
	"only " ERA_PROGRAM " repair and " ERA_PROGRAM " dump --repair can tell what it held; " \
	"until then " NEXT_FULL_BACKUP

/* The metadata snapshot is missing, or not the one that is wanted. */
#define NEXT_TAKE_SNAPSHOT \
	"take one by the message take_metadata_snap, or stop the target and read the live metadata"
#define NEXT_DROP_AND_TAKE "drop it and take another"
#define NEXT_STOP_AND_TAKE "stop what writes, drop it and take another"
#define NEXT_STOP_WRITER "stop what writes to them, and read them again"
#define NEXT_READ_AGAIN "take another, and hold it until the end"

/* A delta that does not belong on a backup. */
#define NEXT_OTHER_DELTA "apply the delta that starts from it, or take a full backup"

/* A cache. */
#define NEXT_DUMP_CACHE "dump them again, or leave out --cache-mappings"

#endif
