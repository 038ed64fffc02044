/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The XML reader, as era_restore uses it: with the lines that are recognised before expat sees
 * them, and without.  However the input is cut into pieces, both must give the same events and say
 * the same.  The events written as XML again, in both dialects, are read as the same.
 *
 * Input: a seed for where to cut (4 bytes), then the text.
 */
#include <stdlib.h>
#include <string.h>

#include "block/crc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text_source.h"
#include "xml/reader.h"
#include "xml/writer.h"

/* More isn't written: a line for each bit takes its time. */
#define MAX_WRITTEN_WORDS (1u << 6)

/* A writeset of 2^31 bits without marks is so many words that nothing new is learned from. */
#define MAX_WORDS (1u << 20)

struct events {
	uint32_t words, eras, others; /* checksums */
	uint64_t nr_words;
	bool ended;
};

static int on_begin(void *ctx, const struct era_header *header)
{
	struct events *e = ctx;

	e->others = crc32c(e->others, header, sizeof(*header));
	return 0;
}

static int on_writeset(void *ctx, uint32_t era, uint32_t nr_bits)
{
	const uint32_t values[] = {era, nr_bits};
	struct events *e = ctx;

	e->others = crc32c(e->others, values, sizeof(values));
	return 0;
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct events *e = ctx;

	e->words = crc32c(e->words, words, nr * sizeof(*words));
	e->nr_words += nr;
	return e->nr_words > MAX_WORDS ? ERA_PIPE : 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct events *e = ctx;

	e->eras = crc32c(e->eras, eras, nr * sizeof(*eras));
	return 0;
}

static int on_mark(void *ctx)
{
	struct events *e = ctx;

	e->others = crc32c(e->others, "m", 1);
	return 0;
}

static int on_end(void *ctx)
{
	struct events *e = ctx;

	must(!e->ended);
	e->ended = true;
	return 0;
}

static int read_text(struct input text, uint32_t cuts, enum xml_read_how how, struct events *e,
		     struct told *told)
{
	const struct report rep = fuzz_report(told);
	const struct era_stream stream = {e,	   on_begin, on_writeset, on_words, on_mark,
					  on_mark, on_eras,  on_mark,	  on_end};
	struct source source;
	int r;

	*e = (struct events){0};
	text_source_open(&source, text, cuts, &rep);
	r = xml_read(&source, &stream, how);
	must_be_told(r, told);
	must(e->ended == !r);
	return r;
}

static void write_text(struct input text, bool compact, struct memfile *file)
{
	struct xml_writer writer;
	struct era_stream stream;
	struct source source;
	struct sink sink;

	memfile_open(file, NULL, 0);
	must(!sink_open(&sink, file->path, NULL));
	stream = xml_writer_stream(&writer, &sink, compact);
	text_source_open(&source, text, 0, NULL);
	must(!xml_read(&source, &stream, XML_READ_FAST));
	must(!sink_finish(&sink));
	sink_close(&sink);
}

static void must_stay_the_same(struct input text, bool compact, const struct events *wanted)
{
	struct events again;
	struct memfile file;
	struct told told;
	void *data;

	write_text(text, compact, &file);
	data = memfile_read(&file, &text.len);
	text.data = data;
	must(!read_text(text, 0, XML_READ_FAST, &again, &told));
	must(!memcmp(&again, wanted, sizeof(again)));
	free(data);
	memfile_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	uint32_t cuts = (uint32_t)input_take(&input, 4);
	struct events fast, plain, whole;
	struct told fast_told, plain_told, whole_told;
	int r = read_text(input, cuts, XML_READ_FAST, &fast, &fast_told);

	must(read_text(input, cuts * 31 + 7, XML_READ_PLAIN, &plain, &plain_told) == r);
	must(read_text(input, 0, XML_READ_FAST, &whole, &whole_told) == r);
	must_say_the_same(&fast_told, &plain_told);
	must_say_the_same(&fast_told, &whole_told);
	if (!r) {
		must(!memcmp(&fast, &plain, sizeof(fast)));
		must(!memcmp(&fast, &whole, sizeof(fast)));
	}
	if (!r && fast.nr_words <= MAX_WRITTEN_WORDS) {
		must_stay_the_same(input, false, &fast);
		must_stay_the_same(input, true, &fast);
	}
	return 0;
}
