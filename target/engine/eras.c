/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The eras of all blocks, piece by piece.  A piece is gathered as the list of changes is
 * (changes.c): the marks of the current era at one moment, then the writesets, and the era array at
 * the end.  So each block has an era that it had when the call began, or a later one, but is never
 * said to be of an era later than the one that was current then.
 *
 * Only what is committed is read: marks are, and digestion, which may not be, changes no era.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "target/engine/engine_internal.h"

#define PIECE_BLOCKS 4096u

struct piece {
	uint32_t most; /* no era is shown that is later */
	struct era_chunk chunk;
	struct era_live_eras reader;
	uint32_t eras[PIECE_BLOCKS];
	uint64_t lost[PIECE_BLOCKS / BITS_PER_WORD];
};

void engine_superblock(struct engine *e, struct superblock *sb)
{
	turns_take(&e->turns);
	*sb = *era_live_sb(e->live);
	turns_give(&e->turns);
}

/* With the turn. */
static void take_marks(struct engine *e, struct piece *p)
{
	for (uint32_t i = 0; i < p->chunk.nr; i++) {
		uint64_t block = p->chunk.first + i;
		uint64_t word = engine_marked_word(e, block / BITS_PER_WORD);

		p->eras[i] = word >> block % BITS_PER_WORD & 1 ? p->most : 0;
	}
}

static int read_some(struct engine *e, struct piece *p, bool is_first)
{
	int r;

	turns_take(&e->turns);
	if (is_first)
		take_marks(e, p);
	r = e->failed ? engine_refuse(e)
		      : era_live_eras_step(e->live, &p->reader, ENGINE_BLOCKS_A_TURN);
	turns_give(&e->turns);
	return r;
}

static int read_piece(struct engine *e, struct piece *p, uint64_t first,
		      const _Atomic bool *cancelled)
{
	int r = 1;

	p->chunk.first = first;
	p->chunk.nr = (uint32_t)min_u64(PIECE_BLOCKS, e->nr_blocks - first);
	era_live_eras_init(&p->reader, first, p->chunk.nr, p->eras);
	for (bool is_first = true; r > 0; is_first = false) {
		if (cancelled && atomic_load(cancelled))
			return ERA_CANCELLED;
		r = read_some(e, p, is_first);
	}
	for (uint32_t i = 0; i < p->chunk.nr; i++)
		p->eras[i] = (uint32_t)min_u64(p->eras[i], p->most);
	return r;
}

int engine_read_eras(struct engine *e, uint32_t most, const struct era_chunk_listener *listener,
		     const _Atomic bool *cancelled)
{
	struct piece *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return report_nomem(&e->rep);
	p->most = most;
	p->chunk.eras = p->eras;
	p->chunk.lost = p->lost;
	for (uint64_t first = 0; !r && first < e->nr_blocks; first += PIECE_BLOCKS) {
		r = read_piece(e, p, first, cancelled);
		if (!r)
			listener->on_chunk(listener->ctx, &p->chunk);
	}
	free(p);
	return r;
}
