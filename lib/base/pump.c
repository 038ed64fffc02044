/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who finds nothing to do sleeps until half of the buffers wait for it, so that the two threads
 * change places seldom where they have to share a processor.  Only one of them can be asleep.
 */
#include "base/pump.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/io.h"

#define HALF (PUMP_BUFFERS / 2)

static struct pump_buffer *slot(struct pump *pump, unsigned nr)
{
	return &pump->ring[nr % PUMP_BUFFERS];
}

static unsigned pending(const struct pump *pump)
{
	return pump->handed - pump->written;
}

/* The buffer to write next, or NULL at the end. */
static struct pump_buffer *wait_for_work(struct pump *pump)
{
	if (!pending(pump))
		while (pending(pump) < HALF && !pump->ending)
			pthread_cond_wait(&pump->changed, &pump->lock);
	return pending(pump) ? slot(pump, pump->written) : NULL;
}

/* Waits, when all buffers are on their way, for an empty one. */
static void wait_for_room(struct pump *pump)
{
	if (pending(pump) == PUMP_BUFFERS)
		while (pending(pump) > HALF)
			pthread_cond_wait(&pump->changed, &pump->lock);
}

static void wake_at_half(struct pump *pump)
{
	if (pending(pump) == HALF)
		pthread_cond_signal(&pump->changed);
}

static void *run(void *arg)
{
	struct pump *pump = arg;
	struct pump_buffer *buffer;

	pthread_mutex_lock(&pump->lock);
	while ((buffer = wait_for_work(pump))) {
		int error = pump->error;

		pthread_mutex_unlock(&pump->lock);
		if (!error)
			error = pump->write(pump->ctx, buffer->data, buffer->nr);
		pthread_mutex_lock(&pump->lock);
		pump->error = error;
		pump->written++;
		wake_at_half(pump);
	}
	pthread_mutex_unlock(&pump->lock);
	return NULL;
}

static int alloc_buffers(struct pump *pump, size_t size)
{
	for (unsigned i = 0; i < PUMP_BUFFERS; i++) {
		pump->ring[i].data = io_alloc(size);
		if (!pump->ring[i].data)
			return ENOMEM;
	}
	return 0;
}

static void end_thread(struct pump *pump)
{
	pthread_mutex_lock(&pump->lock);
	pump->ending = true;
	pthread_cond_signal(&pump->changed);
	pthread_mutex_unlock(&pump->lock);
	pthread_join(pump->thread, NULL);
}

/* Signals are the main thread's. */
static int start_thread(struct pump *pump)
{
	sigset_t all, before;
	int r, restored;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return r;
	r = pthread_create(&pump->thread, NULL, run, pump);
	restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r && restored)
		end_thread(pump);
	return r ? r : restored;
}

void pump_free(struct pump *pump)
{
	pthread_cond_destroy(&pump->changed);
	pthread_mutex_destroy(&pump->lock);
	for (unsigned i = 0; i < PUMP_BUFFERS; i++)
		free(pump->ring[i].data);
}

int pump_start(struct pump *pump, size_t size, pump_write *write, void *ctx)
{
	int r;

	*pump = (struct pump){.write = write, .ctx = ctx};
	pthread_mutex_init(&pump->lock, NULL);
	pthread_cond_init(&pump->changed, NULL);
	r = alloc_buffers(pump, size);
	if (!r)
		r = start_thread(pump);
	if (r)
		pump_free(pump);
	return r;
}

/* The slot's old buffer is written, and so the empty one. */
char *pump_swap(struct pump *pump, char *full, size_t n, int *error)
{
	struct pump_buffer *buffer;
	char *empty;

	pthread_mutex_lock(&pump->lock);
	wait_for_room(pump);
	buffer = slot(pump, pump->handed++);
	empty = buffer->data;
	*buffer = (struct pump_buffer){full, n};
	*error = pump->error;
	wake_at_half(pump);
	pthread_mutex_unlock(&pump->lock);
	return empty;
}

int pump_end(struct pump *pump)
{
	end_thread(pump);
	return pump->error;
}
