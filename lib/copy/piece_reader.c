/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/piece_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define NR_THREADS 16u
#define NR_SLOTS 32u
#define RING_BYTES ((size_t)NR_SLOTS * PIECE_BYTES)
#define STACK_BYTES (128u << 10) /* what is kept of them is locked when a device is suspended */

struct slot {
	struct piece piece;
	bool is_read;
	int error;
};

struct piece_reader {
	const struct copy_source *source;
	const struct copy_ranges *ranges;
	pthread_mutex_t lock;
	pthread_cond_t has_space, has_piece;
	pthread_t threads[NR_THREADS];
	unsigned nr_threads;
	uint8_t *data;		     /* of all slots */
	struct slot slots[NR_SLOTS]; /* a ring: claimed ones begin at `returned` */
	uint64_t claimed, returned;  /* pieces, ever */
	uint64_t offset, length;     /* what is left of the last range */
	bool is_out;		     /* there are no more ranges */
	bool is_lent;		     /* the piece at `returned` is the caller's */
	bool is_ending;
};

static bool is_zero(const uint8_t *data, size_t len)
{
	static const uint8_t zeroes[16];

	if (len <= sizeof(zeroes))
		return !memcmp(data, zeroes, len);
	return !memcmp(data, zeroes, sizeof(zeroes)) &&
	       !memcmp(data, data + sizeof(zeroes), len - sizeof(zeroes));
}

static uint32_t find_zeroes(const struct piece *piece)
{
	uint32_t found = 0;

	for (uint32_t at = 0; at < piece->length; at += PIECE_PART)
		if (is_zero(piece->data + at, (size_t)min_u64(PIECE_PART, piece->length - at)))
			found |= UINT32_C(1) << at / PIECE_PART;
	return found;
}

/* Under the lock.  false: there is nothing more. */
static bool claim(struct piece_reader *reader, struct slot *slot)
{
	if (!reader->length && !reader->is_out)
		reader->is_out = !reader->ranges->next(reader->ranges->ctx, &reader->offset,
						       &reader->length);
	if (!reader->length)
		return false;
	slot->is_read = false;
	slot->error = 0;
	slot->piece.offset = reader->offset;
	slot->piece.length = (uint32_t)min_u64(reader->length, PIECE_BYTES);
	reader->offset += slot->piece.length;
	reader->length -= slot->piece.length;
	return true;
}

static void read_slot(struct piece_reader *reader, struct slot *slot)
{
	struct piece *piece = &slot->piece;

	slot->error = copy_source_read(reader->source, piece->data, piece->length, piece->offset);
	if (!slot->error)
		piece->zeroes = find_zeroes(piece);
}

static void *work(void *arg)
{
	struct piece_reader *reader = arg;

	pthread_mutex_lock(&reader->lock);
	while (!reader->is_ending) {
		struct slot *slot = &reader->slots[reader->claimed % NR_SLOTS];

		if (reader->claimed - reader->returned == NR_SLOTS) {
			pthread_cond_wait(&reader->has_space, &reader->lock);
			continue;
		}
		if (!claim(reader, slot))
			break;
		reader->claimed++;
		pthread_mutex_unlock(&reader->lock);
		read_slot(reader, slot);
		pthread_mutex_lock(&reader->lock);
		slot->is_read = true;
		if (slot == &reader->slots[reader->returned % NR_SLOTS])
			pthread_cond_signal(&reader->has_piece);
	}
	pthread_cond_signal(&reader->has_piece);
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

/* Signals are for the thread that consumes. */
static int start_threads(struct piece_reader *reader)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int error = pthread_attr_init(&attr);

	if (error)
		return error;
	error = pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (!error && reader->nr_threads < NR_THREADS) {
		error = pthread_create(&reader->threads[reader->nr_threads], &attr, work, reader);
		if (!error)
			reader->nr_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return reader->nr_threads ? 0 : error;
}

/* Not from the heap, which may keep what is freed: a device that is suspended later has all memory
 * of this program locked, more than once. */
static bool alloc_slots(struct piece_reader *reader)
{
	uint8_t *data =
		mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return false;
	reader->data = data;
	for (unsigned i = 0; i < NR_SLOTS; i++)
		reader->slots[i].piece.data = data + (size_t)i * PIECE_BYTES;
	return true;
}

int piece_reader_start(struct piece_reader **out, const struct copy_source *source,
		       const struct copy_ranges *ranges)
{
	struct piece_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return report_nomem(source->rep);
	reader->source = source;
	reader->ranges = ranges;
	pthread_mutex_init(&reader->lock, NULL);
	pthread_cond_init(&reader->has_space, NULL);
	pthread_cond_init(&reader->has_piece, NULL);
	errno = alloc_slots(reader) ? start_threads(reader) : ENOMEM;
	if (errno) {
		int r = report_errno(source->rep, source->path, "cannot start reading");

		piece_reader_stop(reader);
		return r;
	}
	*out = reader;
	return 0;
}

void piece_reader_stop(struct piece_reader *reader)
{
	pthread_mutex_lock(&reader->lock);
	reader->is_ending = true;
	pthread_cond_broadcast(&reader->has_space);
	pthread_mutex_unlock(&reader->lock);
	for (unsigned i = 0; i < reader->nr_threads; i++)
		pthread_join(reader->threads[i], NULL);
	if (reader->data)
		munmap(reader->data, RING_BYTES);
	pthread_cond_destroy(&reader->has_piece);
	pthread_cond_destroy(&reader->has_space);
	pthread_mutex_destroy(&reader->lock);
	free(reader);
}

static int fail(const struct piece_reader *reader, const struct slot *slot)
{
	char text[100];

	if (slot->error == ECANCELED)
		return ERA_CANCELLED;
	snprintf(text, sizeof(text), "cannot read %" PRIu32 " bytes at byte %" PRIu64,
		 slot->piece.length, slot->piece.offset);
	errno = slot->error;
	return report_errno(reader->source->rep, reader->source->path, text);
}

static bool is_at_end(const struct piece_reader *reader)
{
	return reader->is_out && !reader->length && reader->claimed == reader->returned;
}

int piece_reader_next(struct piece_reader *reader, struct piece *piece)
{
	struct slot *slot;
	bool ended;

	pthread_mutex_lock(&reader->lock);
	if (reader->is_lent) {
		reader->returned++;
		pthread_cond_signal(&reader->has_space);
	}
	reader->is_lent = false;
	slot = &reader->slots[reader->returned % NR_SLOTS];
	while (!(ended = is_at_end(reader)) &&
	       (reader->claimed == reader->returned || !slot->is_read))
		pthread_cond_wait(&reader->has_piece, &reader->lock);
	reader->is_lent = !ended;
	pthread_mutex_unlock(&reader->lock);
	if (ended)
		return 0;
	if (slot->error)
		return fail(reader, slot);
	*piece = slot->piece;
	return 1;
}
