/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "cache/mappings.h"

#include <inttypes.h>

#include "cache/growing_bits.h"
#include "xml/parse.h"

enum place {
	OUTSIDE,
	IN_SUPERBLOCK,
	IN_MAPPINGS,
	IN_MAPPING,
	IN_HINTS,
	IN_HINT,
	IN_DISCARDS,
	IN_DISCARD,
};

struct cache_reader {
	struct xml_parser xml;
	const struct cache_stream *to;
	uint32_t nr_cache_blocks;
	struct growing_bits mapped;
	bool has_mappings, has_hints;
};

static void begin_superblock(void *ctx, const struct xml_value *values)
{
	struct cache_reader *r = ctx;
	struct cache_header header = {
		.uuid = values[0].text,
		.block_size = (uint32_t)values[1].number,
		.nr_cache_blocks = (uint32_t)values[2].number,
		.policy = values[3].text,
		.hint_width = (uint32_t)values[4].number,
	};

	if (!header.block_size)
		xml_invalid(&r->xml, "block_size: found 0, wanted at least 1 sector");
	r->nr_cache_blocks = header.nr_cache_blocks;
	if (!xml_failed(&r->xml))
		xml_stop(&r->xml, r->to->begin(r->to->ctx, &header));
}

static void end_superblock(void *ctx)
{
	struct cache_reader *r = ctx;

	if (!r->has_mappings)
		xml_invalid(&r->xml, "no <mappings> in <superblock>");
	else
		xml_stop(&r->xml, r->to->end(r->to->ctx));
}

static void begin_mappings(void *ctx, const struct xml_value *values)
{
	struct cache_reader *r = ctx;

	(void)values;
	if (r->has_mappings || r->has_hints)
		xml_invalid(&r->xml, "<mappings> twice, or after <hints>");
	r->has_mappings = true;
}

static bool is_in_cache(struct cache_reader *r, uint64_t block)
{
	if (block < r->nr_cache_blocks)
		return true;
	xml_invalid(&r->xml, "cache_block: found %" PRIu64 ", wanted below %" PRIu32, block,
		    r->nr_cache_blocks);
	return false;
}

static void begin_mapping(void *ctx, const struct xml_value *values)
{
	struct cache_reader *r = ctx;
	struct cache_mapping mapping = {
		.cache_block = (uint32_t)values[0].number,
		.origin_block = values[1].number,
		.dirty = values[2].number,
	};

	if (!is_in_cache(r, values[0].number))
		return;
	if (growing_bits_test(&r->mapped, mapping.cache_block)) {
		xml_invalid(&r->xml, "cache block %" PRIu32 " is mapped twice",
			    mapping.cache_block);
		return;
	}
	if (growing_bits_set(&r->mapped, mapping.cache_block, r->nr_cache_blocks))
		xml_stop(&r->xml, r->to->mapping(r->to->ctx, &mapping));
	else
		xml_stop(&r->xml, report_nomem(r->xml.source->rep));
}

static void begin_hints(void *ctx, const struct xml_value *values)
{
	struct cache_reader *r = ctx;

	(void)values;
	if (r->has_hints || !r->has_mappings) {
		xml_invalid(&r->xml, "<hints> twice, or before <mappings>");
		return;
	}
	r->has_hints = true;
	xml_stop(&r->xml, r->to->hints_begin(r->to->ctx));
}

static void begin_hint(void *ctx, const struct xml_value *values)
{
	struct cache_reader *r = ctx;

	if (is_in_cache(r, values[0].number) && r->to->hint)
		xml_stop(&r->xml,
			 r->to->hint(r->to->ctx, (uint32_t)values[0].number, values[1].text));
}

/* What is discarded on the origin only saves the cache work: nothing is lost without it. */
static void ignore(void *ctx, const struct xml_value *values)
{
	(void)ctx;
	(void)values;
}

#define TEXT(name) \
	{ \
		name, XML_TEXT, 0 \
	}
#define U32(name) \
	{ \
		name, XML_NUMBER, UINT32_MAX \
	}
#define U63(name) \
	{ \
		name, XML_NUMBER, INT64_MAX \
	}

static const struct xml_element elements[] = {
	{"superblock",
	 OUTSIDE,
	 IN_SUPERBLOCK,
	 {TEXT("uuid"), U32("block_size"), U32("nr_cache_blocks"), TEXT("policy"),
	  U32("hint_width")},
	 begin_superblock,
	 end_superblock},
	{"mappings", IN_SUPERBLOCK, IN_MAPPINGS, {TEXT(NULL)}, begin_mappings, NULL},
	{"mapping",
	 IN_MAPPINGS,
	 IN_MAPPING,
	 {U32("cache_block"), U63("origin_block"), {"dirty", XML_TRUTH, 0}},
	 begin_mapping,
	 NULL},
	{"hints", IN_SUPERBLOCK, IN_HINTS, {TEXT(NULL)}, begin_hints, NULL},
	{"hint", IN_HINTS, IN_HINT, {U32("cache_block"), TEXT("data")}, begin_hint, NULL},
	{"discards", IN_SUPERBLOCK, IN_DISCARDS, {TEXT(NULL)}, ignore, NULL},
	{"discard", IN_DISCARDS, IN_DISCARD, {U63("dbegin"), U63("dend")}, ignore, NULL},
};

int cache_read(struct source *source, const struct cache_stream *to)
{
	struct cache_reader r = {
		.xml = {.source = source,
			.elements = elements,
			.nr_elements = ARRAY_SIZE(elements)},
		.to = to,
	};
	int result;

	r.xml.ctx = &r;
	result = xml_parse(&r.xml);
	growing_bits_free(&r.mapped);
	return result;
}
