/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * One buffer.  fill() makes sure that so many bytes lie in it side by side, take() consumes them,
 * and the checksum is of all that was consumed.
 */
#include "copy/delta_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/io.h"
#include "block/crc.h"
#include "copy/delta_format_internal.h"

#define BUFFER_BYTES (2 * DELTA_PIECE_MAX)

struct delta_reader {
	struct source *source;
	const struct delta_tee *tee;
	struct delta_header header;
	uint8_t *buffer;
	size_t begin, end; /* what is in it */
	bool at_end;	   /* of the source */
	uint64_t consumed;
	uint32_t crc;
	/* At the end, before its own: behind that, all sound deltas have the same. */
	uint32_t checksum;
	struct delta_progress progress;
	uint64_t left; /* bytes of its data that were not returned yet */
	bool has_facts;
	struct delta_facts facts;
};

static int damaged(const struct delta_reader *reader, const char *fault)
{
	return report_fail(reader->source->rep, ERA_DAMAGED, "%s: delta: at byte %" PRIu64 ": %s",
			   reader->source->name, reader->consumed, fault);
}

static int read_more(struct delta_reader *reader)
{
	uint8_t *to = reader->buffer + reader->end;
	int n = source_read(reader->source, to, (unsigned)(BUFFER_BYTES - reader->end));

	if (n < 0)
		return n;
	if (!n)
		reader->at_end = true;
	if (n && reader->tee) {
		int r = reader->tee->write(reader->tee->ctx, to, (size_t)n);

		if (r)
			return r;
	}
	reader->end += (size_t)n;
	return 0;
}

/* n is at most DELTA_PIECE_MAX.  At the end of the source there may be fewer. */
static int fill(struct delta_reader *reader, size_t n)
{
	int r = 0;

	if (reader->end - reader->begin >= n)
		return 0;
	memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
	reader->end -= reader->begin;
	reader->begin = 0;
	while (reader->end < n && !reader->at_end && !r)
		r = read_more(reader);
	return r;
}

static const uint8_t *take(struct delta_reader *reader, size_t n)
{
	const uint8_t *data = reader->buffer + reader->begin;

	reader->crc = crc32c(reader->crc, data, n);
	reader->begin += n;
	reader->consumed += n;
	return data;
}

/* n bytes, or the delta is cut off. */
static int get(struct delta_reader *reader, size_t n, const uint8_t **data)
{
	int r = fill(reader, n);

	if (r)
		return r;
	if (reader->end - reader->begin < n)
		return damaged(reader, "it is cut off");
	*data = take(reader, n);
	return 0;
}

static int get_copy(struct delta_reader *reader, void *to, size_t n)
{
	const uint8_t *data;

	for (size_t part; n; n -= part) {
		int r;

		part = (size_t)min_u64(n, DELTA_PIECE_MAX);
		r = get(reader, part, &data);
		if (r)
			return r;
		memcpy(to, data, part);
		to = (uint8_t *)to + part;
	}
	return 0;
}

int delta_reader_open(struct delta_reader **out, struct source *source, const struct delta_tee *tee)
{
	struct delta_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		reader->buffer = io_alloc(BUFFER_BYTES);
	if (!reader || !reader->buffer) {
		free(reader);
		return report_nomem(source->rep);
	}
	reader->source = source;
	reader->tee = tee;
	reader->crc = DELTA_CRC_INIT;
	*out = reader;
	return 0;
}

void delta_reader_close(struct delta_reader *reader)
{
	if (!reader)
		return;
	free(reader->buffer);
	free(reader);
}

static int read_banner(struct delta_reader *reader)
{
	const uint8_t *data;
	int r = fill(reader, DELTA_BANNER_BYTES);

	if (r)
		return r;
	if (reader->end - reader->begin < DELTA_BANNER_BYTES)
		return damaged(reader, reader->end == reader->begin ? "there is nothing"
								    : "this is no delta");
	data = take(reader, DELTA_BANNER_BYTES);
	if (!memcmp(data, DELTA_BANNER, DELTA_BANNER_BYTES))
		return 0;
	reader->consumed = 0;
	return damaged(reader, memcmp(data, DELTA_BANNER_2, DELTA_BANNER_BYTES)
				       ? "this is no delta"
				       : "an rbd diff of version 2, wanted version 1");
}

static int read_name(struct delta_reader *reader, struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];
	struct le32 disk;
	uint32_t len;
	int r = get_copy(reader, &disk, sizeof(disk));

	if (r)
		return r;
	len = le32_get(disk);
	if (len >= sizeof(text))
		return damaged(reader, "the name of a snapshot is too long");
	r = get_copy(reader, text, len);
	if (r)
		return r;
	if (!backup_name_parse(text, len, name))
		return damaged(reader, "the name of a snapshot is not era-N-ID: this is not a "
				       "delta between backups");
	return 0;
}

static int read_tag(struct delta_reader *reader, char *tag)
{
	const uint8_t *data = NULL;
	int r = get(reader, 1, &data);

	if (!r)
		*tag = (char)*data;
	return r;
}

static int expect_tag(struct delta_reader *reader, char tag, char wanted)
{
	if (tag == wanted)
		return 0;
	return damaged(reader, wanted == DELTA_TAG_TO
				       ? "wanted the name that the backup gets (record 't')"
				       : "wanted the size of the device (record 's')");
}

static int read_names(struct delta_reader *reader, struct delta_header *header)
{
	char tag;
	int r = read_tag(reader, &tag);

	if (!r && tag == DELTA_TAG_FROM) {
		header->has_from = true;
		r = read_name(reader, &header->from);
		if (!r)
			r = read_tag(reader, &tag);
	}
	if (!r)
		r = expect_tag(reader, tag, DELTA_TAG_TO);
	return r ? r : read_name(reader, &header->to);
}

static int read_size(struct delta_reader *reader, uint64_t *size)
{
	struct le64 disk;
	char tag;
	int r = read_tag(reader, &tag);

	if (!r)
		r = expect_tag(reader, tag, DELTA_TAG_SIZE);
	if (!r)
		r = get_copy(reader, &disk, sizeof(disk));
	if (!r)
		*size = le64_get(disk);
	return r;
}

int delta_read_header(struct delta_reader *reader, struct delta_header *header)
{
	struct delta_header *h = &reader->header;
	const char *fault;
	int r = read_banner(reader);

	if (!r)
		r = read_names(reader, h);
	if (!r)
		r = read_size(reader, &h->size);
	if (r)
		return r;
	fault = delta_header_fault(h);
	if (fault)
		return damaged(reader, fault);
	*header = *h;
	return 0;
}

static int read_record(struct delta_reader *reader, enum delta_kind kind,
		       struct delta_record *record)
{
	struct delta_range_disk disk;
	struct delta_record read;
	const char *fault;
	int r = get_copy(reader, &disk, sizeof(disk));

	if (r)
		return r;
	read = (struct delta_record){kind, le64_get(disk.offset), le64_get(disk.length)};
	fault = delta_record_fault(&reader->header, &reader->progress, &read);
	if (fault)
		return damaged(reader, fault);
	reader->left = kind == DELTA_DATA ? read.length : 0;
	*record = read;
	return 1;
}

static bool trailer_sizes_fit(const struct delta_trailer_disk *disk)
{
	uint64_t origin = le32_get(disk->origin_size), witness = le32_get(disk->witness_size);

	return origin <= DELTA_ORIGIN_MAX && witness <= DELTA_WITNESS_MAX &&
	       le32_get(disk->size) == sizeof(*disk) + origin + witness + sizeof(struct le32);
}

static int check_trailer(struct delta_reader *reader, const struct delta_trailer_disk *disk)
{
	if (memcmp(disk->magic, DELTA_TRAILER_MAGIC, sizeof(disk->magic)))
		return damaged(reader, "something that is no trailer follows the end");
	if (le32_get(disk->version) != DELTA_TRAILER_VERSION)
		return damaged(reader, "the version of the trailer is unknown");
	if (le32_get(disk->flags))
		return damaged(reader, "the trailer has flags that are unknown");
	return trailer_sizes_fit(disk) ? 0 : damaged(reader, "sizes in the trailer are wrong");
}

static int read_strings(struct delta_reader *reader, const struct delta_trailer_disk *disk)
{
	struct delta_facts *facts = &reader->facts;
	uint32_t origin = le32_get(disk->origin_size);
	int r = get_copy(reader, facts->origin, origin);

	facts->origin[origin] = '\0';
	if (!r && strlen(facts->origin) != origin)
		return damaged(reader, "the identity of the origin is not printable");
	facts->witness_size = le32_get(disk->witness_size);
	return r ? r : get_copy(reader, facts->witness, facts->witness_size);
}

static int compare_checksum(struct delta_reader *reader)
{
	uint32_t wanted = ~reader->crc;
	struct le32 found;
	int r;

	reader->checksum = wanted;
	r = get_copy(reader, &found, sizeof(found));
	if (r || le32_get(found) == wanted)
		return r;
	return report_fail(reader->source->rep, ERA_DAMAGED,
			   "%s: delta: bad checksum: found 0x%08" PRIx32 ", wanted 0x%08" PRIx32,
			   reader->source->name, le32_get(found), wanted);
}

static int read_trailer(struct delta_reader *reader)
{
	struct delta_trailer_disk disk;
	const char *fault;
	int r = get_copy(reader, &disk, sizeof(disk));

	if (!r)
		r = check_trailer(reader, &disk);
	if (r)
		return r;
	reader->facts.from_size = le64_get(disk.from_size);
	reader->facts.block_size = le32_get(disk.block_size);
	r = read_strings(reader, &disk);
	if (!r)
		r = compare_checksum(reader);
	if (r)
		return r;
	fault = delta_facts_fault(&reader->header, &reader->progress, &reader->facts);
	reader->has_facts = true;
	return fault ? damaged(reader, fault) : 0;
}

static int is_at_end(struct delta_reader *reader, bool *is)
{
	int r = fill(reader, 1);

	*is = reader->begin == reader->end;
	return r;
}

static int read_end(struct delta_reader *reader)
{
	const char *fault = delta_end_fault(&reader->header, &reader->progress);
	bool is_over;
	int r;

	if (fault)
		return damaged(reader, fault);
	reader->checksum = ~reader->crc;
	r = is_at_end(reader, &is_over);
	if (r || is_over)
		return r;
	r = read_trailer(reader);
	if (!r)
		r = is_at_end(reader, &is_over);
	if (r || is_over)
		return r;
	return damaged(reader, "something follows the trailer");
}

static int pass_over(struct delta_reader *reader)
{
	const uint8_t *data;
	int r;

	while ((r = delta_read_data(reader, &data)) > 0)
		;
	return r;
}

int delta_next(struct delta_reader *reader, struct delta_record *record)
{
	char tag;
	int r = pass_over(reader);

	if (!r)
		r = read_tag(reader, &tag);
	if (r)
		return r;
	switch (tag) {
	case DELTA_TAG_DATA:
		return read_record(reader, DELTA_DATA, record);
	case DELTA_TAG_ZERO:
		return read_record(reader, DELTA_ZERO, record);
	case DELTA_TAG_END:
		return read_end(reader);
	default:
		return damaged(reader, "a record of an unknown type");
	}
}

int delta_read_data(struct delta_reader *reader, const uint8_t **data)
{
	size_t n = (size_t)min_u64(reader->left, DELTA_PIECE_MAX);
	int r = n ? get(reader, n, data) : 0;

	if (r)
		return r;
	reader->left -= n;
	return (int)n;
}

const struct delta_facts *delta_reader_facts(const struct delta_reader *reader)
{
	return reader->has_facts ? &reader->facts : NULL;
}

bool delta_reader_covers(const struct delta_reader *reader, uint64_t from)
{
	return delta_covers(&reader->header, &reader->progress, from);
}

uint32_t delta_reader_checksum(const struct delta_reader *reader)
{
	return reader->checksum;
}
