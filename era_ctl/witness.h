/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* A witness of a target's metadata, as a file. */
#ifndef ERA_CTL_WITNESS_H
#define ERA_CTL_WITNESS_H

#include "era_ctl/peer.h"
#include "tools/tool.h"

/* Writes the file from the peer's reply, and replaces an old one when all of it is on the disk. */
int witness_write(struct tool *tool, const struct peer *peer, const char *path);

#endif
