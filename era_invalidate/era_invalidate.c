/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Lists the blocks written since an era. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/sink.h"
#include "base/source.h"
#include "cache/stale.h"
#include "dmera.h"
#include "dmera/own.h"
#include "options.h"
#include "output/changes.h"
#include "tools/document.h"
#include "tools/input.h"
#include "tools/program.h"

/* The device's size must be one that has just these blocks. */
static bool size_fits(uint64_t nr_blocks, uint64_t block_size, const struct options *options,
		      struct tool *tool)
{
	if (!options->device_size || div_up(options->device_size, block_size) == nr_blocks)
		return true;
	tool_say(tool,
		 "%s: --device-size: found %" PRIu64 " bytes, but the metadata track %" PRIu64
		 " blocks of %" PRIu64 " bytes",
		 options->path, options->device_size, nr_blocks, block_size);
	return false;
}

/* Messages are for a cache that the kernel starts as it was stopped; XML can be made of any. */
static int check_cache(const struct options *options, const struct cache_facts *cache,
		       const struct report *rep)
{
	int r = cache_refuse_unchecked(cache, options->cache_metadata, rep);

	if (r || cache->is_clean)
		return r;
	if (options->cache_format == CACHE_MESSAGES)
		return report_fail(rep, ERA_NO_ANSWER,
				   "%s: the cache was not stopped cleanly: the kernel takes all of "
				   "it as dirty; restore it from the mappings that are not stale "
				   "(--format cache-xml)",
				   options->cache_metadata);
	report_note(rep,
		    "%s: the cache was not stopped cleanly: its mappings are safe to restore "
		    "only if it was in writethrough mode, had no dirty block, and no write was in "
		    "flight; " ERA_PROGRAM " rollback compares them with the origin",
		    options->cache_metadata);
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
	struct cache_metadata *metadata;
	struct cache_question question = {
		.changes = changes,
		.format = options->cache_format,
		.allow_dirty = options->allow_dirty,
		.rep = rep,
	};
	int r;

	if (!options->cache_metadata) {
		report_note(rep, "whether the cache was stopped cleanly, and what is dirty in its "
				 "metadata of version 2, was not checked (--cache-metadata)");
		return write_stale(&question, options, sink);
	}
	r = cache_metadata_open(&metadata, options->cache_metadata, rep);
	if (r)
		return r;
	question.metadata = metadata;
	r = check_cache(options, cache_metadata_facts(metadata), rep);
	if (!r)
		r = write_stale(&question, options, sink);
	cache_metadata_close(metadata);
	return r;
}

static struct changes describe(const struct dmera_facts *facts, const struct dmera_changes *found,
			       uint64_t nr_unknown, const struct options *options)
{
	return (struct changes){
		.bits = dmera_changes_bits(found),
		.nr_blocks = (uint32_t)facts->nr_blocks,
		.block_size = facts->block_size,
		.device_size = options->device_size,
		.unit = (enum change_unit)options->unit,
		.since = options->since,
		.current_era = facts->live_era,
		.from_snapshot = options->snapshot,
		.snapshot_era = facts->era,
		.nr_unknown = nr_unknown,
		.path = options->path,
		.era_to_remember = facts->era_to_remember,
	};
}

static int print(const struct changes *changes, const struct options *options, struct tool *tool)
{
	const struct report *rep = &tool->report;
	struct sink sink;
	int r = options->format ? changes_check(changes, options->format, rep) : 0;

	if (r)
		return r;
	tool->json.is_begun = true;
	r = sink_open(&sink, options->output, rep);
	if (r)
		return r;
	if (options->format)
		options->format->write(&sink, changes);
	else
		r = write_cache(changes, options, &sink, rep);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

/* The new witness gets its name after the list has been written, but whether it can be written is
 * known before. */
static int print_both(const struct changes *changes, const struct dmera_witness *made,
		      const struct options *options, struct tool *tool)
{
	const struct report *rep = &tool->report;
	static uint8_t data[DMERA_WITNESS_MAX_BYTES];
	size_t size = dmera_witness_encode(made, data, sizeof(data));
	struct sink sink = {0};
	int r = size ? sink_open(&sink, options->witness_out, rep) : report_nomem(rep);

	if (r)
		return r;
	sink_write(&sink, data, size);
	r = print(changes, options, tool);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	return r;
}

static int print_answer(const struct changes *changes, const struct dmera_changes *found,
			const struct options *options, struct tool *tool)
{
	const struct dmera_witness *made = dmera_changes_witness(found);

	if (made)
		return print_both(changes, made, options, tool);
	if (options->witness_out)
		report_note(&tool->report,
			    "%s: not written: damage was passed over, so there is no witness",
			    options->witness_out);
	return print(changes, options, tool);
}

/* The facts are asked for again, since reading may have met damage. */
static enum exit_status print_found(struct dmera *era, const struct dmera_changes *found,
				    const struct options *options, struct tool *tool)
{
	struct dmera_totals totals;
	struct dmera_facts facts;
	struct changes changes;
	int r = dmera_get_facts(era, &facts, sizeof(facts));

	if (r)
		return status_of(r);
	dmera_changes_get_totals(found, &totals, sizeof(totals));
	changes = describe(&facts, found, totals.nr_unknown, options);
	changes.ending =
		document_ending(tool_status_of_unknown(totals.nr_unknown, totals.nr_problems),
				tool);
	r = print_answer(&changes, found, options, tool);
	if (r)
		return status_of(r);
	return tool_repair_status(tool, totals.nr_unknown, totals.nr_problems, "blocks");
}

static unsigned open_flags(const struct options *options)
{
	return (options->snapshot ? DMERA_SNAPSHOT : 0) | (options->repair ? DMERA_REPAIR : 0);
}

static struct changes describe_all(const struct dmera_extent *extent, const uint64_t *bits,
				   const struct options *options)
{
	return (struct changes){
		.bits = bits,
		.nr_blocks = extent->nr_blocks,
		.block_size = extent->block_size,
		.device_size = options->device_size,
		.unit = (enum change_unit)options->unit,
		.since = options->since,
		.current_era = extent->live_era,
		.from_snapshot = options->snapshot,
		.snapshot_era = extent->snapshot_era,
		.nr_unknown = extent->nr_blocks,
		.path = options->path,
	};
}

static enum exit_status print_all(const struct dmera_extent *extent, const struct options *options,
				  struct tool *tool)
{
	uint64_t *bits = bits_alloc(extent->nr_blocks);
	struct changes changes;
	int r;

	if (!bits)
		return status_of(report_nomem(&tool->report));
	bits_set_range(bits, 0, extent->nr_blocks);
	changes = describe_all(extent, bits, options);
	changes.ending = document_ending(STATUS_UNKNOWN, tool);
	r = print(&changes, options, tool);
	free(bits);
	if (r)
		return status_of(r);
	if (options->witness_out)
		tool_say(tool, "%s: not written: there is no witness without a safe answer",
			 options->witness_out);
	tool_always(tool,
		    "%s: there is no safe answer: all %" PRIu32 " blocks are listed (--or-all)",
		    options->path, extent->nr_blocks);
	return STATUS_UNKNOWN;
}

/* The device may have been resized since the snapshot or the witness. */
static enum exit_status list_all(struct dmera *era, const struct options *options,
				 struct tool *tool)
{
	struct dmera_extent extent;
	int r;

	dmera_close(era);
	r = dmera_get_extent(era, options->path, open_flags(options), &extent);
	if (r)
		return status_of(r);
	if (div_up(options->device_size, extent.block_size) != extent.nr_blocks &&
	    !size_fits(extent.nr_live_blocks, extent.block_size, options, tool))
		return STATUS_USAGE;
	return print_all(&extent, options, tool);
}

static enum exit_status invalidate(struct dmera *era, const struct options *options,
				   struct tool *tool)
{
	int r = dmera_open(era, options->path, open_flags(options));
	struct dmera_facts facts = {0};
	struct dmera_changes *found;
	enum exit_status status;

	if (!r)
		r = dmera_get_facts(era, &facts, sizeof(facts));
	if (!r && !size_fits(facts.nr_blocks, facts.block_size, options, tool))
		return STATUS_USAGE;
	if (!r)
		r = dmera_changes_in_blocks(era, options->since, &found);
	if (r == DMERA_NO_ANSWER && options->or_all)
		return list_all(era, options, tool);
	if (r)
		return status_of(r);
	status = print_found(era, found, options, tool);
	dmera_changes_free(found);
	return status;
}

/* A list of what may be dropped from a cache must have all that was written until now. */
static void apply(struct dmera *era, const struct options *options)
{
	if (options->has_old_size)
		dmera_set_old_size(era, options->old_size);
	if (options->has_snapshot_era)
		dmera_set_snapshot_era(era, options->snapshot_era);
	dmera_set_nothing_newer(era, !options->format);
}

/* More than a witness has is told by its size, one too many. */
static int read_witness(struct dmera *era, const char *path, struct dmera_witness **witness,
			const struct report *rep)
{
	static uint8_t data[DMERA_WITNESS_MAX_BYTES + 1];
	struct source source;
	size_t size = 0;
	int r = source_open(&source, path, rep);

	if (r)
		return r;
	while (size < sizeof(data) &&
	       (r = source_read(&source, data + size, (unsigned)(sizeof(data) - size))) > 0)
		size += (size_t)r;
	source_close(&source);
	return r < 0 ? r : dmera_witness_decode(era, path, data, size, witness);
}

static enum exit_status load_and_list(struct dmera *era, const struct options *options,
				      struct tool *tool)
{
	struct dmera_witness *old = NULL;
	enum exit_status status;
	int r = input_prepare(options->path, &tool->report);

	if (!r && options->witness)
		r = read_witness(era, options->witness, &old, &tool->report);
	if (r)
		return status_of(r);
	dmera_set_witness(era, old);
	dmera_set_make_witness(era, options->witness_out != NULL);
	status = invalidate(era, options, tool);
	dmera_set_witness(era, NULL);
	dmera_witness_free(old);
	return status;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	enum exit_status status;
	struct dmera *era = dmera_create();

	tool->path = options->path;
	tool->json.is_wanted = options->json && !options_stream(options->output);
	if (!era)
		return status_of(report_nomem(&tool->report));
	tool_listen(tool, era);
	apply(era, options);
	status = load_and_list(era, options, tool);
	dmera_destroy(era);
	return status;
}

const struct program program_invalidate = {
	.name = "invalidate",
	.summary = "list the blocks written since an era",
	.options = &invalidate_options,
	.options_size = sizeof(struct options),
	.run = run,
};
