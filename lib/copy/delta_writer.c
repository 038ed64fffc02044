/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/delta_writer.h"

#include <string.h>

#include "base/checked.h"
#include "block/crc.h"
#include "copy/delta_format_internal.h"

static void put(struct delta_writer *writer, const void *data, size_t size)
{
	writer->crc = crc32c(writer->crc, data, size);
	sink_write(writer->sink, data, size);
}

static void put_tag(struct delta_writer *writer, char tag)
{
	put(writer, &tag, 1);
}

static void put_name(struct delta_writer *writer, char tag, const struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];
	size_t len = strlen(backup_name_format(name, text));
	const struct le32 disk = le32_make((uint32_t)len);

	put_tag(writer, tag);
	put(writer, &disk, sizeof(disk));
	put(writer, text, len);
}

static int refuse(const struct delta_writer *writer, const char *fault)
{
	return report_fail(writer->sink->rep, ERA_DAMAGED, "%s: cannot write this delta: %s",
			   writer->sink->shown, fault);
}

int delta_begin(struct delta_writer *writer, struct sink *sink, const struct delta_header *header)
{
	const char *fault = delta_header_fault(header);
	const struct le64 size = le64_make(header->size);

	*writer = (struct delta_writer){.sink = sink, .header = *header, .crc = DELTA_CRC_INIT};
	if (fault)
		return refuse(writer, fault);
	put(writer, DELTA_BANNER, DELTA_BANNER_BYTES);
	if (header->has_from)
		put_name(writer, DELTA_TAG_FROM, &header->from);
	put_name(writer, DELTA_TAG_TO, &header->to);
	put_tag(writer, DELTA_TAG_SIZE);
	put(writer, &size, sizeof(size));
	return sink_failed(sink);
}

static int put_range(struct delta_writer *writer, char tag, const struct delta_record *record)
{
	const char *fault = delta_record_fault(&writer->header, &writer->progress, record);
	const struct delta_range_disk disk = {le64_make(record->offset), le64_make(record->length)};

	if (fault)
		return refuse(writer, fault);
	put_tag(writer, tag);
	put(writer, &disk, sizeof(disk));
	return sink_failed(writer->sink);
}

int delta_data(struct delta_writer *writer, uint64_t offset, const void *data, uint64_t length)
{
	const uint8_t *bytes = data;
	int r;

	do {
		uint64_t part = min_u64(length, DELTA_DATA_MAX);

		r = put_range(writer, DELTA_TAG_DATA,
			      &(struct delta_record){DELTA_DATA, offset, part});
		if (r)
			return r;
		put(writer, bytes, (size_t)part);
		writer->data_bytes += part;
		bytes += part;
		offset += part;
		length -= part;
	} while (length);
	return sink_failed(writer->sink);
}

int delta_zero(struct delta_writer *writer, uint64_t offset, uint64_t length)
{
	writer->zero_bytes += length;
	return put_range(writer, DELTA_TAG_ZERO,
			 &(struct delta_record){DELTA_ZERO, offset, length});
}

static void put_trailer(struct delta_writer *writer, const struct delta_facts *facts)
{
	uint32_t origin = (uint32_t)strlen(facts->origin);
	struct delta_trailer_disk disk = {
		.version = le32_make(DELTA_TRAILER_VERSION),
		.size = le32_make((uint32_t)sizeof(disk) + origin + facts->witness_size +
				  (uint32_t)sizeof(struct le32)),
		.from_size = le64_make(facts->from_size),
		.block_size = le32_make(facts->block_size),
		.origin_size = le32_make(origin),
		.witness_size = le32_make(facts->witness_size),
	};
	struct le32 csum;

	memcpy(disk.magic, DELTA_TRAILER_MAGIC, sizeof(disk.magic));
	put(writer, &disk, sizeof(disk));
	put(writer, facts->origin, origin);
	put(writer, facts->witness, facts->witness_size);
	csum = le32_make(~writer->crc);
	put(writer, &csum, sizeof(csum));
}

int delta_end(struct delta_writer *writer, const struct delta_facts *facts)
{
	const char *fault = delta_end_fault(&writer->header, &writer->progress);

	if (!fault)
		fault = delta_facts_fault(&writer->header, &writer->progress, facts);
	if (fault)
		return refuse(writer, fault);
	put_tag(writer, DELTA_TAG_END);
	put_trailer(writer, facts);
	return sink_failed(writer->sink);
}
