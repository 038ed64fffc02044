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
#include "tools/tool.h"

static int check_snapshot(struct era_view *view, const struct options *options)
{
	const struct report *rep = view->dev.rep;

	if (!options->snapshot)
		return 0;
	if (options->has_snapshot_era && options->snapshot_era != view->sb.current_era)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the metadata snapshot is of era %" PRIu32
				   ", wanted one of era %" PRIu32,
				   view->dev.path, view->sb.current_era, options->snapshot_era);
	if (view->live.current_era > view->sb.current_era)
		report_note(rep,
			    "%s: the metadata snapshot is of era %" PRIu32
			    ", the live metadata are in era %" PRIu32,
			    view->dev.path, view->sb.current_era, view->live.current_era);
	return 0;
}

/* The device's size must be one that has just these blocks. */
static bool size_fits(const struct era_view *view, const struct options *options, struct tool *tool)
{
	if (!options->device_size ||
	    div_up(options->device_size, superblock_block_bytes(&view->sb)) == view->sb.nr_blocks)
		return true;
	tool_say(tool,
		 "%s: --device-size: found %" PRIu64 " bytes, but the metadata track %" PRIu32
		 " blocks of %" PRIu64 " bytes",
		 options->path, options->device_size, view->sb.nr_blocks, superblock_block_bytes(&view->sb));
	return false;
}

/* The kernel gives blocks that a device has grown by era 0, whatever they held before. */
static void add_grown(const struct era_view *view, const struct options *options,
		      struct era_changes *found)
{
	uint64_t first = options->old_size / superblock_block_bytes(&view->sb);

	if (options->has_old_size && first < view->sb.nr_blocks)
		bits_set_range(found->bits, first, view->sb.nr_blocks - first);
}

/* Messages are for a cache that the kernel starts as it was stopped; XML can be made of any. */
static int check_cache(const struct options *options, const struct cache_superblock *sb,
		       const struct report *rep)
{
	if (sb->needs_check)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the cache could not write its metadata: the kernel does not start "
				   "it before cache_check has cleared the flag needs_check",
				   options->cache_metadata);
	if (sb->is_clean)
		return 0;
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

static int write_stale(const struct cache_question *question, const struct options *options,
		       struct sink *sink)
{
	struct source mappings;
	int r;

	if (!options->cache_mappings)
		return cache_write_stale(NULL, question, sink);
	r = source_open(&mappings, options->cache_mappings, question->rep);
	if (r)
		return r;
	r = cache_write_stale(&mappings, question, sink);
	source_close(&mappings);
	return r;
}

static int write_cache(const struct changes *changes, const struct options *options,
		       struct sink *sink, const struct report *rep)
{
	struct cache_metadata metadata;
	struct cache_question question = {
		.changes = changes,
		.format = options->cache_format,
		.allow_dirty = options->allow_dirty,
		.metadata = options->cache_metadata ? &metadata : NULL,
		.rep = rep,
	};
	int r;

	if (!options->cache_metadata) {
		report_note(rep, "whether the cache was stopped cleanly, and what is dirty in its metadata "
				 "of version 2, was not checked (--cache-metadata)");
		return write_stale(&question, options, sink);
	}
	r = cache_metadata_open(&metadata, options->cache_metadata, rep);
	if (r)
		return r;
	r = check_cache(options, &metadata.sb, rep);
	if (!r)
		r = write_stale(&question, options, sink);
	cache_metadata_close(&metadata);
	return r;
}

static int print(const struct era_view *view, const struct options *options,
		 const struct era_changes *found)
{
	struct changes changes = {
		.bits = found->bits,
		.nr_blocks = view->sb.nr_blocks,
		.block_size = superblock_block_bytes(&view->sb),
		.device_size = options->device_size,
		.unit = (enum change_unit)options->unit,
		.since = options->since,
		.current_era = view->live.current_era,
		.from_snapshot = options->snapshot,
		.snapshot_era = view->sb.current_era,
		.nr_unknown = found->nr_unknown,
	};
	struct sink sink;
	int r = options->format ? changes_check(&changes, options->format, view->dev.rep) : 0;

	if (!r)
		r = sink_open(&sink, options->output, view->dev.rep);
	if (r)
		return r;
	if (options->format)
		options->format->write(&sink, &changes);
	else
		r = write_cache(&changes, options, &sink, view->dev.rep);
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
	r = check_snapshot(view, options);
	if (!r)
		r = era_changes_allowed(view, options->since);
	if (!r)
		r = era_view_settle(view, era_changes_read(view, options->since, &changes));
	if (!r) {
		add_grown(view, options, &changes);
		r = print(view, options, &changes);
	}
	era_changes_free(&changes);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, changes.nr_unknown, view->nr_problems, "blocks");
}

int main(int argc, char **argv)
{
	enum exit_status status;
	struct options options;
	struct era_view view;
	struct tool tool;
	unsigned flags;
	int r;

	tool_start(&tool);
	options_parse(&options, argc, argv);
	tool.path = options.path;
	flags = (options.snapshot ? ERA_VIEW_SNAPSHOT : 0) | (options.repair ? ERA_VIEW_REPAIR : 0);
	r = era_view_open(&view, options.path, flags, &tool.report);
	status = r ? status_of(r) : invalidate(&view, &options, &tool);
	if (!r)
		era_view_close(&view);
	tool_end(&tool);
	return (int)status;
}
