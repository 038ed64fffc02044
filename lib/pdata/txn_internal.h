/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The parts of txn_space_map.c that txn.c uses: the space map's own blocks. */
#ifndef ERA_PDATA_TXN_INTERNAL_H
#define ERA_PDATA_TXN_INTERNAL_H

#ifndef ROOM_PDATA
#error "for lib/pdata alone"
#endif

#include "pdata/txn.h"

/* Fills txn->counts and txn->bitmaps from txn->sm. */
int txn_load_space_map(struct txn *txn) must_check;

/* Puts new bitmaps, index and ref-count tree into the cache and sets txn->sm. */
int txn_store_space_map(struct txn *txn) must_check;

/* The most blocks that this takes. */
uint64_t txn_kept_back(const struct txn *txn);

#endif
