/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The target as an nbdkit filter: a thin layer between nbdkit and the engine.
 *
 * What changes data goes through the engine on its way down, all else passes.  nbdkit may emulate
 * an operation by others below, or, after a fast zero has failed, the client by a write: then too
 * much is marked, never too little.
 *
 * Metadata are opened, locked and validated before nbdkit goes into the background, where errors
 * are still seen; what needs threads or the origin is done after it.
 */
#include <nbdkit-filter.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/export_text.h"
#include "open/untracked.h"
#include "salvage/first_era.h"
#include "target/below.h"
#include "target/cmdline.h"
#include "target/config.h"
#include "target/control.h"
#include "target/engine/engine.h"
#include "target/frozen.h"
#include "target/guard.h"
#include "target/log.h"
#include "target/metadata.h"
#include "target/origin.h"
#include "target/since.h"
#include "target/start.h"
#include "target/view.h"

#define SECTOR_BYTES 512u

/* nbdkit -D era.commits=1 ... */
NBDKIT_DLL_PUBLIC int era_debug_commits, era_debug_digestion, era_debug_marks;

static struct cmdline cmdline;
static struct config config = CONFIG_INIT;
static struct origin origin;
static bool can_flush;		       /* the layer below, at the start */
static struct metadata metadata;       /* the engine's, when there is one */
static struct target_view target_view; /* when there is none */
static struct engine *engine;	       /* NULL: the server is passive */
static struct control *control;
static struct control_passive passive; /* its answers, when there is no engine */

/* A connection. */
struct export
{
	struct origin_conn conn;
	bool is_since, is_frozen;
	struct since since;
	struct frozen frozen;
};

static void on_failed_flush(void *ctx)
{
	(void)ctx;
	if (engine)
		engine_flush_failed(engine);
}

static int flush_origin(void *ctx)
{
	return origin_flush(ctx) ? ERA_SYS : 0;
}

/* To write past the limit on the size of files is an error, and ends no process. */
static void era_load(void)
{
	signal(SIGXFSZ, SIG_IGN);
	origin_init(&origin);
	origin.on_failed_flush = on_failed_flush;
}

static int era_config(nbdkit_next_config *next, nbdkit_backend *nxdata, const char *key,
		      const char *value)
{
	int r = config_set(&config, key, value);

	if (r)
		return r > 0 ? 0 : -1;
	below_look_at(key, value);
	return next(nxdata, key, value);
}

static int era_config_complete(nbdkit_next_config_complete *next, nbdkit_backend *nxdata)
{
	return config_check(&config) ? -1 : next(nxdata);
}

static void note_passive(const struct superblock *sb)
{
	const struct engine_figures figures = {
		.used = sb->sm.nr_allocated,
		.total = sb->sm.nr_blocks,
		.snapshot = sb->metadata_snap,
		.era = sb->current_era,
	};

	engine_status_line(passive.status, sizeof(passive.status), &figures);
	engine_table_line(passive.table, sizeof(passive.table), config.metadata, config.export,
			  sb->data_block_size);
}

/* Metadata that can't be read, or of another block size, are best found out now. */
static int look_at_view(void)
{
	struct era_view *view;
	uint64_t found;

	if (target_view_open(&target_view, &view))
		return -1;
	found = superblock_block_bytes(era_view_sb(view));
	note_passive(era_view_live_sb(view));
	era_view_close(view);
	if (!config.block_bytes || config.block_bytes == found)
		return 0;
	log_error("%s: data block size: found %" PRIu64 " bytes, wanted %" PRIu64, config.metadata,
		  found, config.block_bytes);
	return -1;
}

static int open_engine(void)
{
	const struct engine_config c = {
		.origin_name = config.export,
		.block_sectors = (uint32_t)(config.block_bytes / SECTOR_BYTES),
		.format = config.format,
		.first_era = config.first_era,
		.tells = (era_debug_commits ? ENGINE_TELLS_COMMITS : 0u) |
			 (era_debug_digestion ? ENGINE_TELLS_DIGESTION : 0u),
		.flush_origin = flush_origin,
		.origin = &origin,
		.rep = &log_report,
	};
	int r = engine_open_dev(&engine, &metadata.dev, &c);

	metadata.is_made = metadata.is_made && r;
	return r;
}

/* A server that nobody may write to begins no era: it only tells what the metadata say. */
static bool is_passive(void)
{
	return config.snapshot || cmdline.is_readonly;
}

static int open_passively(void)
{
	if (metadata_open(&metadata, config.metadata, config.snapshot ? BLK_READ_SHARED : BLK_READ,
			  false, &log_report))
		return -1;
	target_view_live(&target_view, &metadata);
	if (config.snapshot && target_view_snapshot(&target_view, &metadata, config.snapshot_era))
		return -1;
	if (look_at_view())
		return -1;
	return config.witness ? guard_compare(config.witness, &target_view, false) : 0;
}

/* Before the engine has the device. */
static int compare_with_witness(void)
{
	struct target_view view;

	if (!config.witness)
		return 0;
	target_view_live(&view, &metadata);
	return guard_compare(config.witness, metadata.is_new ? NULL : &view, true);
}

static int open_metadata(void)
{
	if (is_passive())
		return open_passively();
	if (metadata_open(&metadata, config.metadata, BLK_WRITE, config.format, &log_report))
		return -1;
	if (!metadata.is_new && untracked_refuse_dev(&metadata.dev))
		return -1;
	if (compare_with_witness())
		return -1;
	return metadata.is_new ? 0 : open_engine();
}

/* The metadata may have been made just now. */
static int open_cow(void)
{
	const char *store = below_store_above(&cmdline);

	below_look_at("era-metadata", config.metadata);
	if (below_check_path("era-cow", config.cow) ||
	    below_check_path("era-socket", config.socket))
		return -1;
	if (!config.cow || is_passive())
		return 0;
	if (!store)
		return frozen_open(config.cow);
	log_error("era-cow: nbdkit's filter %s stands above, and has one store for all exports: "
		  "nothing could be frozen",
		  store);
	return -1;
}

static int look_below(void)
{
	if (below_check(&cmdline) || below_check_path("era-metadata", config.metadata))
		return -1;
	return below_check_path("era-cow", config.cow);
}

/* A file that was created for the metadata is removed. */
static void give_up(void)
{
	metadata_close(&metadata);
}

static int era_get_ready(int thread_model)
{
	origin_set_thread_model(&origin, thread_model);
	cmdline_read(&cmdline);
	if (look_below())
		return -1;
	if (!open_metadata() && !open_cow() && !start_prepare(&cmdline, give_up))
		return 0;
	metadata_close(&metadata);
	return -1;
}

/* Programs that make metadata leave the first era to what is unknown, and a target begins the next
 * one, which is the first that anybody may have recorded.  So does this one. */
static int choose_first_era(void)
{
	if (first_era(&metadata.dev, "era-first", &config.first_era))
		return -1;
	config.first_era++;
	return 0;
}

static int format(uint64_t origin_bytes)
{
	if (metadata_fit(&metadata, origin_bytes, config.block_bytes))
		return -1;
	if (!config.first_era && choose_first_era())
		return -1;
	return untracked_mark_clear(&metadata.dev) ? -1 : open_engine();
}

static enum engine_doubt doubt(const struct origin_conn *conn)
{
	if (conn->answers.can_multi_conn != 1)
		return DOUBT_LASTS;
	return below_is_prompt(&cmdline) ? DOUBT_NONE : DOUBT_FOR_A_WHILE;
}

static int resume(const struct origin_conn *conn)
{
	int r;

	can_flush = conn->answers.can_flush;
	if (!can_flush)
		log_error("the layer below cannot flush: what a checkpoint promises holds only as "
			  "far as it keeps all that it has written");
	below_warn(&cmdline);
	if (metadata.is_new && format((uint64_t)conn->answers.size))
		return -1;
	engine_set_doubt(engine, doubt(conn));
	r = engine_resume(engine, (uint64_t)conn->answers.size);
	if (!r)
		guard_begin(engine_era(engine));
	return r;
}

/* The connection by which the origin is looked at is closed before clients come: it may be the only
 * one that a server below has.  The engine flushes through it what a server before this one has
 * left. */
static int start_engine(nbdkit_backend *backend)
{
	struct origin_conn conn = {.origin = NULL};
	int r = origin_open(&origin, &conn, backend, true, false, config.export);

	if (r) {
		log_error("the layer below cannot be opened; why stands in nbdkit's log, which is "
			  "syslog for a server in the background");
		return r;
	}
	origin_distrust(&conn);
	r = resume(&conn);
	if (!r)
		frozen_start(engine, conn.answers.can_multi_conn == 1);
	origin_close(&conn);
	return r ? -1 : 0;
}

/* The control socket is made here, so that it is the server's user's. */
static int start_target(nbdkit_backend *backend)
{
	if (config.socket && control_open(&control, config.socket, &log_report))
		return -1;
	if (!is_passive() && start_engine(backend))
		return -1;
	return control && control_start(control, engine, &passive, log_last_error) ? -1 : 0;
}

static void era_unload(void)
{
	control_close(control);
	frozen_close();
	engine_close(engine);
	control = NULL;
	engine = NULL;
	metadata_close(&metadata);
	guard_free();
	config_free(&config);
	below_free();
	cmdline_free(&cmdline);
}

static int era_after_fork(nbdkit_backend *backend)
{
	if (!start_target(backend) && !start_succeeded())
		return 0;
	start_failed();
	era_unload();
	return -1;
}

/* All connections are closed. */
static void era_cleanup(nbdkit_backend *backend)
{
	(void)backend;
	control_close(control);
	control = NULL;
	frozen_close();
	if (engine && engine_suspend(engine))
		log_error("the metadata stay as the last commit left them, as after a crash");
	origin_close_all(&origin);
}

static const char *plain_description(void)
{
	char why[ENGINE_LINE_MAX];

	if (!engine)
		return "all of the device";
	if (engine_is_read_only(engine)) {
		engine_status(engine, why, sizeof(why));
		return nbdkit_printf_intern("all of the device, read-only; %s", why);
	}
	return can_flush ? "all of the device; what is written is remembered by era"
			 : "all of the device; what is written is remembered by era, but cannot be "
			   "flushed below";
}

static const char *describe_since(uint32_t since, bool zero)
{
	return nbdkit_printf_intern(EXPORT_SINCE_TEXT "%" PRIu32 " or later, %s; not a full image",
				    since,
				    zero ? "all else is said to be zero" : "all else a hole");
}

static const char *describe_frozen(uint32_t number)
{
	return nbdkit_printf_intern(EXPORT_FROZEN_TEXT "%" PRIu32 " began", number);
}

static int current_era(uint32_t *number)
{
	struct era_view *view;

	if (engine) {
		*number = engine_era(engine);
		return 0;
	}
	if (target_view_open(&target_view, &view))
		return -1;
	*number = era_view_sb(view)->current_era;
	era_view_close(view);
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
	if (current_era(&number) || nbdkit_add_export(exports, config.export, plain_description()))
		return -1;
	snprintf(name, sizeof(name), SINCE_PREFIX "%" PRIu32, number);
	if (nbdkit_add_export(exports, name, describe_since(number, false)))
		return -1;
	number = frozen_era();
	return number ? nbdkit_add_export(exports, FROZEN_NAME, describe_frozen(number)) : 0;
}

static const char *era_default_export(nbdkit_next_default_export *next, nbdkit_backend *nxdata,
				      int readonly, int is_tls)
{
	(void)next;
	(void)nxdata;
	(void)readonly;
	(void)is_tls;
	return config.export;
}

/* "frozen", "since=N", or "frozen,since=N"; "since=N" may be followed by ",zero". */
static bool parse_name(struct export *x, const char *name)
{
	size_t len = strlen(FROZEN_NAME);

	x->is_frozen = config.cow && engine && !strncmp(name, FROZEN_NAME, len) &&
		       (!name[len] || name[len] == ',');
	if (x->is_frozen && !name[len])
		return true;
	x->is_since = since_parse(&x->since, x->is_frozen ? name + len + 1 : name);
	return x->is_since;
}

/* The layer below is opened for the connection, not by `next`: see origin.h. */
static void *era_open(nbdkit_next_open *next, nbdkit_context *context, int readonly,
		      const char *name, int is_tls)
{
	struct export *x = calloc(1, sizeof(*x));

	(void)next;
	(void)is_tls;
	if (!x) {
		log_error("out of memory");
		return NULL;
	}
	if (strcmp(name, config.export) && !parse_name(x, name))
		log_error("export '%s': no export has that name: there is '%s', and %sN[,zero]",
			  name, config.export, SINCE_PREFIX);
	else if (engine && (x->is_since || x->is_frozen) && below_store_above(&cmdline))
		log_error("export '%s': nbdkit's filter %s stands above, and may show what the "
			  "device has not: serve backups without it",
			  name, below_store_above(&cmdline));
	else if (!origin_open(&origin, &x->conn, nbdkit_context_get_backend(context), false,
			      readonly || !engine || x->is_since || x->is_frozen, config.export))
		return x;
	free(x);
	return NULL;
}

static void era_close(void *handle)
{
	struct export *x = handle;

	origin_close(&x->conn);
	since_free(&x->since);
	free(x);
}

static int ask_since(struct since *since, uint64_t size)
{
	uint64_t listed_from = guard_listed_from(since->era);
	int r;

	if (guard_check(since->era, engine ? engine_era(engine) : 0))
		return -1;
	r = engine ? since_ask(since, listed_from, engine)
		   : since_read_view(since, listed_from, &target_view);
	if (r) {
		log_error("export '%s%" PRIu32 "': %s", SINCE_PREFIX, since->era, log_last_error());
		return -1;
	}
	if (div_up(size, since->list->block_bytes) == since->list->nr_blocks)
		return 0;
	log_error("the layer below has %" PRIu64 " bytes, but the metadata track %" PRIu32
		  " blocks of %" PRIu64 " bytes",
		  size, since->list->nr_blocks, since->list->block_bytes);
	return -1;
}

/* What was written in the era that began at the frozen moment or later is not in a frozen
 * export. */
static int attach_frozen(struct export *x)
{
	if (frozen_attach(&x->frozen))
		return -1;
	if (x->conn.answers.can_multi_conn != 1) {
		log_error("a connection to the layer below need not see what another one has "
			  "written");
		return -1;
	}
	if (!x->is_since || x->since.era <= x->frozen.era)
		return 0;
	log_error("era %" PRIu32 " is after era %" PRIu32
		  ", which began when the device was frozen",
		  x->since.era, x->frozen.era);
	return -1;
}

/* The engine's bits are for one size, and blocks past it would not be tracked. */
static int era_prepare(nbdkit_next *next, void *handle, int readonly)
{
	struct export *x = handle;
	uint64_t size = (uint64_t)x->conn.answers.size;

	(void)next;
	(void)readonly;
	if (engine && size != engine_origin_bytes(engine)) {
		log_error("the layer below has %" PRIu64 " bytes, wanted %" PRIu64
			  " as when the server was started: start it again",
			  size, engine_origin_bytes(engine));
		return -1;
	}
	if (x->is_frozen && attach_frozen(x))
		return -1;
	return x->is_since ? ask_since(&x->since, size) : 0;
}

static const char *era_export_description(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	(void)next;
	if (x->is_frozen && !x->is_since)
		return describe_frozen(x->frozen.era);
	return x->is_since ? describe_since(x->since.era, x->since.zero) : plain_description();
}

/* What the layer below has answered. */
#define PASS_ANSWER(question) \
	static int era_##question(nbdkit_next *next, void *handle) \
	{ \
		const struct export *x = handle; \
\
		(void)next; \
		return x->conn.answers.question; \
	}

PASS_ANSWER(can_flush)
PASS_ANSWER(is_rotational)
PASS_ANSWER(can_trim)
PASS_ANSWER(can_zero)
PASS_ANSWER(can_fast_zero)
PASS_ANSWER(can_fua)
PASS_ANSWER(can_multi_conn)
PASS_ANSWER(can_cache)

static int64_t era_get_size(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	(void)next;
	return x->conn.answers.size;
}

static int era_block_size(nbdkit_next *next, void *handle, uint32_t *minimum, uint32_t *preferred,
			  uint32_t *maximum)
{
	const struct export *x = handle;

	(void)next;
	*minimum = x->conn.answers.minimum;
	*preferred = x->conn.answers.preferred;
	*maximum = x->conn.answers.maximum;
	return 0;
}

/* Writes to a failed target would all fail, so a client had better know. */
static int era_can_write(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	(void)next;
	if (!engine || x->is_since || x->is_frozen || engine_is_read_only(engine))
		return 0;
	return x->conn.answers.can_write;
}

static int era_can_extents(nbdkit_next *next, void *handle)
{
	const struct export *x = handle;

	(void)next;
	return x->is_since ? 1 : x->conn.answers.can_extents;
}

static int pread_below(void *conn, void *buf, uint32_t count, uint64_t offset, int *err)
{
	return origin_pread(conn, buf, count, offset, 0, err);
}

static int extents_below(void *conn, uint32_t count, uint64_t offset, uint32_t flags,
			 struct nbdkit_extents *extents, int *err)
{
	return origin_extents(conn, count, offset, flags, extents, err);
}

static struct frozen_below below(struct export *x)
{
	return (struct frozen_below){pread_below, extents_below, &x->conn};
}

static int era_extents(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset,
		       uint32_t flags, struct nbdkit_extents *extents, int *err)
{
	struct export *x = handle;
	const struct frozen_below b = below(x);

	(void)next;
	if (x->is_frozen && !x->is_since)
		return frozen_extents(&x->frozen, &b, count, offset, flags, extents, err);
	if (!x->is_since)
		return origin_extents(&x->conn, count, offset, flags, extents, err);
	if (!since_extents(&x->since, offset, count, flags, extents))
		return 0;
	*err = errno ? errno : ENOMEM;
	return -1;
}

static int era_pread(nbdkit_next *next, void *handle, void *buf, uint32_t count, uint64_t offset,
		     uint32_t flags, int *err)
{
	struct export *x = handle;
	const struct frozen_below b = below(x);

	(void)next;
	if (x->is_frozen)
		return frozen_pread(&x->frozen, &b, buf, count, offset, err);
	return origin_pread(&x->conn, buf, count, offset, flags, err);
}

static int era_cache(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset,
		     uint32_t flags, int *err)
{
	struct export *x = handle;

	(void)next;
	return origin_cache(&x->conn, count, offset, flags, err);
}

static int era_flush(nbdkit_next *next, void *handle, uint32_t flags, int *err)
{
	struct export *x = handle;

	(void)next;
	return origin_flush_conn(&x->conn, flags, err);
}

/* A failure has been reported.  *err says ENOSPC if it was a lack of space, which may end: then a
 * client may wait and go on.  When this returns 0, old contents that are to be kept are safe,
 * too. */
static int mark(struct export *x, uint32_t count, uint64_t offset, struct engine_request *req,
		int *err)
{
	const struct frozen_below b = below(x);
	int r = engine_mark(engine, offset, count, req);

	if (era_debug_marks)
		nbdkit_debug("mark %" PRIu32 " bytes at %" PRIu64 ": %s", count, offset,
			     r ? log_last_error() : "done");
	if (!r) {
		frozen_keep(&b, count, offset);
		return 0;
	}
	*err = r == ERA_NO_SPACE ? ENOSPC : EIO;
	return -1;
}

static int era_pwrite(nbdkit_next *next, void *handle, const void *buf, uint32_t count,
		      uint64_t offset, uint32_t flags, int *err)
{
	struct export *x = handle;
	struct engine_request req;
	int r = mark(x, count, offset, &req, err);

	(void)next;
	if (r)
		return r;
	r = origin_pwrite(&x->conn, buf, count, offset, flags, err);
	engine_done(engine, req);
	return r;
}

typedef int discard_fn(struct origin_conn *conn, uint32_t count, uint64_t offset, uint32_t flags,
		       int *err);

/* Every block of the range counts as written. */
static int discard(struct export *x, discard_fn *pass_on, uint32_t count, uint64_t offset,
		   uint32_t flags, int *err)
{
	struct engine_request req;
	int r = mark(x, count, offset, &req, err);

	if (r)
		return r;
	r = pass_on(&x->conn, count, offset, flags, err);
	engine_done(engine, req);
	return r;
}

static int era_trim(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset,
		    uint32_t flags, int *err)
{
	(void)next;
	return discard(handle, origin_trim, count, offset, flags, err);
}

static int era_zero(nbdkit_next *next, void *handle, uint32_t count, uint64_t offset,
		    uint32_t flags, int *err)
{
	(void)next;
	return discard(handle, origin_zero, count, offset, flags, err);
}

#ifdef HAVE_STRUCT_NBDKIT_FILTER_DUMP_PLUGIN
static void era_dump_plugin(void)
{
	printf("era_filter_version=%s\n", PACKAGE_VERSION);
	printf("era_filter_features=flush,ro,make,since,zero,snapshot,user,witness\n");
}
#endif

static struct nbdkit_filter filter = {
	.name = "era",
#ifdef HAVE_STRUCT_NBDKIT_FILTER_DUMP_PLUGIN
	.dump_plugin = era_dump_plugin,
#endif
	.longname = "era tracking " PACKAGE_VERSION,
	.description = "Remembers in which era each block was last written, in the metadata of the "
		       "Linux kernel's dm-era target.",
	.config_help = config_help,
	.load = era_load,
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
	.get_size = era_get_size,
	.block_size = era_block_size,
	.can_write = era_can_write,
	.can_flush = era_can_flush,
	.is_rotational = era_is_rotational,
	.can_trim = era_can_trim,
	.can_zero = era_can_zero,
	.can_fast_zero = era_can_fast_zero,
	.can_extents = era_can_extents,
	.can_fua = era_can_fua,
	.can_multi_conn = era_can_multi_conn,
	.can_cache = era_can_cache,
	.pread = era_pread,
	.cache = era_cache,
	.flush = era_flush,
	.extents = era_extents,
	.pwrite = era_pwrite,
	.trim = era_trim,
	.zero = era_zero,
};

NBDKIT_REGISTER_FILTER(filter)
