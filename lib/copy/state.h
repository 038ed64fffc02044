/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The state of a backup: a file beside TARGET that says which backup it is, and what is under way.
 *
 * Lines of text, "KEY VALUE", that end with a checksum; doc/delta.md has them.  The file is
 * replaced as a whole, so it is always the old or the new one.
 */
#ifndef ERA_COPY_STATE_H
#define ERA_COPY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "copy/delta.h"
#include "copy/samples.h"

#define BACKUP_STATE_MAX_BYTES (256u << 10)

struct backup_state {
	/* What TARGET was when it was last complete.  The rest of this part is set with it. */
	bool has_base;
	struct backup_name base;
	uint64_t size;
	uint32_t block_size; /* 0: unknown */
	char origin[DELTA_ORIGIN_MAX + 1];
	uint32_t witness_size; /* 0: there is none */
	uint8_t witness[DELTA_WITNESS_MAX];
	bool is_refuted; /* metadata were found that are not the witness's, or older ones */
	struct samples samples;
	/* The device was as TARGET when this era began, since it was reverted to it: what was
	 * written since then is what differs.  Without it, since the era of the base. */
	bool has_reverted_era;
	uint32_t reverted_era;

	/* A delta is being applied: TARGET is neither, until that delta has been applied again. */
	bool under_way;
	struct delta_header going;
	bool is_staged; /* the delta lies in the staging file */

	/* Of a backup that is being made: the era of the metadata snapshot that it is about to
	 * take, noted before it is. */
	bool has_snapshot_era;
	uint32_t snapshot_era;
};

/* The era since which TARGET and the device differ only in what was written. */
uint32_t backup_state_since(const struct backup_state *state);

/* All errors are reported: ERA_DAMAGED for a file that is no sound state.  Returns 1, or 0 if there
 * is no file.  A struct is large; *state is unchanged on failure. */
int backup_state_load(struct backup_state *state, const char *path,
		      const struct report *rep) must_check;
int backup_state_save(const struct backup_state *state, const char *path,
		      const struct report *rep) must_check;

/* The same in memory.  encode returns the length of text, which has BACKUP_STATE_MAX_BYTES bytes
 * and gets no NUL. */
size_t backup_state_encode(const struct backup_state *state, char *text);
int backup_state_decode(struct backup_state *state, const char *name, const char *text, size_t len,
			const struct report *rep) must_check;

#endif
