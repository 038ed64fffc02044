/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include <string.h>

#include "base/utf8.h"
#include "copy/delta_format_internal.h"

const char *delta_header_fault(const struct delta_header *header)
{
	if (!header->size || header->size > INT64_MAX)
		return "the size of the device is out of range";
	if (header->has_from && backup_name_same(&header->from, &header->to))
		return "it leads from a backup to the same one";
	if (header->has_from && header->from.era > header->to.era)
		return "the era of its base is later than its own";
	return NULL;
}

static const char *range_fault(const struct delta_header *header, uint64_t at,
			       const struct delta_record *record)
{
	if (!record->length)
		return "a record is empty";
	if (record->kind == DELTA_DATA && record->length > DELTA_DATA_MAX)
		return "a record of data is longer than 4 MiB";
	if (record->offset < at)
		return "a record begins before the end of the one before";
	if (record->offset > header->size || record->length > header->size - record->offset)
		return "a record goes past the end of the device";
	if (!header->has_from && record->offset != at)
		return "a full backup has a gap";
	return NULL;
}

const char *delta_record_fault(const struct delta_header *header, struct delta_progress *progress,
			       const struct delta_record *record)
{
	const char *fault = range_fault(header, progress->at, record);

	if (fault)
		return fault;
	if (record->offset != progress->at)
		progress->since = record->offset;
	progress->at = record->offset + record->length;
	return NULL;
}

bool delta_covers(const struct delta_header *header, const struct delta_progress *progress,
		  uint64_t from)
{
	return from >= header->size || (progress->since <= from && progress->at == header->size);
}

const char *delta_end_fault(const struct delta_header *header,
			    const struct delta_progress *progress)
{
	return header->has_from || delta_covers(header, progress, 0)
		       ? NULL
		       : "a full backup ends too early";
}

const char *delta_facts_fault(const struct delta_header *header,
			      const struct delta_progress *progress,
			      const struct delta_facts *facts)
{
	if (header->has_from != (facts->from_size != 0) || facts->from_size > INT64_MAX)
		return "the size of the base is out of range";
	if (!delta_covers(header, progress, facts->from_size))
		return "what was added to the device is not in it";
	if (facts->witness_size > DELTA_WITNESS_MAX)
		return "the witness is too long";
	if (facts->origin[utf8_plain(facts->origin, "")])
		return "the identity of the origin is not printable";
	return NULL;
}
