/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The requests that era ctl makes in the same words of both kinds of targets. */
#ifndef ERA_CTL_REQUESTS_H
#define ERA_CTL_REQUESTS_H

#include "era_ctl/target.h"

/* Each makes the request, and has the answer in target->peer.reply. */
typedef int request_make(struct target *target);

request_make request_status, request_table, request_checkpoint, request_take_metadata_snap,
	request_drop_metadata_snap, request_barrier, request_resume;

#endif
