/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/engine/turns.h"

#include <stddef.h>

#include "target/engine/order.h"

#ifdef ERA_ASSERTS
_Thread_local unsigned order_held;
#endif

/* A thread that waits; it lies on that thread's stack. */
struct turns_waiter {
	pthread_cond_t given;
	bool has_turn;
	struct turns_waiter *next;
};

void turns_init(struct turns *turns)
{
	*turns = (struct turns){.is_taken = false};
	pthread_mutex_init(&turns->lock, NULL);
}

void turns_destroy(struct turns *turns)
{
	pthread_mutex_destroy(&turns->lock);
}

static void join(struct turns *turns, struct turns_waiter *waiter)
{
	if (turns->last)
		turns->last->next = waiter;
	else
		turns->first = waiter;
	turns->last = waiter;
}

/* With the lock. */
static void wait_for_turn(struct turns *turns)
{
	struct turns_waiter self = {.has_turn = false};

	pthread_cond_init(&self.given, NULL);
	join(turns, &self);
	while (!self.has_turn)
		pthread_cond_wait(&self.given, &turns->lock);
	pthread_cond_destroy(&self.given);
}

void turns_take(struct turns *turns)
{
	order_take(ORDER_TURN);
	pthread_mutex_lock(&turns->lock);
	if (turns->is_taken)
		wait_for_turn(turns);
	turns->is_taken = true;
	pthread_mutex_unlock(&turns->lock);
}

/* It stays taken when it goes to a thread that waits, so that none gets in between. */
void turns_give(struct turns *turns)
{
	struct turns_waiter *next;

	order_give(ORDER_TURN);
	pthread_mutex_lock(&turns->lock);
	next = turns->first;
	turns->is_taken = next != NULL;
	if (next) {
		turns->first = next->next;
		if (!turns->first)
			turns->last = NULL;
		next->has_turn = true;
		pthread_cond_signal(&next->given);
	}
	pthread_mutex_unlock(&turns->lock);
}
