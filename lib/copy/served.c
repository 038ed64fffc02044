/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/served.h"

#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/export_text.h"
#include "base/loaded.h"
#include "copy/copy_source.h"

#define MAX_CONNECTIONS 8u
#define POLL_MS 1000
#define MS_PER_S UINT64_C(1000)

/* The functions of libnbd that are used here, each as a member of its own name. */
#define CALLS(X) \
	X(nbd_aio_command_completed) \
	X(nbd_aio_connect_uri) \
	X(nbd_aio_is_connecting) \
	X(nbd_aio_is_ready) \
	X(nbd_aio_pread) \
	X(nbd_can_multi_conn) \
	X(nbd_close) \
	X(nbd_create) \
	X(nbd_get_block_size) \
	X(nbd_get_errno) \
	X(nbd_get_error) \
	X(nbd_get_export_description) \
	X(nbd_get_size) \
	X(nbd_get_version) \
	X(nbd_poll) \
	X(nbd_set_full_info) \
	X(nbd_set_uri_allow_local_file)

struct library {
	void *handle;
	CALLS(LOADED_MEMBER)
};

struct served {
	struct library library;
	const char *uri;
	const struct report *rep;
	struct served_patience patience;
	uint64_t most; /* bytes of one request */
	pthread_mutex_t lock;
	pthread_cond_t has_free;
	struct nbd_handle *free[MAX_CONNECTIONS];
	unsigned nr_free;
	int gave_up; /* an errno: nothing more is read */
};

static bool find_calls(struct library *l)
{
	CALLS(LOADED_FIND)
	return true;
}

/* Returns NULL, or what is in the way. */
static const char *load(struct library *l)
{
	l->handle = dlopen(NBD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!l->handle)
		return "libnbd is missing: install " NBD_LIBRARY;
	return find_calls(l) ? NULL : "libnbd is too old: install a newer one";
}

static void unload(struct library *l)
{
	if (l->handle)
		dlclose(l->handle);
}

static int fail(const struct served *s, const char *what)
{
	const char *why = s->library.nbd_get_error();

	return report_fail(s->rep, ERA_SYS, "%s: %s: %s", s->uri, what, why ? why : "no reason");
}

/* Lets the connection do what it can, for up to POLL_MS.  *silent_ms: for how long there was
 * nothing.  Returns 0, -1 for an error of libnbd's, or an errno when the patience has ended. */
static int let_work(const struct served *s, struct nbd_handle *nbd, uint64_t *silent_ms)
{
	int r;

	if (s->patience.cancelled && *s->patience.cancelled)
		return ECANCELED;
	r = s->library.nbd_poll(nbd, POLL_MS);
	*silent_ms = r ? 0 : *silent_ms + POLL_MS;
	if (r < 0)
		return -1;
	return *silent_ms < s->patience.silent_s * MS_PER_S ? 0 : ETIMEDOUT;
}

/* A URI may name a file with a secret. */
static int begin_connecting(const struct served *s, struct nbd_handle *nbd)
{
	int r = s->library.nbd_set_uri_allow_local_file(nbd, true);

	if (!r)
		r = s->library.nbd_set_full_info(nbd, true);
	return r ? r : s->library.nbd_aio_connect_uri(nbd, s->uri);
}

static int await_connection(const struct served *s, struct nbd_handle *nbd)
{
	uint64_t silent_ms = 0;
	int r = 0;

	while (!r && s->library.nbd_aio_is_connecting(nbd) > 0)
		r = let_work(s, nbd, &silent_ms);
	return r || s->library.nbd_aio_is_ready(nbd) > 0 ? r : -1;
}

static int explain(const struct served *s, int error)
{
	if (error == ECANCELED)
		return ERA_CANCELLED;
	if (error == ETIMEDOUT)
		return report_fail(s->rep, ERA_SYS,
				   "%s: cannot connect: no answer for %" PRIu32 " s", s->uri,
				   s->patience.silent_s);
	return fail(s, "cannot connect");
}

static int connect_once(struct served *s)
{
	struct nbd_handle *nbd = s->library.nbd_create();
	int error = nbd ? begin_connecting(s, nbd) : -1;

	if (!error)
		error = await_connection(s, nbd);
	if (!error) {
		s->free[s->nr_free++] = nbd;
		return 0;
	}
	error = explain(s, error);
	s->library.nbd_close(nbd);
	return error;
}

/* A request is of whole blocks of the server's, and no larger than it takes. */
static int find_limits(struct served *s)
{
	int64_t least = s->library.nbd_get_block_size(s->free[0], LIBNBD_SIZE_MINIMUM);
	int64_t most = s->library.nbd_get_block_size(s->free[0], LIBNBD_SIZE_MAXIMUM);

	if (least < 0 || most < 0)
		return fail(s, "cannot find its sizes of blocks");
	if (least > COPY_SOURCE_ALIGN)
		return report_fail(s->rep, ERA_SYS,
				   "%s: reads blocks of %" PRId64 " bytes; wanted %u or less",
				   s->uri, least, COPY_SOURCE_ALIGN);
	s->most = most ? (uint64_t)most & ~(uint64_t)(COPY_SOURCE_ALIGN - 1) : UINT64_MAX;
	return 0;
}

static int find_size(struct served *s, uint64_t *size)
{
	int64_t found = s->library.nbd_get_size(s->free[0]);

	if (found < 0)
		return fail(s, "cannot find its size");
	*size = (uint64_t)found;
	return found ? 0 : report_fail(s->rep, ERA_SYS, "%s: is empty", s->uri);
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* What isn't understood is the oldest one. */
static uint32_t frozen_era(const char *text)
{
	unsigned long era = strtoul(text + strlen(EXPORT_FROZEN_TEXT), NULL, 10);

	return era && era <= UINT32_MAX ? (uint32_t)era : 1;
}

/* Few servers describe what they serve. */
static int check_description(const struct served *s, struct served_facts *facts)
{
	char *text = s->library.nbd_get_export_description(s->free[0]);
	int r = 0;

	facts->frozen_era = 0;
	if (text && begins(text, EXPORT_SINCE_TEXT))
		r = report_fail(s->rep, ERA_SYS, "%s: is '%s'; wanted an export that is an image",
				s->uri, text);
	else if (text && begins(text, EXPORT_FROZEN_TEXT))
		facts->frozen_era = frozen_era(text);
	free(text);
	return r;
}

static int connect_all(struct served *s, struct served_facts *facts)
{
	int r = connect_once(s);

	if (!r)
		r = check_description(s, facts);
	if (!r)
		r = find_limits(s);
	if (!r)
		r = find_size(s, &facts->size);
	if (r || s->library.nbd_can_multi_conn(s->free[0]) <= 0)
		return r;
	while (!r && s->nr_free < MAX_CONNECTIONS)
		r = connect_once(s);
	return r;
}

int served_open(struct served **out, const char *uri, const struct served_patience *patience,
		struct served_facts *facts, const struct report *rep)
{
	struct served *s = calloc(1, sizeof(*s));
	const char *why;
	int r;

	if (!s)
		return report_nomem(rep);
	s->uri = uri;
	s->patience = *patience;
	s->rep = rep;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->has_free, NULL);
	why = load(&s->library);
	r = why ? report_fail(rep, ERA_SYS, "%s: cannot connect: %s", uri, why)
		: connect_all(s, facts);
	if (r)
		served_close(s);
	else
		*out = s;
	return r;
}

void served_close(struct served *s)
{
	if (!s)
		return;
	while (s->nr_free)
		s->library.nbd_close(s->free[--s->nr_free]);
	unload(&s->library);
	pthread_cond_destroy(&s->has_free);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* NULL once the patience has ended. */
static struct nbd_handle *take(struct served *s)
{
	struct nbd_handle *nbd = NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->nr_free && !s->gave_up)
		pthread_cond_wait(&s->has_free, &s->lock);
	if (!s->gave_up)
		nbd = s->free[--s->nr_free];
	pthread_mutex_unlock(&s->lock);
	return nbd;
}

static void give(struct served *s, struct nbd_handle *nbd)
{
	pthread_mutex_lock(&s->lock);
	s->free[s->nr_free++] = nbd;
	pthread_cond_signal(&s->has_free);
	pthread_mutex_unlock(&s->lock);
}

/* Its request has not ended, and must not be answered any more: the memory is the caller's. */
static void give_up(struct served *s, struct nbd_handle *nbd, int error)
{
	s->library.nbd_close(nbd);
	pthread_mutex_lock(&s->lock);
	s->gave_up = error;
	pthread_cond_broadcast(&s->has_free);
	pthread_mutex_unlock(&s->lock);
}

static int last_errno(const struct served *s)
{
	int error = s->library.nbd_get_errno();

	return error ? error : EIO;
}

/* *gave_up: the request has not ended. */
static int read_part(const struct served *s, struct nbd_handle *nbd, uint8_t *data, size_t len,
		     uint64_t at, bool *gave_up)
{
	int64_t id = s->library.nbd_aio_pread(nbd, data, len, at, NBD_NULL_COMPLETION, 0);
	uint64_t silent_ms = 0;
	int done = 0, error = 0;

	if (id < 0)
		return last_errno(s);
	while (!error && !(done = s->library.nbd_aio_command_completed(nbd, (uint64_t)id)))
		error = let_work(s, nbd, &silent_ms);
	*gave_up = error;
	return error > 0 ? error : error < 0 || done < 0 ? last_errno(s) : 0;
}

static int read_over(const struct served *s, struct nbd_handle *nbd, uint8_t *data, size_t len,
		     uint64_t at, bool *gave_up)
{
	int error = 0;

	while (len && !error) {
		size_t part = (size_t)min_u64(len, s->most);

		error = read_part(s, nbd, data, part, at, gave_up);
		data += part;
		len -= part;
		at += part;
	}
	return error;
}

int served_read(struct served *s, void *data, size_t len, uint64_t at)
{
	struct nbd_handle *nbd = take(s);
	bool gave_up = false;
	int error;

	if (!nbd)
		return s->gave_up;
	error = read_over(s, nbd, data, len, at, &gave_up);
	if (gave_up)
		give_up(s, nbd, error);
	else
		give(s, nbd);
	return error;
}

const char *served_version(char text[64])
{
	struct library l = {.handle = NULL};
	struct nbd_handle *nbd = load(&l) ? NULL : l.nbd_create();

	if (nbd) {
		snprintf(text, 64, "%s", l.nbd_get_version(nbd));
		l.nbd_close(nbd);
	}
	unload(&l);
	return nbd ? text : NULL;
}
