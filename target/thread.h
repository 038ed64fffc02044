/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_TARGET_THREAD_H
#define ERA_TARGET_THREAD_H

#include <pthread.h>

#include "base/compiler.h"

/* Starts a thread that takes no signals; these go to the main thread.  Returns 0, or a positive
 * errno. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg) must_check;

#endif
