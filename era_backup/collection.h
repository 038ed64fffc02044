/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * What --converge has copied in several rounds: a nameless file in which each block is at its
 * place, as it was copied last, and a bit for each block that was copied at all.
 */
#ifndef ERA_ERA_BACKUP_COLLECTION_H
#define ERA_ERA_BACKUP_COLLECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "copy/copier.h"
#include "copy/target.h"

struct collection {
	struct copy_target file;
	uint64_t *copied;
	uint64_t block_size, nr_blocks, size;
};

/* near: in the directory of this file; NULL: of temporary files.  All calls report errors.
 * collection_free() must be called even after a failure. */
int collection_make(struct collection **out, const char *near, uint64_t size, uint64_t block_size,
		    const struct report *rep) must_check;
void collection_free(struct collection *c); /* NULL is legal */

/* Copies the ranges of the task. */
int collection_copy(struct collection *c, const struct copy_task *task) must_check;
int collection_put(struct collection *c, uint64_t offset, const void *data,
		   uint64_t length) must_check;

/* The next range that was copied, from *at on, which begins with 0; false at the end. */
bool collection_next(const struct collection *c, uint64_t *at, uint64_t *offset, uint64_t *length);
uint64_t collection_bytes(const struct collection *c);

#endif
