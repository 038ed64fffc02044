/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists the blocks written since an era. */
#include <inttypes.h>
#include <stdlib.h>

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
#include "witness/witness.h"

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

/* The kernel gives blocks that a device has grown by era 0, whatever they held before: all from
 * this one on are listed. */
static uint64_t first_listed(const struct era_view *view, const struct options *options)
{
	if (!options->has_old_size)
		return UINT64_MAX;
	return options->old_size / superblock_block_bytes(&view->sb);
}

static void add_grown(const struct era_view *view, const struct options *options,
		      struct era_changes *found)
{
	uint64_t first = first_listed(view, options);

	if (first < view->sb.nr_blocks)
		bits_set_range(found->bits, first, view->sb.nr_blocks - first);
}

/* Without a look at the cache's own metadata nobody knows; XML can be made of any. */
static int check_cache(const struct options *options, struct cache_metadata *metadata,
		       const struct report *rep)
{
	int r;

	if (!options->cache_metadata) {
		report_note(rep, "whether the cache was stopped cleanly, and what is dirty in its metadata "
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

/* The new witness gets its name when the list is out; that it can be written is seen before. */
static int print_both(const struct era_view *view, const struct options *options,
		      const struct era_changes *found, const struct witness *made)
{
	struct sink sink = {0};
	int r;

	if (!made)
		return print(view, options, found);
	r = sink_open(&sink, options->witness_out, view->dev.rep);
	if (r)
		return r;
	r = witness_save(made, &sink);
	if (!r)
		r = print(view, options, found);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

static int read_changes(struct era_view *view, const struct options *options,
			struct witness_task *task, struct era_changes *changes)
{
	struct witness *old = NULL;
	int r = options->witness ? witness_load(&old, options->witness, view->dev.rep) : 0;

	if (r)
		return r;
	task->old = old;
	r = witness_read_changes(view, options->since, task, changes);
	if (!r && options->witness_out && !task->made)
		report_note(view->dev.rep,
			    "%s: not written: no witness is made where damage was passed over",
			    options->witness_out);
	free(old);
	return r;
}

static int answer(struct era_view *view, const struct options *options, struct era_changes *changes)
{
	struct witness_task task = {
		.listed_from = first_listed(view, options),
		.make = options->witness_out,
	};
	int r = read_changes(view, options, &task, changes);

	if (r)
		return r;
	add_grown(view, options, changes);
	r = print_both(view, options, changes, task.made);
	free(task.made);
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
		r = answer(view, options, &changes);
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
