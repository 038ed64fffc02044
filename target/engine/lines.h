/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The lines of status and table, in the form of the kernel's target, without a newline. */
#ifndef ERA_TARGET_ENGINE_LINES_H
#define ERA_TARGET_ENGINE_LINES_H

#include <stddef.h>
#include <stdint.h>

#define ENGINE_LINE_MAX 1024

/* What a status says about the metadata, as of their last commit. */
struct engine_figures {
	uint64_t used, total; /* metadata blocks */
	uint64_t spare;	      /* of these, usable before no era can begin; not in the lines */
	uint64_t snapshot;    /* its block, or 0 */
	uint32_t era;
};

/* <metadata block size in sectors> <used>/<total metadata blocks> <era> <snapshot's block | -> */
void engine_status_line(char *line, size_t size, const struct engine_figures *figures);

/* <metadata> <origin> <block size in sectors>; an origin without a name, "" or NULL, is "-". */
void engine_table_line(char *line, size_t size, const char *metadata, const char *origin,
		       uint64_t sectors);

#endif
