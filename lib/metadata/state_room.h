/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The end of a metadata device, which the space map may leave to what is kept with the metadata:
 * the state of a tracked device.  doc/state.md has the format. */
#ifndef ERA_METADATA_STATE_ROOM_H
#define ERA_METADATA_STATE_ROOM_H

#define STATE_ROOM_BLOCKS 256u /* metadata blocks */

/* Two slots, one behind the other; each may hold a state, which begins so. */
#define STATE_ROOM_SLOT_BLOCKS (STATE_ROOM_BLOCKS / 2)
#define STATE_ROOM_MAGIC "era-tools state\n"
#define STATE_ROOM_MAGIC_BYTES 16u

#endif
