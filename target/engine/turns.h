/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A lock that is granted in the order of asking: a thread that takes it repeatedly for short times
 * keeps no other thread out for longer than one of these.  Releasing it wakes one thread: the
 * next.
 */
#ifndef ERA_TARGET_TURNS_H
#define ERA_TARGET_TURNS_H

#include <pthread.h>
#include <stdbool.h>

struct turns_waiter;

struct turns {
	pthread_mutex_t lock;
	bool is_taken;
	struct turns_waiter *first, *last; /* waiting threads, in the order of asking */
};

void turns_init(struct turns *turns);
void turns_destroy(struct turns *turns);

void turns_take(struct turns *turns);
void turns_give(struct turns *turns);

#endif
