/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The XML reader, as era_restore uses it: with the lines that are recognised before expat sees them,
 * and without.  However the input is cut into pieces, both must give the same events and say the
 * same.
 *
 * Input: a seed for where to cut (4 bytes), then the text.
 */
#include <string.h>

#include "block/crc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/text_source.h"
#include "xml/reader.h"

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
	const struct era_stream stream = {e,       on_begin, on_writeset, on_words, on_mark,
					  on_mark, on_eras,  on_mark,     on_end};
	struct source source;
	int r;

	*e = (struct events){0};
	text_source_open(&source, text, cuts, &rep);
	r = xml_read(&source, &stream, how);
	must_be_told(r, told);
	must(e->ended == !r);
	return r;
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
	return 0;
}
