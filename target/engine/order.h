/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The order in which a thread takes the engine's locks: each only if it holds none of the same or
 * a later place.  The devel build aborts if this is violated, or if a function is called without
 * the lock that it needs.
 */
#ifndef ERA_TARGET_ORDER_H
#define ERA_TARGET_ORDER_H

enum order { ORDER_MESSAGES, ORDER_TURN, ORDER_LOCK };

#ifdef ERA_ASSERTS
#include <assert.h>

extern _Thread_local unsigned order_held; /* one bit per lock that this thread holds */

static inline void order_take(enum order place)
{
	assert(!(order_held >> place));
	order_held |= 1u << place;
}

static inline void order_must_have(enum order place)
{
	assert(order_held >> place & 1);
}

static inline void order_give(enum order place)
{
	order_must_have(place);
	order_held &= ~(1u << place);
}
#else
static inline void order_take(enum order place)
{
	(void)place;
}

static inline void order_must_have(enum order place)
{
	(void)place;
}

static inline void order_give(enum order place)
{
	(void)place;
}
#endif

#endif
