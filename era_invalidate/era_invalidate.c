/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists the blocks written since an era. */
#include <inttypes.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/sink.h"
#include "base/source.h"
#include "cache/stale.h"
#include "metadata/changes.h"
#include "metadata/view.h"
#include "open/open.h"
#include "options.h"
#include "output/changes.h"
#include "tools/program.h"

static int check_snapshot(const struct era_view *view, const struct options *options,
			  const struct report *rep)
{
	const struct superblock *sb = era_view_sb(view), *live = era_view_live_sb(view);

	if (!options->snapshot)
		return 0;
	if (options->has_snapshot_era && options->snapshot_era != sb->current_era)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the metadata snapshot is of era %" PRIu32
				   ", wanted one of era %" PRIu32,
				   options->path, sb->current_era, options->snapshot_era);
	if (live->current_era > sb->current_era)
		report_note(rep,
			    "%s: the metadata snapshot is of era %" PRIu32
			    ", the live metadata are in era %" PRIu32,
			    options->path, sb->current_era, live->current_era);
	return 0;
}

/* The device's size must be one that has just these blocks. */
static bool size_fits(const struct era_view *view, const struct options *options, struct tool *tool)
{
	const struct superblock *sb = era_view_sb(view);

	if (!options->device_size ||
	    div_up(options->device_size, superblock_block_bytes(sb)) == sb->nr_blocks)
		return true;
	tool_say(tool,
		 "%s: --device-size: found %" PRIu64 " bytes, but the metadata track %" PRIu32
		 " blocks of %" PRIu64 " bytes",
		 options->path, options->device_size, sb->nr_blocks, superblock_block_bytes(sb));
	return false;
}

/* The kernel gives blocks that a device has grown by era 0, whatever they held before. */
static void add_grown(const struct era_view *view, const struct options *options,
		      struct era_changes *found)
{
	const struct superblock *sb = era_view_sb(view);
	uint64_t first = options->old_size / superblock_block_bytes(sb);

	if (options->has_old_size && first < sb->nr_blocks)
		bits_set_range(found->bits, first, sb->nr_blocks - first);
}

/* Without a look at the cache's own metadata nobody knows; XML can be made of any. */
static int check_cache(const struct options *options, struct cache_metadata *metadata,
		       const struct report *rep)
{
	int r;

	if (!options->cache_metadata) {
		report_note(rep,
			    "whether the cache was stopped cleanly, and what is dirty in its metadata "
				 "of version 2, was not checked (--cache-metadata)");
		return 0;
	}
	r = cache_metadata_read(options->cache_metadata, metadata, rep);
	if (r || metadata->clean)
		return r;
	if (options->cache_format == CACHE_MESSAGES)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the cache was not stopped cleanly: the kernel takes all of it "
				   "as dirty; restore it from the mappings that are not stale "
				   "(--format cache-xml)",
				   options->cache_metadata);
	report_note(rep, "%s: the cache was not stopped cleanly: its mappings are safe to restore "
			 "only if it was in writethrough mode", options->cache_metadata);
	return 0;
}

static int write_cache(const struct changes *changes, const struct options *options,
		       struct sink *sink, const struct report *rep)
{
	struct cache_metadata metadata = {0};
	struct cache_question question = {
		.changes = changes,
		.format = options->cache_format,
		.allow_dirty = options->allow_dirty,
		.metadata = options->cache_metadata ? &metadata : NULL,
		.rep = rep,
	};
	struct source mappings;
	int r = check_cache(options, &metadata, rep);

	if (!r)
		r = source_open(&mappings, options->cache_mappings, rep);
	if (!r) {
		r = cache_write_stale(&mappings, &question, sink);
		source_close(&mappings);
	}
	cache_metadata_free(&metadata);
	return r;
}

static int print(const struct era_view *view, const struct options *options,
		 const struct era_changes *found, const struct report *rep)
{
	const struct superblock *sb = era_view_sb(view);
	struct changes changes = {
		.bits = found->bits,
		.nr_blocks = sb->nr_blocks,
		.block_size = superblock_block_bytes(sb),
		.device_size = options->device_size,
		.unit = (enum change_unit)options->unit,
		.since = options->since,
		.current_era = era_view_live_sb(view)->current_era,
		.from_snapshot = options->snapshot,
		.snapshot_era = sb->current_era,
		.nr_unknown = found->nr_unknown,
	};
	struct sink sink;
	int r = options->format ? changes_check(&changes, options->format, rep) : 0;

	if (!r)
		r = sink_open(&sink, options->output, rep);
	if (r)
		return r;
	if (options->format)
		options->format->write(&sink, &changes);
	else
		r = write_cache(&changes, options, &sink, rep);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

static enum exit_status invalidate(struct era_view *view, const struct options *options,
				   struct tool *tool)
{
	struct era_changes changes = {NULL, 0};
	int r;

	if (!size_fits(view, options, tool))
		return STATUS_USAGE;
	r = check_snapshot(view, options, &tool->report);
	if (!r)
		r = era_changes_allowed(view, options->since);
	if (!r)
		r = era_view_revalidate(view, era_changes_read(view, options->since, &changes));
	if (!r) {
		add_grown(view, options, &changes);
		r = print(view, options, &changes, &tool->report);
	}
	era_changes_free(&changes);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, changes.nr_unknown, era_view_nr_problems(view), "blocks");
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	unsigned flags = (options->snapshot ? ERA_VIEW_SNAPSHOT : 0) |
			 (options->repair ? ERA_VIEW_REPAIR : 0);
	enum exit_status status;
	struct era_view *view;
	int r;

	tool->path = options->path;
	r = era_view_open(&view, options->path, flags, &tool->report);
	if (r)
		return status_of(r);
	status = invalidate(view, options, tool);
	era_view_close(view);
	return status;
}

const struct program program_invalidate = {
	.name = "invalidate",
	.summary = "list the blocks written since an era",
	.options = &invalidate_options,
	.options_size = sizeof(struct options),
	.run = run,
};
