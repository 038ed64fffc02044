/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The target as an nbdkit filter: a thin layer between nbdkit and the engine.
 *
 * What changes data goes through the engine on its way down, all else passes.  nbdkit may emulate an
 * operation by others below, or, after a fast zero has failed, the client by a write: then too
 * much is marked, never too little.
 *
 * Metadata are opened, locked and validated before nbdkit goes into the background, where errors
 * are still seen; what needs threads or the origin is done after it.
 */
#include <nbdkit-filter.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "era/open.h"
#include "target/control.h"
#include "target/engine/engine.h"
#include "target/log.h"
#include "target/since.h"

#define SECTOR_BYTES 512u
#define BLOCK_UNIT_BYTES 4096u

static struct {
	char *metadata, *socket;
	const char *export;
	uint64_t block_bytes; /* 0: not given */
	bool format, snapshot;

	struct engine *engine; /* NULL when a snapshot is served */
	struct control *control;
} era = {.export = ""};

/* A connection. */
struct export {
	bool is_since;
	struct since since;
};

static int set_path(char **path, const char *value)
{
	free(*path);
	*path = nbdkit_absolute_path(value);
	return *path ? 0 : -1;
}

static int set_bool(bool *flag, const char *value)
{
	int r = nbdkit_parse_bool(value);

	*flag = r > 0;
	return r < 0 ? -1 : 0;
}

static int set_metadata(const char *value)
{
	return set_path(&era.metadata, value);
}

static int set_socket(const char *value)
{
	return set_path(&era.socket, value);
}

static int set_format(const char *value)
{
	return set_bool(&era.format, value);
}

static int set_snapshot(const char *value)
{
	return set_bool(&era.snapshot, value);
}

static int set_block_size(const char *value)
{
	int64_t bytes = nbdkit_parse_size(value);

	if (bytes < 0)
		return -1;
	if (!bytes || (uint64_t)bytes % BLOCK_UNIT_BYTES || (uint64_t)bytes / SECTOR_BYTES > UINT32_MAX) {
		log_error("era-block-size: found %s, wanted a positive multiple of %u bytes",
			  value, BLOCK_UNIT_BYTES);
		return -1;
	}
	era.block_bytes = (uint64_t)bytes;
	return 0;
}

static int set_export(const char *value)
{
	if (!strncmp(value, SINCE_PREFIX, strlen(SINCE_PREFIX))) {
		log_error("era-export: found %s, but %sN are exports of another kind", value,
			  SINCE_PREFIX);
		return -1;
	}
	era.export = value;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(const char *value);
} parameters[] = {
	{"era-metadata", set_metadata}, {"era-block-size", set_block_size},
	{"era-socket", set_socket},     {"era-format", set_format},
	{"era-export", set_export},     {"era-snapshot", set_snapshot},
};

static int era_config(nbdkit_next_config *next, nbdkit_backend *nxdata, const char *key,
		      const char *value)
{
	static bool given[ARRAY_SIZE(parameters)];

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (strcmp(key, parameters[i].key))
			continue;
		if (given[i]) {
			log_error("%s is given twice", key);
			return -1;
		}
		given[i] = true;
		return parameters[i].set(value);
	}
	return next(nxdata, key, value);
}

static int era_config_complete(nbdkit_next_config_complete *next, nbdkit_backend *nxdata)
{
	const char *wrong = NULL;

	if (!era.metadata)
		wrong = "era-metadata is missing";
	else if (era.snapshot && (era.socket || era.format))
		wrong = "era-snapshot goes with neither era-socket nor era-format";
	else if (!era.snapshot && !era.block_bytes)
		wrong = "era-block-size is missing";
	if (!wrong)
		return next(nxdata);
	log_error("%s", wrong);
	return -1;
}

/* A snapshot that isn't there, or of another block size, is best found out now. */
static int look_at_snapshot(void)
{
	struct era_view view;
	uint64_t found;

	if (era_view_open(&view, era.metadata, ERA_VIEW_SNAPSHOT, &log_report))
		return -1;
	found = superblock_block_bytes(&view.sb);
	era_view_close(&view);
	if (!era.block_bytes || era.block_bytes == found)
		return 0;
	log_error("%s: data block size: found %" PRIu64 " bytes, wanted %" PRIu64, era.metadata,
		  found, era.block_bytes);
	return -1;
}

static int open_engine(void)
{
	const struct engine_config config = {
		.metadata = era.metadata,
		.origin_name = *era.export ? era.export : NULL,
		.block_sectors = (uint32_t)(era.block_bytes / SECTOR_BYTES),
		.format = era.format,
		.rep = &log_report,
	};

	return engine_open(&era.engine, &config);
}

static int era_get_ready(int thread_model)
{
	(void)thread_model;
	if (era.snapshot)
		return look_at_snapshot();
	if (open_engine())
		return -1;
	return era.socket && control_open(&era.control, era.socket, &log_report) ? -1 : 0;
}

static int64_t find_origin_size(nbdkit_backend *backend)
{
	nbdkit_next *next = nbdkit_next_context_open(backend, 1, era.export, 1);
	int64_t size = -1;

	if (!next)
		return -1;
	if (!next->prepare(next)) {
		size = next->get_size(next);
		if (next->finalize(next))
			size = -1;
	}
	nbdkit_next_context_close(next);
	return size;
}

static int start(nbdkit_backend *backend)
{
	int64_t size = find_origin_size(backend);

	if (size < 0 || engine_resume(era.engine, (uint64_t)size))
		return -1;
	return era.control && control_start(era.control, era.engine, log_last_error) ? -1 : 0;
}

static void era_unload(void)
{
	control_close(era.control);
	engine_close(era.engine);
	era.control = NULL;
	era.engine = NULL;
	free(era.metadata);
	free(era.socket);
	era.metadata = era.socket = NULL;
}

static int era_after_fork(nbdkit_backend *backend)
{
	if (era.snapshot || !start(backend))
		return 0;
	era_unload();
	return -1;
}

/* All connections are closed. */
static void era_cleanup(nbdkit_backend *backend)
{
	(void)backend;
	control_close(era.control);
	era.control = NULL;
	if (era.engine && engine_suspend(era.engine))
		log_error("the metadata stay as the last commit left them, as after a crash");
}

static const char *plain_description(void)
{
	return era.snapshot ? "all of the device"
			    : "all of the device; what is written is remembered by era";
}

static const char *describe_since(uint32_t since, bool zero)
{
	return nbdkit_printf_intern("block status: data is what was written in era %" PRIu32
				    " or later, %s; not a full image", since,
				    zero ? "all else is said to be zero" : "all else a hole");
}

static int current_era(uint32_t *number)
{
	struct era_view view;

	if (!era.snapshot) {
		*number = engine_era(era.engine);
		return 0;
	}
	if (era_view_open(&view, era.metadata, ERA_VIEW_SNAPSHOT, &log_report))
		return -1;
	*number = view.sb.current_era;
	era_view_close(&view);
	return 0;
}

static int era_list_exports(nbdkit_next_list_exports *next, nbdkit_backend *nxdata, int readonly,
			    int is_tls, struct nbdkit_exports *exports)
{
	char name[32];
	uint32_t number;

	(void)next;
	(void)nxdata;
	(void)readonly;
	(void)is_tls;
	if (current_era(&number) || nbdkit_add_export(exports, era.export, plain_description()))
		return -1;
	snprintf(name, sizeof(name), SINCE_PREFIX "%" PRIu32, number);
	return nbdkit_add_export(exports, name, describe_since(number, false));
}

static const char *era_default_export(nbdkit_next_default_export *next, nbdkit_backend *nxdata,
				      int readonly, int is_tls)
{
	(void)next;
	(void)nxdata;
	(void)readonly;
	(void)is_tls;
	return era.export;
}

static void *era_open(nbdkit_next_open *next, nbdkit_context *context, int readonly,
		      const char *name, int is_tls)
{
	struct export *x = calloc(1, sizeof(*x));

	(void)is_tls;
	if (!x) {
		log_error("out of memory");
		return NULL;
	}
	x->is_since = strcmp(name, era.export) && since_parse(&x->since, name);
	if (strcmp(name, era.export) && !x->is_since)
		log_error("no export has that name: there is '%s', and %sN[,zero]", era.export,
			  SINCE_PREFIX);
	else if (!next(context, readonly || era.snapshot || x->is_since, era.export))
		return x;
	free(x);
	return NULL;
}

static void era_close(void *handle)
{
	struct export *x = handle;

	since_free(&x->since);
	free(x);
}

static int ask_since(struct since *since, uint64_t size)
{
	int r = era.snapshot ? since_read_snapshot(since, era.metadata)
			     : since_ask(since, era.engine);

	if (r)
		return -1;
	if (div_up(size, since->block_bytes) == since->nr_blocks)
		return 0;
	log_error("the layer below has %" PRIu64 " bytes, but the metadata track %" PRIu32
		  " blocks of %" PRIu64 " bytes", size, since->nr_blocks, since->block_bytes);
	return -1;
}

/* The engine's bits are for one size, and blocks past it would not be tracked. */
static int era_prepare(nbdkit_next *next, void *handle, int readonly)
{
	struct export *x = handle;
	int64_t size = next->get_size(next);

	(void)readonly;
	if (size < 0)
		return -1;
	if (!era.snapshot && (uint64_t)size != engine_origin_bytes(era.engine)) {
		log_error("the layer below has %" PRIi64 " bytes, wanted %" PRIu64
			  " as when the server was started", size,
			  engine_origin_bytes(era.engine));
		return -1;
	}
	return x->is_since ? ask_since(&x->since, (uint64_t)size) : 0;
}

static const char *era_export_description(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	(void)next;
	return x->is_since ? describe_since(x->since.era, x->since.zero) : plain_description();
}

static int era_can_write(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	/* Writes to a failed target would all fail, so a client had better know. */
	if (era.snapshot || x->is_since || engine_is_read_only(era.engine))
		return 0;
	return next->can_write(next);
}

static int era_can_extents(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	return x->is_since ? 1 : next->can_extents(next);
}

static int era_extents(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset,
		       uint32_t flags, struct nbdkit_extents *extents, int *err)
{
	const struct export *x = handle;

	if (!x->is_since)
		return next->extents(next, count, offset, flags, extents, err);
	if (!since_extents(&x->since, offset, count, extents))
		return 0;
	*err = errno ? errno : ENOMEM;
	return -1;
}

/* Why it fails has been reported. */
static int mark(uint32_t count, uint64_t offset, struct engine_request *req, int *err)
{
	if (!engine_mark(era.engine, offset, count, req))
		return 0;
	*err = EIO;
	return -1;
}

static int era_pwrite(nbdkit_next *next, void *handle, const void *buf, uint32_t count,
		      uint64_t offset, uint32_t flags, int *err)
{
	struct engine_request req;
	int r = mark(count, offset, &req, err);

	(void)handle;
	if (r)
		return r;
	r = next->pwrite(next, buf, count, offset, flags, err);
	engine_done(era.engine, req);
	return r;
}

typedef int discard_fn(nbdkit_next *next, uint32_t count, uint64_t offset, uint32_t flags, int *err);

/* Every block of the range counts as written. */
static int discard(nbdkit_next *next, discard_fn *pass_on, uint32_t count, uint64_t offset,
		   uint32_t flags, int *err)
{
	struct engine_request req;
	int r = mark(count, offset, &req, err);

	if (r)
		return r;
	r = pass_on(next, count, offset, flags, err);
	engine_done(era.engine, req);
	return r;
}

static int era_trim(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset, uint32_t flags,
		    int *err)
{
	(void)handle;
	return discard(next, next->trim, count, offset, flags, err);
}

static int era_zero(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset, uint32_t flags,
		    int *err)
{
	(void)handle;
	return discard(next, next->zero, count, offset, flags, err);
}

static struct nbdkit_filter filter = {
	.name = "era",
	.longname = "era tracking",
	.description = "Remembers in which era each block was last written, in the metadata of the "
		       "Linux kernel's dm-era target.",
	.config_help = "era-metadata=PATH   (required) device or file that holds the metadata.\n"
		       "era-block-size=SIZE (required) of a data block: a multiple of 4k.\n"
		       "era-socket=PATH     where era_ctl(8) reaches the target.\n"
		       "era-format=yes      make metadata where there are none.\n"
		       "era-export=NAME     the export that is tracked (default: \"\").\n"
		       "era-snapshot=yes    read-only, from a metadata snapshot.",
	.unload = era_unload,
	.config = era_config,
	.config_complete = era_config_complete,
	.get_ready = era_get_ready,
	.after_fork = era_after_fork,
	.cleanup = era_cleanup,
	.list_exports = era_list_exports,
	.default_export = era_default_export,
	.open = era_open,
	.close = era_close,
	.prepare = era_prepare,
	.export_description = era_export_description,
	.can_write = era_can_write,
	.can_extents = era_can_extents,
	.extents = era_extents,
	.pwrite = era_pwrite,
	.trim = era_trim,
	.zero = era_zero,
};

NBDKIT_REGISTER_FILTER(filter)
