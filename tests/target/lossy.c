/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * An nbdkit plugin that loses all that was not flushed when it is killed: the disk is in memory,
 * and a flush writes what has changed to the file `durable`.
 *
 *	durable=FILE   must exist; the size is its size
 *	multi=yes      a flush is for all connections; else each has a cache of its own, and flushes
 *	               that
 *	model=WORD     of threads: parallel (default), requests, all, connections.  A call that
 *	               the model does not allow ends the server
 *	slow=MICROSECONDS a call takes
 *	fail=FILE      while it exists flushes fail, and what they should have written is called
 *	               clean, as Linux does
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define UNIT 4096u

struct connection {
	pthread_mutex_t lock;
	uint8_t *dirty; /* of each unit */
	_Atomic int calls;
};

static char *durable, *fail_file;
static bool is_multi;
static int model = NBDKIT_THREAD_MODEL_PARALLEL, fd = -1;
static unsigned slow;
static size_t size, nr_units;
static uint8_t *memory;
static struct connection shared;
static _Atomic int all_calls;

static const struct {
	const char *word;
	int model;
} models[] = {
	{"parallel", NBDKIT_THREAD_MODEL_PARALLEL},
	{"requests", NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS},
	{"all", NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS},
	{"connections", NBDKIT_THREAD_MODEL_SERIALIZE_CONNECTIONS},
};

static int set_model(const char *word)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
		if (!strcmp(models[i].word, word)) {
			model = models[i].model;
			return 0;
		}
	return -1;
}

static int lossy_config(const char *key, const char *value)
{
	if (!strcmp(key, "durable"))
		return (durable = nbdkit_realpath(value)) ? 0 : -1;
	if (!strcmp(key, "fail"))
		return (fail_file = nbdkit_absolute_path(value)) ? 0 : -1;
	if (!strcmp(key, "multi"))
		return (is_multi = nbdkit_parse_bool(value) == 1), 0;
	if (!strcmp(key, "slow"))
		return nbdkit_parse_unsigned(key, value, &slow);
	if (!strcmp(key, "model"))
		return set_model(value);
	nbdkit_error("unknown parameter %s", key);
	return -1;
}

static int lossy_thread_model(void)
{
	return model;
}

static int init_connection(struct connection *c)
{
	pthread_mutex_init(&c->lock, NULL);
	c->dirty = calloc(nr_units, 1);
	return c->dirty ? 0 : -1;
}

static int lossy_get_ready(void)
{
	struct stat st;

	fd = open(durable, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -1;
	size = (size_t)st.st_size;
	nr_units = (size + UNIT - 1) / UNIT;
	memory = malloc(size);
	if (!memory || pread(fd, memory, size, 0) != (ssize_t)size)
		return -1;
	return init_connection(&shared);
}

static void enter(struct connection *c)
{
	bool alone = model <= NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS;
	int all = atomic_fetch_add(&all_calls, 1), own = c ? atomic_fetch_add(&c->calls, 1) : 0;

	if ((alone && all) || (model == NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS && own)) {
		nbdkit_error("lossy: two calls at once");
		abort();
	}
	if (slow)
		usleep(slow);
}

static void leave(struct connection *c)
{
	if (c)
		atomic_fetch_sub(&c->calls, 1);
	atomic_fetch_sub(&all_calls, 1);
}

static void *lossy_open(int readonly)
{
	struct connection *c = calloc(1, sizeof(*c));

	(void)readonly;
	enter(NULL);
	if (c && init_connection(c)) {
		free(c);
		c = NULL;
	}
	leave(NULL);
	return c;
}

/* What has not been flushed goes on in no cache: it is in memory for readers, and lost in the
 * end. */
static void lossy_close(void *handle)
{
	struct connection *c = handle;

	enter(NULL);
	free(c->dirty);
	free(c);
	leave(NULL);
}

static int64_t lossy_get_size(void *handle)
{
	(void)handle;
	return (int64_t)size;
}

static int lossy_can_multi_conn(void *handle)
{
	(void)handle;
	return is_multi;
}

static int lossy_can_flush(void *handle)
{
	(void)handle;
	return 1;
}

static int lossy_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)flags;
	enter(handle);
	memcpy(buf, memory + offset, count);
	leave(handle);
	return 0;
}

static int lossy_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
			uint32_t flags)
{
	struct connection *c = is_multi ? &shared : handle;

	(void)flags;
	enter(handle);
	pthread_mutex_lock(&c->lock);
	memcpy(memory + offset, buf, count);
	memset(c->dirty + offset / UNIT, 1, (offset + count - 1) / UNIT - offset / UNIT + 1);
	pthread_mutex_unlock(&c->lock);
	leave(handle);
	return 0;
}

static int write_units(struct connection *c)
{
	bool fails = fail_file && !access(fail_file, F_OK);

	for (size_t i = 0; i < nr_units; i++) {
		size_t at = i * UNIT, len = size - at < UNIT ? size - at : UNIT;

		if (c->dirty[i] && !fails &&
		    pwrite(fd, memory + at, len, (off_t)at) != (ssize_t)len)
			abort();
		c->dirty[i] = 0;
	}
	errno = EIO;
	return fails ? -1 : 0;
}

static int lossy_flush(void *handle, uint32_t flags)
{
	struct connection *c = is_multi ? &shared : handle;
	int r;

	(void)flags;
	enter(handle);
	pthread_mutex_lock(&c->lock);
	r = write_units(c);
	pthread_mutex_unlock(&c->lock);
	if (r)
		nbdkit_error("lossy: the flush fails as it was told");
	leave(handle);
	return r;
}

static struct nbdkit_plugin plugin = {
	.name = "lossy",
	.version = "1",
	.config = lossy_config,
	.thread_model = lossy_thread_model,
	.get_ready = lossy_get_ready,
	.open = lossy_open,
	.close = lossy_close,
	.get_size = lossy_get_size,
	.can_flush = lossy_can_flush,
	.can_multi_conn = lossy_can_multi_conn,
	.pread = lossy_pread,
	.pwrite = lossy_pwrite,
	.flush = lossy_flush,
	.errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
