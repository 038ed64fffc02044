/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All that is done with metadata, on an image with patches: check, dump, the list of changed blocks,
 * and repair; live and of the snapshot.  What must hold besides ending at all:
 *
 * - what the check calls sound can be read, and what cannot be read the check calls damaged;
 * - all readings of one view end the same way; one that succeeds says the same with repair;
 * - with repair, damage that is evident never takes a block off the list;
 * - what is repaired is sound and says what reading it with repair said;
 * - what is salvaged without the superblock is sound, and damage that is evident makes no era earlier;
 * - XML of a dump is read back as the same metadata.
 *
 * Input: the era asked for (1 byte, in parts of the current one), then the image (image.h).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/crc.h"
#include "era/build.h"
#include "era/changes.h"
#include "era/check.h"
#include "era/map.h"
#include "era/salvage.h"
#include "era/stream.h"
#include "ondisk/era_disk.h"
#include "output/changes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"
#include "xml/reader.h"
#include "xml/writer.h"

/* A dump of more is given up: it has been long enough to show what goes wrong. */
#define MAX_WORDS (1u << 18)

/* Of XML, which takes its time. */
#define MAX_XML_BLOCKS (1u << 14)
#define MAX_XML_WORDS (1u << 10)

#define OUTPUT_BYTES ((size_t)16 << 20)

/* What a dump came to. */
struct dumped {
	int r;
	uint32_t words, eras, others; /* checksums of the events */
	uint64_t nr_words;
	uint64_t nr_unknown, nr_problems;
};

static bool given_up(const struct dumped *d)
{
	return d->nr_words > MAX_WORDS;
}

static int on_begin(void *ctx, const struct era_header *header)
{
	struct dumped *d = ctx;

	d->others = crc32c(d->others, header, sizeof(*header));
	return 0;
}

static int on_writeset(void *ctx, uint32_t era, uint32_t nr_bits)
{
	const uint32_t values[] = {era, nr_bits};
	struct dumped *d = ctx;

	d->others = crc32c(d->others, values, sizeof(values));
	return 0;
}

static int on_words(void *ctx, const uint64_t *words, uint32_t nr)
{
	struct dumped *d = ctx;

	d->words = crc32c(d->words, words, nr * sizeof(*words));
	d->nr_words += nr;
	return given_up(d) ? ERA_PIPE : 0;
}

static int on_eras(void *ctx, const uint32_t *eras, uint32_t nr)
{
	struct dumped *d = ctx;

	d->eras = crc32c(d->eras, eras, nr * sizeof(*eras));
	return 0;
}

static int on_mark(void *ctx)
{
	struct dumped *d = ctx;

	d->others = crc32c(d->others, "m", 1);
	return 0;
}

typedef int (*stream_fn)(struct era_view *view, const struct era_stream *to,
			 struct era_losses *losses);

static void dump(const struct memfile *file, unsigned flags, stream_fn stream, struct dumped *d)
{
	const struct era_stream to = {d,       on_begin, on_writeset, on_words, on_mark,
				      on_mark, on_eras,  on_mark,     on_mark};
	struct era_losses losses = {0, 0};
	struct era_view view;
	struct told told;
	const struct report rep = fuzz_report(&told);

	*d = (struct dumped){0};
	d->r = era_view_open(&view, file->path, flags, &rep);
	if (!d->r) {
		d->r = era_view_settle(&view, stream(&view, &to, &losses));
		d->nr_problems = view.nr_problems;
		era_view_close(&view);
	}
	d->nr_unknown = losses.nr_bits + losses.nr_eras;
	must_be_told(d->r, &told);
	if (!d->r && d->nr_unknown)
		must(d->nr_problems && told.nr_notes);
}

static bool same_dump(const struct dumped *a, const struct dumped *b)
{
	return a->words == b->words && a->eras == b->eras && a->others == b->others;
}

/* A view's answer, with the size that its bits are for. */
struct answer {
	int r;
	struct superblock sb;
	struct era_changes changes;
	uint64_t nr_problems;
};

static void ask(const struct memfile *file, unsigned flags, uint8_t part, struct answer *a)
{
	struct era_view view;
	struct told told;
	const struct report rep = fuzz_report(&told);
	uint32_t since;

	*a = (struct answer){.r = era_view_open(&view, file->path, flags, &rep)};
	if (!a->r) {
		a->sb = view.sb;
		since = (uint32_t)((uint64_t)view.sb.current_era * part / UINT8_MAX);
		a->r = era_changes_allowed(&view, since);
		must(!a->r);
		a->r = era_view_settle(&view, era_changes_read(&view, since, &a->changes));
		a->nr_problems = view.nr_problems;
		era_view_close(&view);
	}
	must_be_told(a->r, &told);
	if (!a->r && a->changes.nr_unknown)
		must(a->nr_problems && told.nr_notes);
}

static void answer_free(struct answer *a)
{
	if (!a->r)
		era_changes_free(&a->changes);
}

/* Every block of a's list is on b's. */
static bool lists_no_less(const struct answer *a, const struct answer *b)
{
	uint64_t nr_words = bits_words(min_u64(a->sb.nr_blocks, b->sb.nr_blocks));

	for (uint64_t i = 0; i < nr_words; i++)
		if (a->changes.bits[i] & ~b->changes.bits[i])
			return false;
	return a->sb.nr_blocks == b->sb.nr_blocks;
}

static struct changes changes_of(const struct answer *a)
{
	return (struct changes){
		.bits = a->changes.bits,
		.nr_blocks = a->sb.nr_blocks,
		.block_size = superblock_block_bytes(&a->sb),
		.current_era = a->sb.current_era,
		.nr_unknown = a->changes.nr_unknown,
	};
}

static void write_format(const struct answer *a, const char *name, struct memfile *file)
{
	const struct change_format *format = change_format_find(name);
	struct changes changes = changes_of(a);
	struct told told;
	const struct report rep = fuzz_report(&told);
	struct sink sink;
	int r = changes_check(&changes, format, &rep);

	must_be_told(r, &told);
	if (r)
		return;
	must(!sink_open(&sink, file->path, &rep));
	format->write(&sink, &changes);
	must(!sink_finish(&sink));
	sink_close(&sink);
}

static void write_formats(const struct answer *a)
{
	static const char *const names[] = {"xml", "json", "ranges", "bitmap"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct memfile file;

		memfile_open(&file, NULL, 0);
		write_format(a, names[i], &file);
		if (!strcmp(names[i], "bitmap"))
			must(memfile_size(&file) == div_up(a->sb.nr_blocks, 8));
		memfile_close(&file);
	}
}

struct view_stream {
	struct era_view view;
	struct era_losses losses;
};

static int produce(void *ctx, const struct era_stream *to)
{
	struct view_stream *s = ctx;

	return era_stream_view(&s->view, to, &s->losses);
}

static void must_be_sound(const struct memfile *file, const struct dumped *wanted)
{
	struct era_check_result result;
	struct dumped d;

	must(!era_check(file->path, ERA_CHECK_ALL, NULL, &result));
	must(!result.nr_fatal && !result.nr_non_fatal);
	dump(file, 0, era_stream_view, &d);
	must(!d.r && same_dump(&d, wanted));
}

static void open_output(struct memfile *file)
{
	memfile_open(file, "", 1);
	must(!ftruncate(file->fd, OUTPUT_BYTES));
}

static void repair(const struct memfile *file, const struct dumped *wanted)
{
	struct view_stream s = {.losses = {0, 0}};
	struct memfile repaired;
	struct told told;
	const struct report rep = fuzz_report(&told);

	open_output(&repaired);
	must(!era_view_open(&s.view, file->path, ERA_VIEW_REPAIR, &rep));
	must(!era_build_all(repaired.path, true, produce, &s, &rep));
	era_view_close(&s.view);
	must_be_sound(&repaired, wanted);
	memfile_close(&repaired);
}

static void write_xml(const struct memfile *file, bool compact, const struct memfile *xml)
{
	struct xml_writer writer;
	struct era_losses losses;
	struct era_stream stream;
	struct era_view view;
	struct sink sink;

	must(!sink_open(&sink, xml->path, NULL));
	stream = xml_writer_stream(&writer, &sink, compact);
	must(!era_view_open(&view, file->path, 0, NULL));
	must(!era_stream_view(&view, &stream, &losses));
	era_view_close(&view);
	must(!sink_finish(&sink));
	sink_close(&sink);
}

static int read_xml(void *ctx, const struct era_stream *to)
{
	const struct memfile *xml = ctx;
	struct source source;
	int r;

	must(!source_open(&source, xml->path, NULL));
	r = xml_read(&source, to, XML_READ_FAST);
	source_close(&source);
	return r;
}

static void dump_and_restore(const struct memfile *file, bool compact, const struct dumped *wanted)
{
	struct memfile xml, restored;

	memfile_open(&xml, NULL, 0);
	write_xml(file, compact, &xml);
	open_output(&restored);
	must(!era_build_all(restored.path, true, read_xml, &xml, NULL));
	must_be_sound(&restored, wanted);
	memfile_close(&restored);
	memfile_close(&xml);
}

/* Evident damage takes nothing off the list. */
static void must_not_report_less(const struct image *image, uint8_t part,
				 const struct answer *repaired)
{
	struct memfile file;
	struct answer truth;
	const uint8_t *data;
	size_t len;

	data = image_original(image, &len);
	memfile_open(&file, data, len);
	ask(&file, 0, part, &truth);
	must(!truth.r && lists_no_less(&truth, repaired));
	answer_free(&truth);
	memfile_close(&file);
}

static void open_map(const struct memfile *file, struct era_view *view, struct era_map **map)
{
	must(!era_view_open(view, file->path, 0, NULL));
	must(!era_map_open(map, view));
}

/* No block of the image as it was has a later era there. */
static void must_not_be_earlier(const struct image *image, const struct memfile *salvaged)
{
	struct era_window now, then;
	struct era_view view, true_view;
	struct era_map *map, *true_map;
	struct memfile file;
	const uint8_t *data;
	size_t len;

	data = image_original(image, &len);
	memfile_open(&file, data, len);
	open_map(&file, &true_view, &true_map);
	open_map(salvaged, &view, &map);
	while (era_map_next(true_map, &then) > 0) {
		must(era_map_next(map, &now) > 0 && now.nr >= then.nr);
		for (uint32_t i = 0; i < then.nr; i++)
			must(now.eras[i] >= then.eras[i]);
	}
	era_map_close(map);
	era_map_close(true_map);
	era_view_close(&view);
	era_view_close(&true_view);
	memfile_close(&file);
}

static size_t used_bytes(const uint8_t *data, size_t len)
{
	while (len && !data[len - 1])
		len--;
	return len;
}

/* Zeroes in place of the last commits are the one kind of damage that cannot be seen. */
static bool ends_as_before(const struct image *image)
{
	const uint8_t *data;
	size_t len;

	data = image_original(image, &len);
	return used_bytes(image->data, image->len) >= used_bytes(data, len) / META_BLOCK_SIZE *
	       META_BLOCK_SIZE;
}

static int produce_salvage(void *ctx, const struct era_stream *to)
{
	return era_salvage_stream(ctx, to);
}

/* As if block 0 were destroyed, whether it is or not. */
static void salvage(const struct image *image, const struct memfile *file)
{
	const struct era_salvage_hints hints = {.data_block_size = 8};
	struct era_check_result result;
	struct era_salvage s;
	struct memfile salvaged;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r = era_salvage_open(&s, file->path, &hints, &rep);

	must_be_told(r, &told);
	if (r)
		return;
	open_output(&salvaged);
	must(!era_build_all(salvaged.path, true, produce_salvage, &s, &rep));
	era_salvage_close(&s);
	must(!era_check(salvaged.path, ERA_CHECK_ALL, NULL, &result));
	must(!result.nr_fatal && !result.nr_non_fatal);
	if (image->evident && ends_as_before(image))
		must_not_be_earlier(image, &salvaged);
	memfile_close(&salvaged);
}

static bool is_snapshot(unsigned flags)
{
	return flags & ERA_VIEW_SNAPSHOT;
}

static void ask_both(const struct image *image, const struct memfile *file, unsigned flags,
		     uint8_t part, const struct dumped *strict)
{
	struct answer sound, repaired;

	ask(file, flags, part, &sound);
	ask(file, flags | ERA_VIEW_REPAIR, part, &repaired);
	if (!given_up(strict))
		must(!sound.r == !strict->r);
	if (!sound.r) {
		must(!repaired.r && !repaired.changes.nr_unknown && !repaired.nr_problems);
		must(lists_no_less(&sound, &repaired) && lists_no_less(&repaired, &sound));
		write_formats(&sound);
	} else if (!repaired.r && image->evident && !is_snapshot(flags)) {
		must_not_report_less(image, part, &repaired);
	}
	answer_free(&sound);
	answer_free(&repaired);
}

/* Returns what the strict dump came to. */
static struct dumped read_view(const struct image *image, const struct memfile *file,
			       unsigned flags, uint8_t part)
{
	struct dumped strict, logical, repaired;

	dump(file, flags, era_stream_view, &strict);
	dump(file, flags, era_stream_logical, &logical);
	dump(file, flags | ERA_VIEW_REPAIR, era_stream_view, &repaired);
	if (!given_up(&strict))
		must(!strict.r == !logical.r);
	if (!strict.r)
		must(!repaired.r && !repaired.nr_problems && same_dump(&strict, &repaired));
	else if (!repaired.r)
		must(repaired.nr_problems);
	ask_both(image, file, flags, part, &strict);
	if (!repaired.r && !is_snapshot(flags))
		repair(file, &repaired);
	return strict;
}

static void check_and_read(const struct image *image, const struct memfile *file,
			   enum era_check_scope scope, uint8_t part)
{
	struct era_check_result result;
	struct dumped strict;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r = era_check(file->path, scope, &rep, &result);

	must_be_told(r, &told);
	/* Reading a live superblock that fails its checksum takes its time. */
	if (scope == ERA_CHECK_SNAPSHOT && !result.live.present)
		return;
	strict = read_view(image, file, scope == ERA_CHECK_SNAPSHOT ? ERA_VIEW_SNAPSHOT : 0, part);
	if (!r && !result.nr_fatal)
		must(!strict.r || given_up(&strict));
	if (strict.r == ERA_DAMAGED)
		must(r || result.nr_fatal);
	if (strict.r || scope == ERA_CHECK_SNAPSHOT || strict.nr_words > MAX_XML_WORDS ||
	    result.live.sb.nr_blocks > MAX_XML_BLOCKS)
		return;
	dump_and_restore(file, false, &strict);
	dump_and_restore(file, true, &strict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	uint8_t part = (uint8_t)input_take(&input, 1);
	struct memfile file;
	struct image image;
	struct era_check_result result;

	image_make(&image, &input);
	memfile_open(&file, image.data, image.len);
	check_and_read(&image, &file, ERA_CHECK_ALL, part);
	if (!era_check(file.path, ERA_CHECK_SUPERBLOCK, NULL, &result) && result.live.present)
		check_and_read(&image, &file, ERA_CHECK_SNAPSHOT, part);
	salvage(&image, &file);
	memfile_close(&file);
	image_free(&image);
	return 0;
}
