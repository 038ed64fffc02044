/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that writes full buffers out while the next one is being filled.
 *
 * The buffers go round: whoever hands in a full one gets an empty one back, and waits for it when
 * all are on their way.  The memory is bounded by that.
 */
#ifndef ERA_BASE_WRITER_THREAD_H
#define ERA_BASE_WRITER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define WRITER_THREAD_BUFFERS 8u

/* Called by the thread, in the order of the buffers.  0 or a positive errno; after one of these
 * what comes later is dropped. */
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
	struct writer_thread_buffer ring[WRITER_THREAD_BUFFERS]; /* those in use begin at `written` */
	unsigned handed, written;	       /* buffers, ever */
	bool ending;
	int error;
};

/* Buffers have `size` bytes, at the start of a page; one more than the writer thread's is the caller's own.
 * 0, or a positive errno when there is no memory or no thread; nothing is left behind then. */
int writer_thread_start(struct writer_thread *writer, size_t size, writer_thread_write *write,
			void *ctx) must_check;

/* Hands in a buffer with n bytes and gets an empty one. *error is set once a write failed. */
char *writer_thread_swap(struct writer_thread *writer, char *full, size_t n, int *error);

/* Waits until all is written, and ends the thread.  0 or the errno of the first failed write. */
int writer_thread_end(struct writer_thread *writer) must_check;

/* Frees the buffers, once it has ended. */
void writer_thread_free(struct writer_thread *writer);

#endif
