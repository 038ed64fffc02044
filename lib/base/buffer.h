/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Sizes of buffers.  -DERA_SMALL_BUFFERS, for fuzzing, makes them small, so that short inputs fill
 * them and reach what happens next.
 */
#ifndef ERA_BASE_BUFFER_H
#define ERA_BASE_BUFFER_H

#ifdef ERA_SMALL_BUFFERS
#define BUFFER_SIZE(usual, small) (small)
#else
#define BUFFER_SIZE(usual, small) (usual)
#endif

#endif
