/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A thread that writes full buffers while the next one is being filled.
 *
 * The number of buffers is fixed, and so is the memory: a caller that hands in a full buffer gets
 * an empty one back, and waits if none is empty.
 */
#ifndef ERA_BASE_WRITER_THREAD_H
#define ERA_BASE_WRITER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define WRITER_THREAD_BUFFERS 8u

/* Called by the thread, in the order of the buffers.  Returns 0 or a positive errno; after an
 * error, later buffers are dropped. */
typedef int writer_thread_write(void *ctx, const char *data, size_t n);

struct writer_thread_buffer {
	char *data;
	size_t nr;
};

struct writer_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	writer_thread_write *write;
	void *ctx;
	struct writer_thread_buffer
		ring[WRITER_THREAD_BUFFERS]; /* those in use begin at `written` */
	unsigned handed, written;	     /* buffers, ever */
	bool ending;
	int error;
};

/* Each buffer has `size` bytes and begins on a page; the caller has one more than the ring.
 * Returns 0, or a positive errno if there is no memory or no thread; nothing is left behind then.
 */
int writer_thread_start(struct writer_thread *writer, size_t size, writer_thread_write *write,
			void *ctx) must_check;

/* Hands in a buffer with n bytes and returns an empty one.  *error is set once a write has failed.
 */
char *writer_thread_swap(struct writer_thread *writer, char *full, size_t n, int *error);

/* Waits until everything is written, and ends the thread.  Returns 0, or the errno of the first
 * failed write. */
int writer_thread_end(struct writer_thread *writer) must_check;

/* Frees the buffers, after the thread has ended. */
void writer_thread_free(struct writer_thread *writer);

#endif
