/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * All that is done with metadata, on an image with patches.  An input tries one thing; trials[] are
 * what there is.  What must hold besides ending at all:
 *
 * - what the check calls sound can be read, and what cannot be read the check calls damaged;
 * - all readings of one view end the same way; one that succeeds says the same with repair;
 * - a list of changed blocks, also with repair, is what the events of the dump add up to (model.h);
 * - with repair, damage that is evident never takes a block off the list, for no era up to the true
 *   current one; the repaired view's own may have become a later one;
 * - what is repaired is sound and says what reading it with repair said;
 * - what is salvaged without the superblock is sound, and damage that is evident makes no era
 *   earlier;
 * - XML of a dump is read back as the same metadata;
 * - repaired counts make metadata sound, and no other word of them changes; or nothing does;
 * - a target that runs on sound metadata leaves sound ones;
 * - and what it leaves names all that it marked (run_target.h).
 *
 * Input: the trial (1 byte), the era asked for (1 byte, in parts of the current one; where there is
 * none, a seed for choices), then the image (image.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "block/crc.h"
#include "build/build.h"
#include "check/check.h"
#include "metadata/changes.h"
#include "metadata/map.h"
#include "metadata/stream.h"
#include "ondisk/era_disk.h"
#include "open/open.h"
#include "output/changes.h"
#include "salvage/salvage.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"
#include "tests/fuzz/memdev.h"
#include "tests/fuzz/model.h"
#include "tests/fuzz/run_target.h"
#include "xml/reader.h"
#include "xml/writer.h"

/* A dump of more is given up: it has been long enough to show what goes wrong. */
#define MAX_WORDS (1u << 16)

/* Of XML, which takes its time. */
#define MAX_XML_BLOCKS (1u << 14)
#define MAX_XML_WORDS (1u << 10)

/* For what is made of the image, beside twice its size: arrays that are lost are made anew. */
#define OUTPUT_MIN_BLOCKS 300u
#define OUTPUT_BLOCKS 6144u

/* A view whatever its counts are, which programs do not get. */
#define AS_IT_IS 0x100u

/* What an input tries. */
struct trial {
	const struct image *image;
	struct memdev mem; /* the image */
	uint8_t part;
};

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

static int open_as_it_is(struct era_view **view, struct blk_dev *dev)
{
	struct era_superblocks sbs;
	int r = era_read_superblocks(dev, 0, &sbs);

	if (!r)
		return era_view_begin(view, dev, &sbs, 0, 0);
	blk_dev_close(dev);
	return r;
}

static int open_view(struct memdev *mem, unsigned flags, struct era_view **view,
		     const struct report *rep)
{
	struct blk_dev dev;

	memdev_open(mem, &dev, rep);
	return flags & AS_IT_IS ? open_as_it_is(view, &dev) : era_view_open_dev(view, &dev, flags);
}

static int check(struct memdev *mem, enum era_check_scope scope, const struct report *rep,
		 struct era_check_result *result)
{
	struct blk_dev dev;
	int r;

	memdev_open(mem, &dev, rep);
	r = era_check_dev(&dev, scope, rep, result);
	blk_dev_close(&dev);
	return r;
}

typedef int (*stream_fn)(struct era_view *view, const struct era_stream *to,
			 struct era_losses *losses);

static void dump(struct memdev *mem, unsigned flags, stream_fn stream, struct dumped *d)
{
	const struct era_stream to = {d,       on_begin, on_writeset, on_words, on_mark,
				      on_mark, on_eras,	 on_mark,     on_mark};
	struct era_losses losses = {0, 0};
	struct era_view *view;
	struct told told;
	const struct report rep = fuzz_report(&told);

	*d = (struct dumped){0};
	d->r = open_view(mem, flags, &view, &rep);
	if (!d->r) {
		d->r = era_view_revalidate(view, stream(view, &to, &losses));
		d->nr_problems = era_view_nr_problems(view);
		era_view_close(view);
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
	uint32_t since;
	struct era_changes changes;
	uint64_t nr_problems;
};

static uint32_t part_of(uint32_t era, uint8_t part)
{
	return (uint32_t)((uint64_t)era * part / UINT8_MAX);
}

/* Asks for a part of the view's current era, or of true_era where that is not NULL. */
static void ask(struct memdev *mem, unsigned flags, uint8_t part, const uint32_t *true_era,
		struct answer *a)
{
	struct era_view *view;
	struct told told;
	const struct report rep = fuzz_report(&told);

	*a = (struct answer){.r = open_view(mem, flags, &view, &rep)};
	if (!a->r) {
		a->sb = *era_view_sb(view);
		a->since = part_of(true_era ? *true_era : era_view_sb(view)->current_era, part);
		must(!era_changes_allowed(view, a->since));
		a->r = era_view_revalidate(view, era_changes_read(view, a->since, &a->changes));
		a->nr_problems = era_view_nr_problems(view);
		era_view_close(view);
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

/* The list is what the dump says. */
static void must_be_as_dumped(struct memdev *mem, unsigned flags, const struct answer *a)
{
	struct model model;
	const struct era_stream to = model_stream(&model);
	struct era_losses losses;
	struct era_view *view;

	must(!open_view(mem, flags, &view, NULL));
	must(!era_stream_view(view, &to, &losses));
	era_view_close(view);
	must_be_list(&model, a->since, a->changes.bits);
	model_free(&model);
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

/* A bit a block, the first eight in the first byte. */
static void must_be_bitmap(const struct memfile *file, const struct answer *a)
{
	size_t len;
	uint8_t *bytes = memfile_read(file, &len);

	must(len == div_up(a->sb.nr_blocks, 8));
	for (uint64_t i = 0; i < a->sb.nr_blocks; i++)
		must((bytes[i / 8] >> i % 8 & 1) == bits_test(a->changes.bits, i));
	free(bytes);
}

static void write_format(const struct answer *a, uint8_t choice)
{
	static const char *const names[] = {"xml", "json", "ranges", "bitmap"};
	const char *name = names[choice % ARRAY_SIZE(names)];
	const struct change_format *format = change_format_find(name);
	struct changes changes = changes_of(a);
	struct told told;
	const struct report rep = fuzz_report(&told);
	struct memfile file;
	struct sink sink;
	int r = changes_check(&changes, format, &rep);

	must_be_told(r, &told);
	if (r)
		return;
	memfile_open(&file, NULL, 0);
	must(!sink_open(&sink, file.path, &rep));
	format->write(&sink, &changes);
	must(!sink_finish(&sink));
	sink_close(&sink);
	if (!strcmp(name, "bitmap"))
		must_be_bitmap(&file, a);
	memfile_close(&file);
}

struct view_stream {
	struct era_view *view;
	struct era_losses losses;
};

static int produce(void *ctx, const struct era_stream *to)
{
	struct view_stream *s = ctx;

	return era_stream_view(s->view, to, &s->losses);
}

static void must_be_sound(struct memdev *mem, const struct dumped *wanted)
{
	struct era_check_result result;
	struct dumped d;

	must(!check(mem, ERA_CHECK_ALL, NULL, &result));
	must(!result.nr_fatal && !result.nr_non_fatal);
	dump(mem, 0, era_stream_view, &d);
	must(!d.r && same_dump(&d, wanted));
}

/* A device of zeroes for what is made of the image.  One at a time. */
static void open_output(const struct image *image, struct memdev *mem)
{
	static uint8_t data[OUTPUT_BLOCKS][META_BLOCK_SIZE];
	size_t len;

	(void)image_original(image, &len);
	*mem = (struct memdev){
		.data = data[0],
		.nr_blocks = 2 * (len / META_BLOCK_SIZE) + OUTPUT_MIN_BLOCKS,
	};
	must(mem->nr_blocks <= OUTPUT_BLOCKS);
}

static void close_output(struct memdev *mem)
{
	memset(mem->data, 0, mem->end * META_BLOCK_SIZE);
}

static void open_copy(const struct trial *trial, struct memdev *mem)
{
	open_output(trial->image, mem);
	mem->nr_blocks = mem->end = trial->mem.nr_blocks;
	memcpy(mem->data, trial->mem.data, mem->nr_blocks * META_BLOCK_SIZE);
	memcpy(mem->bad, trial->mem.bad, sizeof(mem->bad));
	mem->nr_bad = trial->mem.nr_bad;
}

static int build(struct memdev *mem, int (*feed)(void *ctx, const struct era_stream *to), void *ctx,
		 const struct report *rep)
{
	struct era_build *build;
	struct era_stream stream;
	struct blk_dev dev;
	int r;

	memdev_open(mem, &dev, rep);
	must(!era_build_open_dev(&build, &dev, ERA_BUILD_TIGHT));
	stream = era_build_stream(build);
	r = feed(ctx, &stream);
	if (!r)
		r = era_build_commit(build);
	era_build_close(build);
	return r;
}

static void write_xml(struct memdev *mem, bool compact, const struct memfile *xml)
{
	struct xml_writer writer;
	struct era_losses losses;
	struct era_stream stream;
	struct era_view *view;
	struct sink sink;

	must(!sink_open(&sink, xml->path, NULL));
	stream = xml_writer_stream(&writer, &sink, compact);
	must(!open_view(mem, 0, &view, NULL));
	must(!era_stream_view(view, &stream, &losses));
	era_view_close(view);
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

/* The image as it was before the patches. */
static struct memdev original(const struct image *image)
{
	size_t len;
	const uint8_t *data = image_original(image, &len);

	return (struct memdev){.data = (uint8_t *)(uintptr_t)data,
			       .nr_blocks = len / META_BLOCK_SIZE};
}

/* Evident damage takes nothing off the list.  Both are asked for one era, a part of the true
 * one. */
static void must_not_report_less(struct trial *trial)
{
	struct memdev mem = original(trial->image);
	struct answer truth, repaired;

	ask(&mem, 0, trial->part, NULL, &truth);
	must(!truth.r);
	ask(&trial->mem, ERA_VIEW_REPAIR, trial->part, &truth.sb.current_era, &repaired);
	must(!repaired.r && repaired.since == truth.since);
	must(lists_no_less(&truth, &repaired));
	answer_free(&repaired);
	answer_free(&truth);
}

static void open_map(struct memdev *mem, struct era_view **view, struct era_map **map)
{
	must(!open_view(mem, 0, view, NULL));
	must(!era_map_open(map, *view));
}

/* No block of the image as it was has a later era there. */
static void must_not_be_earlier(const struct image *image, struct memdev *made)
{
	struct memdev mem = original(image);
	struct era_chunk now, then;
	struct era_view *view, *true_view;
	struct era_map *map, *true_map;

	open_map(&mem, &true_view, &true_map);
	open_map(made, &view, &map);
	while (era_map_next(true_map, &then) > 0) {
		must(era_map_next(map, &now) > 0 && now.nr >= then.nr);
		for (uint32_t i = 0; i < then.nr; i++)
			must(now.eras[i] >= then.eras[i]);
	}
	era_map_close(map);
	era_map_close(true_map);
	era_view_close(view);
	era_view_close(true_view);
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
	return used_bytes(image->data, image->len) >=
	       used_bytes(data, len) / META_BLOCK_SIZE * META_BLOCK_SIZE;
}

static bool is_snapshot(unsigned flags)
{
	return flags & ERA_VIEW_SNAPSHOT;
}

/* Asks, and holds the answer against a dump that is not too long. */
static void ask_as_dumped(struct trial *trial, unsigned flags, const struct dumped *d,
			  struct answer *a)
{
	ask(&trial->mem, flags, trial->part, NULL, a);
	if (given_up(d))
		return;
	must(!a->r == !d->r);
	if (!a->r)
		must_be_as_dumped(&trial->mem, flags, a);
}

static void ask_both(struct trial *trial, unsigned flags, const struct dumped *strict,
		     const struct dumped *repair)
{
	struct answer sound, repaired;

	ask_as_dumped(trial, flags, strict, &sound);
	ask_as_dumped(trial, flags | ERA_VIEW_REPAIR, repair, &repaired);
	if (!sound.r) {
		must(!repaired.r && !repaired.changes.nr_unknown);
		must(lists_no_less(&sound, &repaired) && lists_no_less(&repaired, &sound));
		write_format(&sound, trial->part);
	}
	if (!repaired.r && trial->image->evident && !is_snapshot(flags))
		must_not_report_less(trial);
	answer_free(&sound);
	answer_free(&repaired);
}

/* Returns what the strict dump came to. */
static struct dumped read_view(struct trial *trial, unsigned flags)
{
	struct memdev *mem = &trial->mem;
	struct dumped strict, logical, repaired;

	dump(mem, flags, era_stream_view, &strict);
	dump(mem, flags, era_stream_logical, &logical);
	dump(mem, flags | ERA_VIEW_REPAIR, era_stream_view, &repaired);
	if (!given_up(&strict))
		must(!strict.r == !logical.r);
	if (!strict.r)
		must(!repaired.r && same_dump(&strict, &repaired));
	else if (!repaired.r)
		must(repaired.nr_problems);
	ask_both(trial, flags, &strict, &repaired);
	return strict;
}

static void check_and_read(struct trial *trial, enum era_check_scope scope)
{
	struct era_check_result result;
	struct dumped strict;
	struct told told;
	const struct report rep = fuzz_report(&told);
	uint32_t since;
	int r = check(&trial->mem, scope, &rep, &result);

	must_be_told(r, &told);
	/* Reading a live superblock that fails its checksum takes its time. */
	if (scope == ERA_CHECK_SNAPSHOT && !result.live.present)
		return;
	strict = read_view(trial, scope == ERA_CHECK_SNAPSHOT ? ERA_VIEW_SNAPSHOT : 0);
	if (!r && !result.nr_refusals && !superblock_is_unflushed(&result.live.sb, &since))
		must(!strict.r || given_up(&strict));
	if (strict.r == ERA_DAMAGED)
		must(r || result.nr_refusals);
}

static void try_live(struct trial *trial)
{
	check_and_read(trial, ERA_CHECK_ALL);
}

static void try_snapshot(struct trial *trial)
{
	struct era_check_result result;

	if (!check(&trial->mem, ERA_CHECK_SUPERBLOCK, NULL, &result) && result.live.present)
		check_and_read(trial, ERA_CHECK_SNAPSHOT);
}

static void try_xml(struct trial *trial)
{
	struct memdev restored;
	struct memfile xml;
	struct dumped strict;
	struct era_check_result result;

	dump(&trial->mem, 0, era_stream_view, &strict);
	if (strict.r || strict.nr_words > MAX_XML_WORDS ||
	    check(&trial->mem, ERA_CHECK_SUPERBLOCK, NULL, &result) ||
	    result.live.sb.nr_blocks > MAX_XML_BLOCKS)
		return;
	memfile_open(&xml, NULL, 0);
	write_xml(&trial->mem, trial->part & 1, &xml);
	open_output(trial->image, &restored);
	must(!build(&restored, read_xml, &xml, NULL));
	must_be_sound(&restored, &strict);
	close_output(&restored);
	memfile_close(&xml);
}

static void try_repair(struct trial *trial)
{
	const unsigned flags = ERA_VIEW_REPAIR;
	struct view_stream s = {.losses = {0, 0}};
	struct memdev repaired;
	struct dumped wanted;
	struct answer list;
	struct told told;
	const struct report rep = fuzz_report(&told);

	dump(&trial->mem, flags, era_stream_view, &wanted);
	ask_as_dumped(trial, flags, &wanted, &list);
	answer_free(&list);
	if (wanted.r)
		return;
	open_output(trial->image, &repaired);
	must(!open_view(&trial->mem, flags, &s.view, &rep));
	must(!build(&repaired, produce, &s, &rep));
	era_view_close(s.view);
	must_be_sound(&repaired, &wanted);
	if (trial->image->evident)
		must_not_be_earlier(trial->image, &repaired);
	close_output(&repaired);
}

static int produce_salvage(void *ctx, const struct era_stream *to)
{
	return era_salvage_stream(ctx, to);
}

enum {
	KNOWS_NR_BLOCKS = 1,
	KNOWS_ERA = 2,
	BLOCK_SIZE_UNKNOWN = 4,
	A_BLOCK_TOO_MANY = 8,
};

/* What a user knows who is right, but for the blocks: too many of them do no harm. */
static struct era_salvage_hints know(const struct trial *trial)
{
	const struct superblock_disk *sb = (const void *)original(trial->image).data;
	uint32_t more = trial->part & A_BLOCK_TOO_MANY ? 1 : 0;

	return (struct era_salvage_hints){
		.data_block_size = trial->part & BLOCK_SIZE_UNKNOWN ? 0 : 8,
		.nr_blocks = trial->part & KNOWS_NR_BLOCKS ? le32_get(sb->nr_blocks) + more : 0,
		.current_era = trial->part & KNOWS_ERA ? le32_get(sb->current_era) : 0,
	};
}

/* As if block 0 were destroyed, whether it is or not. */
static void try_salvage(struct trial *trial)
{
	const struct era_salvage_hints hints = know(trial);
	struct era_check_result result;
	struct era_salvage *s;
	struct memdev salvaged;
	struct blk_dev dev;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	memdev_open(&trial->mem, &dev, &rep);
	r = era_salvage_open(&s, &dev, &hints);
	must_be_told(r, &told);
	if (r)
		return;
	open_output(trial->image, &salvaged);
	must(!build(&salvaged, produce_salvage, s, &rep));
	era_salvage_close(s);
	must(!check(&salvaged, ERA_CHECK_ALL, NULL, &result));
	must(!result.nr_fatal && !result.nr_non_fatal);
	if (trial->image->evident && ends_as_before(trial->image))
		must_not_be_earlier(trial->image, &salvaged);
	close_output(&salvaged);
}

static void try_counts(struct trial *trial)
{
	struct era_check_result result;
	struct memdev copy;
	struct dumped before;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	dump(&trial->mem, AS_IT_IS, era_stream_view, &before);
	open_copy(trial, &copy);
	r = check(&copy, ERA_CHECK_REPAIR, &rep, &result);
	must_be_told(r, &told);
	if (!r && result.repair.done)
		must_be_sound(&copy, &before);
	else
		must(!memcmp(copy.data, trial->mem.data, copy.nr_blocks * META_BLOCK_SIZE));
	close_output(&copy);
}

static void try_target(struct trial *trial)
{
	struct era_check_result before, after;
	struct memdev copy;
	int r = check(&trial->mem, ERA_CHECK_ALL, NULL, &before);

	open_copy(trial, &copy);
	target_run(&copy, trial->part);
	if (!r && !before.nr_fatal && !before.nr_non_fatal) {
		must(!check(&copy, ERA_CHECK_ALL, NULL, &after));
		must(!after.nr_fatal && !after.nr_non_fatal);
	}
	close_output(&copy);
}

static void (*const trials[])(struct trial *trial) = {
	try_live, try_snapshot, try_xml, try_repair, try_salvage, try_counts, try_target,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	unsigned nr = (unsigned)input_take(&input, 1) % ARRAY_SIZE(trials);
	struct trial trial = {.part = (uint8_t)input_take(&input, 1)};
	struct image image;

	image_make(&image, &input);
	trial.image = &image;
	trial.mem = (struct memdev){.data = image.data, .nr_blocks = image.len / META_BLOCK_SIZE};
	for (unsigned i = 0; i < image.nr_bad; i++)
		memdev_spoil(&trial.mem, image.bad[i]);
	trials[nr](&trial);
	image_undo(&image);
	return 0;
}
