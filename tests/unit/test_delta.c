/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Deltas: what is written is what is read; whatever is not as doc/delta.md has it is refused, by
 * the reader and by the writer.  ERA_DELTA_MUTATIONS is how many damaged ones are tried (10000).
 */
#include "delta_file.h"

#include "base/checked.h"
#include "copy/delta_reader.h"

#define SIZE (UINT64_C(1) << 33)
#define LONG (DELTA_DATA_MAX + 5000u)

static char said[1024];

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s", text);
}

static const struct report report = {.error = on_error};

static struct delta_facts facts = {.from_size = SIZE,
				   .block_size = 65536,
				   .origin = "disk \"x\"",
				   .witness_size = 300};
static uint8_t data[LONG];

static int setup(void **state)
{
	uint64_t random = 1;

	(void)state;
	*said = '\0';
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)unit_random(&random);
	memcpy(facts.witness, data, facts.witness_size);
	return 0;
}

static int write_records(struct delta_writer *w, bool with_long)
{
	int r = delta_data(w, 5, data, 100);

	if (!r)
		r = delta_zero(w, 105, SIZE / 2);
	if (!r && with_long)
		r = delta_data(w, SIZE - LONG, data, LONG);
	if (!r && !with_long)
		r = delta_data(w, SIZE - 60, data, 50);
	return r;
}

static void write_delta(const struct delta_file *file, bool with_long)
{
	const struct delta_header header = delta_header_of(1, 2, SIZE);
	struct delta_writer w;
	struct sink sink;

	assert_int_equal(sink_open(&sink, file->path, &report), 0);
	assert_int_equal(delta_begin(&w, &sink, &header), 0);
	assert_int_equal(write_records(&w, with_long), 0);
	assert_int_equal(delta_end(&w, &facts), 0);
	assert_int_equal(sink_finish(&sink), 0);
	sink_close(&sink);
}

/* What a reader was told, in short. */
struct heard {
	struct delta_header header;
	unsigned nr_records;
	struct delta_record records[8];
	uint64_t nr_bytes;
	uint32_t csum; /* of the data */
	bool has_facts;
};

static int read_data(struct delta_reader *reader, struct heard *heard)
{
	const uint8_t *piece;
	int n;

	while ((n = delta_read_data(reader, &piece)) > 0) {
		heard->csum = crc32c(heard->csum, piece, (size_t)n);
		heard->nr_bytes += (uint64_t)n;
	}
	return n;
}

static int read_all(struct delta_reader *reader, struct heard *heard)
{
	struct delta_record record;
	uint64_t at = 0;
	int r = delta_read_header(reader, &heard->header);

	while (!r && (r = delta_next(reader, &record)) > 0) {
		assert_true(record.length && record.offset >= at);
		assert_true(record.offset <= heard->header.size &&
			    record.length <= heard->header.size - record.offset);
		at = record.offset + record.length;
		heard->records[heard->nr_records++ % 8] = record;
		r = record.kind == DELTA_DATA ? read_data(reader, heard) : 0;
	}
	if (!r)
		heard->has_facts = delta_reader_facts(reader);
	if (heard->has_facts)
		assert_true(delta_reader_facts(reader)->witness_size <= DELTA_WITNESS_MAX);
	return r;
}

static int read_delta(const struct delta_file *file, struct heard *heard)
{
	struct source source;
	struct delta_reader *reader;
	int r;

	*heard = (struct heard){0};
	assert_int_equal(source_open(&source, file->path, &report), 0);
	assert_int_equal(delta_reader_open(&reader, &source, NULL), 0);
	r = read_all(reader, heard);
	delta_reader_close(reader);
	source_close(&source);
	return r;
}

static void what_is_written_is_read(void **state)
{
	struct delta_file file;
	struct heard heard;
	uint32_t csum = crc32c(0, data, 100);

	(void)state;
	delta_file_open(&file);
	write_delta(&file, true);
	assert_int_equal(read_delta(&file, &heard), 0);
	assert_true(heard.header.has_from && heard.header.size == SIZE);
	assert_true(
		backup_name_same(&heard.header.from, &(struct backup_name){1, {[0 ... 15] = 1}}));
	assert_int_equal(heard.nr_records, 4);
	assert_int_equal(heard.records[1].kind, DELTA_ZERO);
	assert_int_equal(heard.records[1].length, SIZE / 2);
	assert_int_equal(heard.records[2].length, DELTA_DATA_MAX);
	assert_int_equal(heard.records[3].offset, SIZE - 5000);
	assert_int_equal(heard.csum, crc32c(csum, data, LONG));
	assert_true(heard.has_facts);
	delta_file_close(&file);
}

static void the_trailer_is_read(void **state)
{
	struct delta_file file;
	struct source source;
	struct delta_reader *reader;
	struct heard heard = {0};

	(void)state;
	delta_file_open(&file);
	write_delta(&file, false);
	assert_int_equal(source_open(&source, file.path, &report), 0);
	assert_int_equal(delta_reader_open(&reader, &source, NULL), 0);
	assert_int_equal(read_all(reader, &heard), 0);
	assert_memory_equal(delta_reader_facts(reader), &facts, sizeof(facts));
	delta_reader_close(reader);
	source_close(&source);
	delta_file_close(&file);
}

/* A delta that is cut off anywhere; only behind its end record it is one without trailer. */
static void cut_anywhere(void **state)
{
	struct delta_file file;
	struct heard heard;
	size_t len, end;
	uint8_t *whole;

	(void)state;
	delta_file_open(&file);
	write_delta(&file, false);
	whole = delta_file_get(&file, &len);
	end = len - 40 - strlen(facts.origin) - facts.witness_size - 4;
	for (size_t cut = 0; cut < len; cut++) {
		delta_file_set(&file, whole, cut);
		*said = '\0';
		assert_int_equal(read_delta(&file, &heard), cut == end ? 0 : ERA_DAMAGED);
		assert_true(!heard.has_facts && (cut == end || *said));
	}
	free(whole);
	delta_file_close(&file);
}

static unsigned long nr_mutations(void)
{
	const char *wanted = getenv("ERA_DELTA_MUTATIONS");

	return wanted ? strtoul(wanted, NULL, 10) : 10000;
}

/* One byte, or some that become others; or a piece that is left out, or stands twice. */
static size_t mutate(uint64_t *random, const uint8_t *whole, size_t len, uint8_t *to)
{
	size_t at = unit_random(random) % len, some = 1 + unit_random(random) % 20;

	some = (size_t)min_u64(some, len - at);
	memcpy(to, whole, len);
	switch (unit_random(random) % 4) {
	case 0:
		memmove(to + at, whole + at + some, len - at - some);
		return len - some;
	case 1:
		memmove(to + at + some, whole + at, len - at);
		return len + some;
	case 2:
		for (size_t i = 0; i < some; i++)
			to[at + i] = (uint8_t)unit_random(random);
		return len;
	default:
		to[at] ^= (uint8_t)(1u << unit_random(random) % 8);
		return len;
	}
}

/* With the old checksum it is refused, with a right one it is refused or well-formed, which
 * read_all() sees. */
static void mutations(void **state)
{
	struct delta_file file;
	struct heard heard;
	uint64_t random = 7;
	size_t len, n;
	uint8_t *whole, *other;

	(void)state;
	delta_file_open(&file);
	write_delta(&file, false);
	whole = delta_file_get(&file, &len);
	other = malloc(len + 20);
	assert_non_null(other);
	for (unsigned long i = 0; i < nr_mutations(); i++) {
		n = mutate(&random, whole, len, other);
		if (n == len && !memcmp(whole, other, len))
			continue;
		delta_file_set(&file, other, n);
		*said = '\0';
		assert_int_equal(read_delta(&file, &heard), ERA_DAMAGED);
		assert_true(*said);
		delta_make_right(other, n);
		delta_file_set(&file, other, n);
		assert_true(read_delta(&file, &heard) == 0 || *said);
	}
	free(other);
	free(whole);
	delta_file_close(&file);
}

/* Offsets of what write_delta() makes without a long record. */
#define NAME_BYTES 38u
#define AT_FROM 12u
#define AT_TO (AT_FROM + 5 + NAME_BYTES)
#define AT_SIZE (AT_TO + 5 + NAME_BYTES)
#define AT_FIRST (AT_SIZE + 9)
#define AT_ZERO (AT_FIRST + 17 + 100)
#define AT_LAST (AT_ZERO + 17)
#define AT_END (AT_LAST + 17 + 50)
#define AT_TRAILER (AT_END + 1)

/* All refused, though the checksum is right. */
static const struct {
	const char *what, *why;
	size_t at;
	unsigned bytes;
	uint64_t value;
} faults[] = {
	{"banner", "this is no delta", 0, 1, 'R'},
	{"version", "of version 2", 10, 1, '2'},
	{"name's length", "too long", AT_FROM + 1, 4, UINT32_MAX},
	{"name's length + 1", "not era-N-ID", AT_FROM + 1, 4, NAME_BYTES + 1},
	{"an era without digits", "not era-N-ID", AT_FROM + 9, 1, '-'},
	{"ID in capitals", "not era-N-ID", AT_FROM + 12, 1, 'A'},
	{"base twice", "record 't'", AT_TO, 1, 'f'},
	{"no size", "record 's'", AT_SIZE, 1, 'w'},
	{"size 0", "size of the device", AT_SIZE + 1, 8, 0},
	{"size 2^63", "size of the device", AT_SIZE + 1, 8, UINT64_C(1) << 63},
	{"a smaller size", "past the end", AT_SIZE + 1, 8, SIZE - 11},
	{"an unknown record", "unknown type", AT_FIRST, 1, 'x'},
	{"a second size", "unknown type", AT_FIRST, 1, 's'},
	{"an offset past the end", "past the end", AT_FIRST + 1, 8, SIZE},
	{"an offset that wraps", "past the end", AT_FIRST + 1, 8, UINT64_MAX - 50},
	{"no data", "is empty", AT_FIRST + 9, 8, 0},
	{"too much data", "longer than 4 MiB", AT_FIRST + 9, 8, DELTA_DATA_MAX + 1},
	{"data that wrap", "longer than 4 MiB", AT_FIRST + 9, 8, UINT64_MAX},
	{"no zeroes", "is empty", AT_ZERO + 9, 8, 0},
	{"zeroes that wrap", "past the end", AT_ZERO + 9, 8, UINT64_MAX - 100},
	{"an overlap", "before the end of the one before", AT_ZERO + 1, 8, 104},
	{"no order", "before the end of the one before", AT_LAST + 1, 8, 0},
	{"the trailer's name", "no trailer", AT_TRAILER, 1, 'E'},
	{"the trailer's version", "version of the trailer", AT_TRAILER + 8, 4, 2},
	{"the trailer's size", "sizes in the trailer", AT_TRAILER + 12, 4, 351},
	{"the base's size", "size of the base", AT_TRAILER + 16, 8, 0},
	{"a smaller base", "what was added", AT_TRAILER + 16, 8, SIZE - 70},
	{"flags", "flags", AT_TRAILER + 28, 4, 1},
	{"origin's length", "sizes in the trailer", AT_TRAILER + 32, 4, DELTA_ORIGIN_MAX + 1},
	{"witness's length", "sizes in the trailer", AT_TRAILER + 36, 4, UINT32_MAX},
	{"origin", "not printable", AT_TRAILER + 40, 1, '\n'},
	{"origin with a NUL", "not printable", AT_TRAILER + 41, 1, 0},
};

static void each_rule(void **state)
{
	struct delta_file file;
	struct heard heard;
	size_t len;
	uint8_t *whole;

	(void)state;
	delta_file_open(&file);
	write_delta(&file, false);
	whole = delta_file_get(&file, &len);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct le64 value = le64_make(faults[i].value);
		uint8_t kept[8];

		memcpy(kept, whole + faults[i].at, faults[i].bytes);
		memcpy(whole + faults[i].at, &value, faults[i].bytes);
		delta_make_right(whole, len);
		delta_file_set(&file, whole, len);
		*said = '\0';
		if (read_delta(&file, &heard) != ERA_DAMAGED || !strstr(said, faults[i].why))
			fail_msg("%s: %s", faults[i].what, said);
		memcpy(whole + faults[i].at, kept, faults[i].bytes);
	}
	free(whole);
	delta_file_close(&file);
}

static void nothing_may_follow(void **state)
{
	struct delta_file file;
	struct heard heard;
	size_t len;
	uint8_t *whole;

	(void)state;
	delta_file_open(&file);
	write_delta(&file, false);
	whole = delta_file_get(&file, &len);
	delta_file_set(&file, whole, len + 1);
	assert_int_equal(read_delta(&file, &heard), ERA_DAMAGED);
	assert_non_null(strstr(said, "follows the trailer"));
	free(whole);
	delta_file_close(&file);
}

static int begin_to(struct delta_writer *w, struct sink *sink, const struct delta_header *header)
{
	assert_int_equal(sink_open(sink, "/dev/null", &report), 0);
	return delta_begin(w, sink, header);
}

static void the_writer_refuses_headers(void **state)
{
	struct delta_header headers[] = {delta_header_of(1, 1, SIZE), delta_header_of(3, 2, SIZE),
					 delta_header_of(1, 2, 0),
					 delta_header_of(1, 2, UINT64_C(1) << 63)};
	struct delta_writer w;
	struct sink sink;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		assert_int_equal(begin_to(&w, &sink, &headers[i]), ERA_DAMAGED);
		sink_close(&sink);
	}
}

static void the_writer_refuses_records(void **state)
{
	const struct delta_header header = delta_header_of(1, 2, 1000);
	struct delta_writer w;
	struct sink sink;

	(void)state;
	assert_int_equal(begin_to(&w, &sink, &header), 0);
	assert_int_equal(delta_data(&w, 10, data, 10), 0);
	assert_int_equal(delta_data(&w, 19, data, 10), ERA_DAMAGED);
	assert_int_equal(delta_data(&w, 20, data, 0), ERA_DAMAGED);
	assert_int_equal(delta_zero(&w, 991, 10), ERA_DAMAGED);
	assert_int_equal(delta_zero(&w, UINT64_MAX, 10), ERA_DAMAGED);
	sink_close(&sink);
}

/* from_size is that of the facts. */
static int write_one(uint32_t from, uint64_t from_size, uint64_t offset, uint64_t length)
{
	const struct delta_header header = delta_header_of(from, 9, 1000);
	struct delta_facts own = {.from_size = from_size};
	struct delta_writer w;
	struct sink sink;
	int r = begin_to(&w, &sink, &header);

	if (!r)
		r = delta_zero(&w, offset, length);
	if (!r)
		r = delta_end(&w, &own);
	sink_close(&sink);
	return r;
}

static void what_must_be_covered(void **state)
{
	(void)state;
	assert_int_equal(write_one(0, 0, 0, 1000), 0);
	assert_int_equal(write_one(0, 0, 0, 999), ERA_DAMAGED);
	assert_int_equal(write_one(0, 0, 1, 999), ERA_DAMAGED);
	assert_int_equal(write_one(0, 1000, 0, 1000), ERA_DAMAGED);
	assert_int_equal(write_one(1, 0, 0, 1000), ERA_DAMAGED);
	assert_int_equal(write_one(1, 1000, 7, 10), 0);
	assert_int_equal(write_one(1, 5000, 7, 10), 0);
	assert_int_equal(write_one(1, 900, 900, 100), 0);
	assert_int_equal(write_one(1, 900, 901, 99), ERA_DAMAGED);
	assert_int_equal(write_one(1, 900, 900, 99), ERA_DAMAGED);
}

static void names(void **state)
{
	static const char *const bad[] = {
		"",
		"era-",
		"era-1-",
		"era--01010101010101010101010101010101",
		"era-1-0101010101010101010101010101010",
		"era-1-010101010101010101010101010101011",
		"era-01-01010101010101010101010101010101",
		"era-4294967296-01010101010101010101010101010101",
		"era-1-0101010101010101010101010101010g",
		"Era-1-01010101010101010101010101010101",
	};
	struct backup_name name = {0}, again;
	char text[BACKUP_NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(backup_name_parse(bad[i], strlen(bad[i]), &name));
	assert_int_equal(backup_name_draw(&name, UINT32_MAX, &report), 0);
	backup_name_format(&name, text);
	assert_true(backup_name_parse(text, strlen(text), &again));
	assert_true(backup_name_same(&name, &again));
	assert_int_equal(backup_name_draw(&again, UINT32_MAX, &report), 0);
	assert_false(backup_name_same(&name, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names, setup),
		cmocka_unit_test_setup(what_is_written_is_read, setup),
		cmocka_unit_test_setup(the_trailer_is_read, setup),
		cmocka_unit_test_setup(cut_anywhere, setup),
		cmocka_unit_test_setup(mutations, setup),
		cmocka_unit_test_setup(each_rule, setup),
		cmocka_unit_test_setup(nothing_may_follow, setup),
		cmocka_unit_test_setup(the_writer_refuses_headers, setup),
		cmocka_unit_test_setup(the_writer_refuses_records, setup),
		cmocka_unit_test_setup(what_must_be_covered, setup),
	};

	return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
