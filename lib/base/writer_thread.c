/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A thread that finds nothing to do sleeps until half of the buffers wait for it, so that the two
 * threads seldom change places where they have to share a processor.  Only one of them can be
 * asleep.
 */
#include "base/writer_thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/io.h"

#define HALF (WRITER_THREAD_BUFFERS / 2)

static struct writer_thread_buffer *slot(struct writer_thread *writer, unsigned nr)
{
	return &writer->ring[nr % WRITER_THREAD_BUFFERS];
}

static unsigned pending(const struct writer_thread *writer)
{
	return writer->handed - writer->written;
}

/* The buffer to write next, or NULL at the end. */
static struct writer_thread_buffer *wait_for_work(struct writer_thread *writer)
{
	if (!pending(writer))
		while (pending(writer) < HALF && !writer->ending)
			pthread_cond_wait(&writer->changed, &writer->lock);
	return pending(writer) ? slot(writer, writer->written) : NULL;
}

/* Waits, when all buffers are on their way, for an empty one. */
static void wait_for_buffer(struct writer_thread *writer)
{
	if (pending(writer) == WRITER_THREAD_BUFFERS)
		while (pending(writer) > HALF)
			pthread_cond_wait(&writer->changed, &writer->lock);
}

static void wake_at_half(struct writer_thread *writer)
{
	if (pending(writer) == HALF)
		pthread_cond_signal(&writer->changed);
}

static void *run(void *arg)
{
	struct writer_thread *writer = arg;
	struct writer_thread_buffer *buffer;

	pthread_mutex_lock(&writer->lock);
	while ((buffer = wait_for_work(writer))) {
		int error = writer->error;

		pthread_mutex_unlock(&writer->lock);
		if (!error)
			error = writer->write(writer->ctx, buffer->data, buffer->nr);
		pthread_mutex_lock(&writer->lock);
		writer->error = error;
		writer->written++;
		wake_at_half(writer);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static int alloc_buffers(struct writer_thread *writer, size_t size)
{
	for (unsigned i = 0; i < WRITER_THREAD_BUFFERS; i++) {
		writer->ring[i].data = io_alloc(size);
		if (!writer->ring[i].data)
			return ENOMEM;
	}
	return 0;
}

static void end_thread(struct writer_thread *writer)
{
	pthread_mutex_lock(&writer->lock);
	writer->ending = true;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
}

/* Signals are the main thread's. */
static int start_thread(struct writer_thread *writer)
{
	sigset_t all, before;
	int r, restored;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return r;
	r = pthread_create(&writer->thread, NULL, run, writer);
	restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r && restored)
		end_thread(writer);
	return r ? r : restored;
}

void writer_thread_free(struct writer_thread *writer)
{
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->lock);
	for (unsigned i = 0; i < WRITER_THREAD_BUFFERS; i++)
		free(writer->ring[i].data);
}

int writer_thread_start(struct writer_thread *writer, size_t size, writer_thread_write *write,
			void *ctx)
{
	int r;

	*writer = (struct writer_thread){.write = write, .ctx = ctx};
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	r = alloc_buffers(writer, size);
	if (!r)
		r = start_thread(writer);
	if (r)
		writer_thread_free(writer);
	return r;
}

/* The slot's old buffer is written, and so the empty one. */
char *writer_thread_swap(struct writer_thread *writer, char *full, size_t n, int *error)
{
	struct writer_thread_buffer *buffer;
	char *empty;

	pthread_mutex_lock(&writer->lock);
	wait_for_buffer(writer);
	buffer = slot(writer, writer->handed++);
	empty = buffer->data;
	*buffer = (struct writer_thread_buffer){full, n};
	*error = writer->error;
	wake_at_half(writer);
	pthread_mutex_unlock(&writer->lock);
	return empty;
}

int writer_thread_end(struct writer_thread *writer)
{
	end_thread(writer);
	return writer->error;
}
