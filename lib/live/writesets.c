/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "live/live_internal.h"
#include "pdata/btree_edit.h"

int live_next_writeset(struct era_live *live, uint64_t era, struct live_writeset *ws)
{
	struct writeset_disk disk;
	int r = btree_next(&live->txn, BLOCK_WRITESET_NODE, live->sb.writeset_tree_root, &era,
			   &disk);

	if (r > 0)
		*ws = (struct live_writeset){era, le64_get(disk.root), le32_get(disk.nr_bits)};
	return r;
}

int live_each_writeset(struct era_live *live, live_writeset_fn *each, void *ctx)
{
	struct live_writeset ws;
	int r = live_next_writeset(live, 0, &ws);

	while (r > 0) {
		r = each(live, &ws, ctx);
		if (r)
			return r;
		r = live_next_writeset(live, ws.era + 1, &ws);
	}
	return r;
}
