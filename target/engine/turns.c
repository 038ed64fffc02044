/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "target/engine/turns.h"

void turns_init(struct turns *turns)
{
	*turns = (struct turns){.asked = 0};
	pthread_mutex_init(&turns->lock, NULL);
	pthread_cond_init(&turns->given, NULL);
}

void turns_destroy(struct turns *turns)
{
	pthread_cond_destroy(&turns->given);
	pthread_mutex_destroy(&turns->lock);
}

void turns_take(struct turns *turns)
{
	uint64_t mine;

	pthread_mutex_lock(&turns->lock);
	mine = turns->asked++;
	while (turns->served != mine)
		pthread_cond_wait(&turns->given, &turns->lock);
	pthread_mutex_unlock(&turns->lock);
}

void turns_give(struct turns *turns)
{
	pthread_mutex_lock(&turns->lock);
	turns->served++;
	pthread_cond_broadcast(&turns->given);
	pthread_mutex_unlock(&turns->lock);
}
