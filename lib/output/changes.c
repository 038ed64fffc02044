/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "output/changes.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/decimal.h"
#include "base/le.h"
#include "ondisk/era_disk.h"

#define LINE_MAX_BYTES 128u
#define WORDS_AT_ONCE 512u

/* A run of changed blocks. */
struct run {
	uint64_t begin, end;
};

static bool next_run(const struct changes *changes, struct run *run)
{
	run->begin = bits_next_set(changes->bits, run->end, changes->nr_blocks);
	if (run->begin == changes->nr_blocks)
		return false;
	run->end = bits_next_clear(changes->bits, run->begin, changes->nr_blocks);
	return true;
}

/* The run in bytes: only the device's last block can be partial. */
static struct run in_bytes(const struct changes *changes, const struct run *run)
{
	struct run bytes = {run->begin * changes->block_size, run->end * changes->block_size};

	if (changes->device_size && bytes.end > changes->device_size)
		bytes.end = changes->device_size;
	return bytes;
}

static struct run in_unit(const struct changes *changes, const struct run *run)
{
	struct run bytes;

	if (changes->unit == UNIT_BLOCKS)
		return *run;
	bytes = in_bytes(changes, run);
	if (changes->unit == UNIT_BYTES)
		return bytes;
	return (struct run){bytes.begin / SECTOR_SIZE, div_up(bytes.end, SECTOR_SIZE)};
}

static inline char *put_text(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return to + len;
}

static void write_xml(struct sink *sink, const struct changes *changes)
{
	struct decimal begin = {0}, end = {0};
	struct run run = {0, 0};

	sink_printf(sink, "<blocks>\n");
	while (!sink_failed(sink) && next_run(changes, &run)) {
		char *start = sink_reserve(sink, LINE_MAX_BYTES), *to = start;

		if (run.end - run.begin == 1) {
			to = decimal_put(&begin, run.begin, put_text(to, "  <block block=\""));
		} else {
			to = decimal_put(&begin, run.begin, put_text(to, "  <range begin=\""));
			to = decimal_put(&end, run.end, put_text(to, "\" end=\""));
		}
		to = put_text(to, "\"/>\n");
		sink_used(sink, (size_t)(to - start));
	}
	sink_printf(sink, "</blocks>\n");
}

static void write_ranges(struct sink *sink, const struct changes *changes)
{
	struct decimal offset = {0}, length = {0};
	struct run run = {0, 0};

	while (!sink_failed(sink) && next_run(changes, &run)) {
		struct run shown = in_unit(changes, &run);
		char *start = sink_reserve(sink, LINE_MAX_BYTES), *to = start;

		to = decimal_put(&offset, shown.begin, to);
		to = decimal_put(&length, shown.end - shown.begin, put_text(to, " "));
		to = put_text(to, "\n");
		sink_used(sink, (size_t)(to - start));
	}
}

/* Returns the bytes listed. */
static uint64_t write_json_ranges(struct json *json, const struct changes *changes)
{
	struct run run = {0, 0};
	uint64_t total = 0;

	json_newline(json);
	json_begin_array(json, "ranges");
	while (!sink_failed(json->sink) && next_run(changes, &run)) {
		struct run bytes = in_bytes(changes, &run);

		json_newline(json);
		json_begin_object(json, NULL);
		json_number(json, "offset", bytes.begin);
		json_number(json, "length", bytes.end - bytes.begin);
		json_end_object(json);
		total += bytes.end - bytes.begin;
	}
	json_end_array(json);
	json_newline(json);
	return total;
}

static void write_json(struct sink *sink, const struct changes *changes)
{
	struct json json = {.sink = sink};
	uint64_t total;

	json_begin_object(&json, NULL);
	json_string(&json, "path", changes->path);
	json_number(&json, "since", changes->since);
	json_number(&json, "current_era", changes->current_era);
	json_string(&json, "source", changes->from_snapshot ? "snapshot" : "live");
	if (changes->from_snapshot)
		json_number(&json, "snapshot_era", changes->snapshot_era);
	json_number(&json, "block_size", changes->block_size);
	json_number(&json, "nr_blocks", changes->nr_blocks);
	json_number_or_null(&json, "era_to_remember", changes->era_to_remember);
	total = write_json_ranges(&json, changes);
	json_number(&json, "changed_blocks", bits_count(changes->bits, changes->nr_blocks));
	json_number(&json, "changed_bytes", total);
	json_number(&json, "unknown_blocks", changes->nr_unknown);
	json_end_document(&json, &changes->ending);
}

static void write_bitmap(struct sink *sink, const struct changes *changes)
{
	uint64_t bytes = div_up(changes->nr_blocks, 8);
	struct le64 words[WORDS_AT_ONCE];

	for (uint64_t done = 0, nr; done < bytes && !sink_failed(sink); done += nr) {
		nr = min_u64(bytes - done, sizeof(words));
		le64_make_all(changes->bits + done / sizeof(*words),
			      (size_t)div_up(nr, sizeof(*words)), words);
		sink_write(sink, words, (size_t)nr);
	}
}

static const struct change_format formats[] = {
	{"xml", false, false, write_xml},
	{"json", false, true, write_json},
	{"ranges", true, true, write_ranges},
	{"bitmap", false, false, write_bitmap},
};

const struct change_format *change_format_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

int changes_check(const struct changes *changes, const struct change_format *format,
		  const struct report *rep)
{
	uint64_t size;

	if (!format->in_bytes || (format->has_unit && changes->unit == UNIT_BLOCKS))
		return 0;
	if (checked_mul(changes->nr_blocks, changes->block_size, &size) && size <= INT64_MAX)
		return 0;
	return report_fail(rep, ERA_DAMAGED,
			   "%" PRIu32 " blocks of %" PRIu64
			   " bytes are more than 63 bits can count",
			   changes->nr_blocks, changes->block_size);
}
