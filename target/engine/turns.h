/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lock that is had in the order of asking for it, so that nobody who holds it for many short times
 * in a row keeps the others out for longer than one of them. */
#ifndef ERA_TARGET_TURNS_H
#define ERA_TARGET_TURNS_H

#include <pthread.h>
#include <stdint.h>

struct turns {
	pthread_mutex_t lock;
	pthread_cond_t given;
	uint64_t asked, served;
};

void turns_init(struct turns *turns);
void turns_destroy(struct turns *turns);

void turns_take(struct turns *turns);
void turns_give(struct turns *turns);

#endif
