/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The newest generation was whole when its superblock was written, and what the kernel wrote
 * after that, before the next superblock, went to blocks that were free.  So when nothing but
 * block 0 is damaged, the newest generation is among those that generation_find() finds.  Those
 * that another one supersedes are not it.  Of the others it is one that no other one covers, or one
 * that says as much is: the highest era of all these is right, or too high.
 *
 * "Nothing but block 0 is damaged" is therefore the question.  A block of no kind may have been
 * the newest index.  A block of zeroes may have been, too: but the kernel fills a device from its
 * start, so behind the last block that it wrote all is zero, and before that nothing; and the
 * last block of a commit is its index, or a bitmap that has changed only because the index came to
 * lie, or lay before, where it stands for.  Zeroes that break this rule, or that a space map on the
 * device knows to be in use, or to hold a bitmap, were not always zero.  Then nothing is proven, and
 * every block counts as written.
 *
 * What this can't see: that zeroes begin just behind an older commit, with nothing left of what
 * came later.  Such a device is the same, byte for byte, as one on which the later commits never
 * were.
 */
#include "era/salvage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "era/check.h"
#include "era/map.h"
#include "era/view.h"
#include "ondisk/era_disk.h"
#include "pdata/space_map.h"

#define WINDOW_BLOCKS 4096u
#define MAX_FOUND 32u

/* Generations compared with each one: those next to it in age, by what one can tell. */
#define NEIGHBOURS 8u

/* Words, and pointers, that are looked at for each block of the device: what a kernel leaves needs
 * some hundreds, and for what needs more nobody wants to wait. */
#define MAX_WORK 16384u

int era_salvage_is_needed(const char *path, const struct report *rep)
{
	struct superblock sb;
	struct blk_dev dev;
	struct problem p;
	int r = blk_dev_open(&dev, path, BLK_READ, rep);

	if (r)
		return r;
	r = era_look_like_metadata(&dev);
	if (!r) {
		r = era_read_live_superblock(&dev, false, &sb, &p);
		if (r == ERA_DAMAGED)
			report_problem(rep, &p);
		if (r == ERA_DAMAGED && p.code != PROBLEM_VERSION)
			r = 1;
	}
	blk_dev_close(&dev);
	return r;
}

static bool zeroes_are_in_use(struct scan *scan, uint64_t bitmap, uint64_t first, void *data)
{
	uint64_t skip;

	if (blk_dev_read(scan->dev, bitmap, 1, data))
		return true;
	skip = scan->end > first ? scan->end - first : 0;
	return bitmap_next_used(data, (uint32_t)min_u64(skip, BITMAP_ENTRIES)) < BITMAP_ENTRIES;
}

/* A bitmap that an index puts there; last[i] is the one that was looked at last in place i. */
static bool index_uses_zeroes(struct scan *scan, const struct index_disk *index, uint64_t *last,
			      void *data)
{
	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES; i++) {
		uint64_t bitmap = le64_get(index->entry[i].blocknr);

		if (bitmap >= scan->end)
			return true;
		if (i < scan->end / BITMAP_ENTRIES || bitmap == last[i] ||
		    scan->blocks[bitmap].kind != SCAN_BITMAP)
			continue;
		last[i] = bitmap;
		if (zeroes_are_in_use(scan, bitmap, i * BITMAP_ENTRIES, data))
			return true;
	}
	return false;
}

/* Bitmaps that stand for blocks behind the last one that isn't zero, or lie there.  On a small device
 * each one may stand for them; on a larger one those that an index puts there. */
static bool any_zeroes_are_in_use(struct scan *scan, void *data, struct index_disk *index)
{
	bool is_small = scan->limit <= BITMAP_ENTRIES;
	uint64_t last[INDEX_MAX_ENTRIES] = {0};

	for (uint64_t block = 1; block < scan->end; block++) {
		if (is_small && scan->blocks[block].kind == SCAN_BITMAP &&
		    zeroes_are_in_use(scan, block, 0, data))
			return true;
		if (scan->blocks[block].kind != SCAN_INDEX)
			continue;
		if (blk_dev_read(scan->dev, block, 1, index) ||
		    index_uses_zeroes(scan, index, last, data))
			return true;
	}
	return false;
}

static uint64_t first_of_kind(const struct scan *scan, enum scan_kind kind)
{
	uint64_t block = 1;

	while (block < scan->end && scan->blocks[block].kind != kind)
		block++;
	return block;
}

/* 1 when a block may have been the newest generation's and isn't any more (noted), 0, or ERA_SYS.
 */
static int may_have_lost(struct era_salvage *s)
{
	struct scan *scan = &s->scan;
	const struct report *rep = s->dev.rep;
	uint64_t hole = first_of_kind(scan, SCAN_ZERO);
	void *data = blk_alloc(1);
	void *index = blk_alloc(1);
	int r = 1;

	if (!data || !index)
		r = report_nomem(rep);
	else if (scan->nr_kind[SCAN_DAMAGED])
		report_note(rep,
			    "%s: %" PRIu64 " blocks besides the superblock are damaged, the first is %"
			    PRIu64 ": what they held is not known", s->dev.path,
			    scan->nr_kind[SCAN_DAMAGED], first_of_kind(scan, SCAN_DAMAGED));
	else if (hole < scan->end)
		report_note(rep,
			    "%s: block %" PRIu64 " is zero, but others behind it are not: what it held is not known",
			    s->dev.path, hole);
	else if (any_zeroes_are_in_use(scan, data, index))
		report_note(rep,
			    "%s: blocks that were in use are zero, or past the end of the device",
			    s->dev.path);
	else
		r = 0;
	free(data);
	free(index);
	return r;
}

static int add(struct era_salvage *s, const struct generation *g)
{
	if (s->nr_found == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct generation *grown = realloc(s->found, room * sizeof(*grown));

		if (!grown)
			return report_nomem(s->dev.rep);
		s->found = grown;
		s->room = room;
	}
	s->found[s->nr_found++] = *g;
	return 0;
}

/* Then nothing that was found is used: what wasn't looked at may be newer (noted). */
static bool is_too_much(struct era_salvage *s)
{
	if (s->scan.nr_looked_at / MAX_WORK <= s->scan.limit)
		return false;
	report_note(s->dev.rep, "%s: %" PRIu64 " space maps are too many to look at", s->dev.path,
		    s->scan.nr_kind[SCAN_INDEX]);
	s->nr_found = 0;
	return true;
}

/* What was formatted and never resumed has no data blocks, and nothing worth looking for. */
static int find_generations(struct era_salvage *s)
{
	struct scan *scan = &s->scan;
	int r = 0;

	for (uint64_t block = 1; block < scan->end && r >= 0; block++) {
		struct generation g;

		if (scan->blocks[block].kind != SCAN_INDEX)
			continue;
		if (is_too_much(s))
			return 0;
		r = generation_find(&s->generations, block, &g);
		if (r > 0 && g.sb.nr_blocks)
			r = add(s, &g);
	}
	return r < 0 ? r : 0;
}

/* The user knows how many blocks there were. */
static int keep_those_of_length(struct era_salvage *s, uint32_t nr_blocks)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.nr_blocks == nr_blocks)
			s->found[nr++] = s->found[i];
	if (s->nr_found && !nr)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: --nr-blocks: found an era array of %" PRIu32 " blocks, wanted %"
				   PRIu32, s->dev.path, s->found[0].sb.nr_blocks, nr_blocks);
	s->nr_found = nr;
	return 0;
}

/* Roughly in the order of time.  What is wrong in it costs time, nothing else. */
static int by_age(const void *a, const void *b)
{
	const struct generation *x = a, *y = b;

	if (x->max_era != y->max_era)
		return x->max_era < y->max_era ? -1 : 1;
	if (x->nr_set != y->nr_set)
		return x->nr_set < y->nr_set ? -1 : 1;
	return (x->nr_writesets < y->nr_writesets) - (x->nr_writesets > y->nr_writesets);
}

/* Is the one at i `wanted` by those from `first` up to `end`, at most NEIGHBOURS of them?  Those that
 * are left out don't count.  1, 0, or ERA_SYS. */
static int is_any(struct era_salvage *s, size_t i, size_t first, size_t end, const uint8_t *left_out,
		  enum generation_cover wanted)
{
	size_t nr = 0;

	for (size_t j = first; j < end && nr < NEIGHBOURS; j++) {
		int r;

		if (j == i || (left_out && left_out[j]))
			continue;
		r = generation_compare(&s->scan, &s->found[i], &s->found[j]);
		if (r < 0 || r >= (int)wanted)
			return r < 0 ? r : 1;
		nr++;
	}
	return 0;
}

/* Those that are proven to be old say nothing that the newest doesn't.  What proves it has a higher
 * era, and the first of those are the likeliest to have still what others digested since. */
static int mark_superseded(struct era_salvage *s, uint8_t *left_out)
{
	size_t later = 0;
	int r = 0;

	for (size_t i = 0; i < s->nr_found && r >= 0 && !is_too_much(s); i++) {
		while (later < s->nr_found && s->found[later].max_era <= s->found[i].max_era)
			later++;
		r = is_any(s, i, later, s->nr_found, NULL, GENERATION_SUPERSEDES);
		left_out[i] = r > 0;
	}
	return r < 0 ? r : 0;
}

/* Of two that cover each other the younger one stays.  What covers one is mostly the next, which
 * shares its era array, so that is tried first; or else one of the youngest. */
static int mark_covered(struct era_salvage *s, uint8_t *left_out)
{
	size_t nr = s->nr_found, youngest = nr > NEIGHBOURS ? nr - NEIGHBOURS : 0;
	int r = 0;

	for (size_t i = 0; i < nr && r >= 0 && !is_too_much(s); i++) {
		r = is_any(s, i, i + 1, nr, left_out, GENERATION_COVERS);
		if (!r)
			r = is_any(s, i, youngest, nr, left_out, GENERATION_COVERS);
		left_out[i] = r > 0;
	}
	return r < 0 ? r : 0;
}

static void remove_marked(struct era_salvage *s, uint8_t *left_out)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_found; i++)
		if (!left_out[i])
			s->found[nr++] = s->found[i];
	s->nr_found = nr;
	memset(left_out, 0, nr);
}

static int leave_out_old(struct era_salvage *s)
{
	uint8_t *left_out = calloc(s->nr_found + 1, sizeof(*left_out));
	int r;

	if (!left_out)
		return report_nomem(s->dev.rep);
	if (s->nr_found)
		qsort(s->found, s->nr_found, sizeof(*s->found), by_age);
	r = mark_superseded(s, left_out);
	remove_marked(s, left_out);
	if (!r)
		r = mark_covered(s, left_out);
	remove_marked(s, left_out);
	free(left_out);
	return r;
}

/* May the generation of that index be the newest of those that are left?  Where the origin has
 * shrunk, it can be and say less than they do: then it must be proven to be old. */
static int may_be_newest(struct era_salvage *s, uint64_t index)
{
	struct generation last;
	int r = generation_find(&s->generations, index, &last);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < s->nr_found; i++) {
		const struct generation *g = &s->found[i];
		bool is_shorter = last.sb.nr_blocks < g->sb.nr_blocks;

		if (g->sb.sm.index == index)
			return 1;
		r = is_shorter ? generation_compare(&s->scan, &last, g)
			       : generation_compare(&s->scan, g, &last);
		if (r < 0)
			return r;
		if (is_shorter ? r != GENERATION_SUPERSEDES : r != GENERATION_MISSES)
			return 1;
	}
	return 0;
}

/* Are all blocks between an index and the zeroes bitmaps of it? */
static int has_bitmaps_behind(struct era_salvage *s, uint64_t index)
{
	const struct scan *scan = &s->scan;
	struct index_disk *data = blk_alloc(1);
	uint64_t nr = 0;
	int r;

	if (!data)
		return report_nomem(s->dev.rep);
	r = !blk_dev_read(&s->dev, index, 1, data);
	for (uint64_t i = 0; i < INDEX_MAX_ENTRIES && r; i++) {
		uint64_t block = le64_get(data->entry[i].blocknr);

		nr += block > index && block < scan->end &&
		      scan->blocks[block].kind == SCAN_BITMAP;
	}
	free(data);
	return r && nr == scan->end - 1 - index;
}

/* A commit takes free blocks upwards, its index last, or bitmaps that only the index's own place
 * changes.  So these are the last blocks before the zeroes.  Without zeroes, were the device once
 * longer and its newest commits lost with its end, the newest one left would have the last index there
 * is. */
static int ends_with_a_commit(struct era_salvage *s)
{
	const struct scan *scan = &s->scan;
	uint64_t last = scan->end - 1;
	int r;

	while (last && scan->blocks[last].kind != SCAN_INDEX)
		last--;
	if (scan->end < scan->limit)
		r = has_bitmaps_behind(s, last);
	else
		r = may_be_newest(s, last);
	if (r < 0)
		return r;
	if (scan->end == scan->limit)
		r = !r;
	if (!r)
		report_note(s->dev.rep,
			    "%s: what may have been written behind block %" PRIu64 " is not known",
			    s->dev.path, last);
	return r;
}

/* What is used must pass the whole check, whatever the current era was. */
static int check_found(struct era_salvage *s)
{
	int r = 1;

	for (size_t i = 0; i < s->nr_found && r > 0; i++) {
		struct superblock sb = s->found[i].sb;

		sb.current_era = UINT32_MAX;
		r = era_check_is_sound(&s->dev, &sb);
		if (r)
			continue;
		report_note(s->dev.rep,
			    "%s: the space map of block %" PRIu64 " is not what it seems to be",
			    s->dev.path, sb.sm.index);
		s->nr_found = 0;
	}
	return r < 0 ? r : 0;
}

static int deduce_nr_blocks(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	if (hints->nr_blocks) {
		s->header.nr_blocks = hints->nr_blocks;
		return 0;
	}
	if (!s->nr_found)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: cannot tell how many data blocks there were: give --nr-blocks",
				   s->dev.path);
	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.nr_blocks > s->header.nr_blocks)
			s->header.nr_blocks = s->found[i].sb.nr_blocks;
	report_note(s->dev.rep, "%s: deduced --nr-blocks=%" PRIu32 " from the era array", s->dev.path,
		    s->header.nr_blocks);
	return 0;
}

static int deduce_block_size(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	uint32_t found = 0;

	for (size_t i = 0; i < s->nr_found; i++)
		if (s->found[i].sb.data_block_size)
			found = s->found[i].sb.data_block_size;
	s->header.data_block_size = hints->data_block_size ? hints->data_block_size : found;
	if (!s->header.data_block_size && s->scan.data_block_size)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: cannot tell the size of a data block: give --block-size (an old "
				   "metadata snapshot says %" PRIu32 " sectors)", s->dev.path,
				   s->scan.data_block_size);
	if (!s->header.data_block_size)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: cannot tell the size of a data block: give --block-size", s->dev.path);
	if (found && found != s->header.data_block_size)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: --block-size: the metadata snapshot says %" PRIu32
				   " sectors, wanted %" PRIu32, s->dev.path, found,
				   s->header.data_block_size);
	if (!hints->data_block_size)
		report_note(s->dev.rep,
			    "%s: deduced --block-size=%" PRIu32 "s from the metadata snapshot",
			    s->dev.path, s->header.data_block_size);
	return 0;
}

static int deduce_current_era(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	uint64_t lowest = 0;

	for (size_t i = 0; i < s->nr_found; i++) {
		uint64_t era = generation_lowest_era(&s->found[i]);

		lowest = era > lowest ? era : lowest;
	}
	if (hints->current_era && hints->current_era < lowest)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: --current-era: found %" PRIu32 ", wanted at least %" PRIu64,
				   s->dev.path, hints->current_era, lowest);
	if (!hints->current_era && s->scan.max_era > UINT32_MAX - ERA_SALVAGE_GAP)
		return report_fail(s->dev.rep, ERA_DAMAGED,
				   "%s: the highest era found is %" PRIu32 ": give --current-era",
				   s->dev.path, s->scan.max_era);
	s->header.current_era = hints->current_era;
	if (hints->current_era)
		return 0;
	s->header.current_era = s->scan.max_era + ERA_SALVAGE_GAP;
	report_note(s->dev.rep,
		    "%s: the new current era is %" PRIu32 ": the highest found, %" PRIu32 ", plus %u",
		    s->dev.path, s->header.current_era, s->scan.max_era, ERA_SALVAGE_GAP);
	return 0;
}

static int deduce(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r = deduce_nr_blocks(s, hints);

	if (!r)
		r = deduce_block_size(s, hints);
	if (!r)
		r = deduce_current_era(s, hints);
	for (size_t i = 0; i < s->nr_found && !r; i++) {
		s->found[i].sb.data_block_size = s->header.data_block_size;
		s->found[i].sb.current_era = s->header.current_era;
	}
	return r;
}

static int find_newest(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r = find_generations(s);
	size_t nr_all = s->nr_found;

	if (!r && hints->nr_blocks)
		r = keep_those_of_length(s, hints->nr_blocks);
	if (!r)
		r = leave_out_old(s);
	if (r)
		return r;
	r = s->nr_found && s->nr_found <= MAX_FOUND ? ends_with_a_commit(s) : 0;
	if (!r)
		s->nr_found = 0;
	if (r > 0)
		r = check_found(s);
	if (!r && s->nr_found)
		report_note(s->dev.rep,
			    "%s: %zu generations recompute exactly, %zu of them may be the newest",
			    s->dev.path, nr_all, s->nr_found);
	return r;
}

static bool is_metadata(const struct scan *scan)
{
	return scan->nr_kind[SCAN_INDEX] + scan->nr_kind[SCAN_WRITESETS] + scan->nr_kind[SCAN_ERAS] +
	       scan->nr_kind[SCAN_BITS] + scan->nr_kind[SCAN_BITMAP];
}

static int find_out(struct era_salvage *s, const struct era_salvage_hints *hints)
{
	int r;

	if (!is_metadata(&s->scan))
		return report_fail(s->dev.rep, ERA_DAMAGED, "%s: no block of dm-era's metadata is left",
				   s->dev.path);
	r = may_have_lost(s);
	if (r < 0)
		return r;
	r = r ? 0 : find_newest(s, hints);
	if (!r && !s->nr_found)
		report_note(s->dev.rep,
			    "%s: no generation is proven to be the newest: every block counts as written",
			    s->dev.path);
	return r ? r : deduce(s, hints);
}

int era_salvage_open_dev(struct era_salvage *s, struct blk_dev *dev,
			 const struct era_salvage_hints *hints)
{
	int r;

	*s = (struct era_salvage){.dev = *dev};
	r = scan_open(&s->scan, &s->dev);
	if (!r)
		r = generations_open(&s->generations, &s->scan);
	if (!r)
		r = find_out(s, hints);
	generations_close(&s->generations);
	if (r)
		era_salvage_close(s);
	return r;
}

int era_salvage_open(struct era_salvage *s, const char *path, const struct era_salvage_hints *hints,
		     const struct report *rep)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, path, BLK_READ, rep);

	return r ? r : era_salvage_open_dev(s, &dev, hints);
}

void era_salvage_close(struct era_salvage *s)
{
	free(s->found);
	s->found = NULL;
	scan_close(&s->scan);
	blk_dev_close(&s->dev);
}

struct source {
	struct era_view view;
	struct era_map *map;
	bool is_open;
};

static void close_sources(struct source *sources, size_t nr)
{
	for (size_t i = 0; sources && i < nr; i++) {
		era_map_close(sources[i].map);
		if (sources[i].is_open)
			era_view_close(&sources[i].view);
	}
	free(sources);
}

static int open_sources(struct era_salvage *s, struct source *sources)
{
	int r = 0;

	for (size_t i = 0; i < s->nr_found && !r; i++) {
		r = era_view_open_as(&sources[i].view, &s->dev, &s->found[i].sb, 0);
		sources[i].is_open = !r;
		if (!r)
			r = era_map_open(&sources[i].map, &sources[i].view);
	}
	return r;
}

/* The highest era of all sources; blocks of which they don't agree are marked in doubt. */
static int merge_window(struct era_salvage *s, struct source *sources, uint64_t first, uint32_t nr,
			uint32_t *eras, uint64_t *doubt)
{
	struct era_window window;

	memset(doubt, 0, WINDOW_BLOCKS / 8);
	for (size_t i = 0; i < s->nr_found; i++) {
		uint32_t known = 0;

		if (first < s->found[i].sb.nr_blocks) {
			int r = era_map_next(sources[i].map, &window);

			if (r < 0)
				return r;
			known = window.nr;
		}
		for (uint32_t j = 0; j < nr; j++) {
			uint32_t era = j < known ? window.eras[j] : s->header.current_era;

			if (i && era != eras[j])
				bits_set(doubt, j);
			if (!i || era > eras[j])
				eras[j] = era;
		}
	}
	for (uint32_t j = 0; j < nr && !s->nr_found; j++)
		eras[j] = s->header.current_era;
	return 0;
}

static void count_window(struct era_salvage *s, uint32_t nr, const uint32_t *eras,
			 const uint64_t *doubt)
{
	struct era_salvage_result *result = &s->result;

	for (uint32_t j = 0; j < nr; j++) {
		if (!s->nr_found || bits_test(doubt, j))
			result->nr_written++;
		else
			result->nr_kept++;
		if (s->nr_found && !bits_test(doubt, j) && eras[j] == s->header.current_era)
			result->nr_current++;
	}
}

static int stream_eras(struct era_salvage *s, struct source *sources, const struct era_stream *to)
{
	uint32_t eras[WINDOW_BLOCKS];
	uint64_t doubt[WINDOW_BLOCKS / BITS_PER_WORD];
	int r = 0;

	for (uint64_t first = 0; first < s->header.nr_blocks && !r; first += WINDOW_BLOCKS) {
		uint32_t nr = (uint32_t)min_u64(WINDOW_BLOCKS, s->header.nr_blocks - first);

		r = merge_window(s, sources, first, nr, eras, doubt);
		if (r)
			break;
		count_window(s, nr, eras, doubt);
		r = to->eras(to->ctx, eras, nr);
	}
	return r;
}

int era_salvage_stream(struct era_salvage *s, const struct era_stream *to)
{
	struct source *sources = calloc(s->nr_found + 1, sizeof(*sources));
	int r = sources ? open_sources(s, sources) : report_nomem(s->dev.rep);

	s->result = (struct era_salvage_result){0, 0, 0};
	if (!r)
		r = to->begin(to->ctx, &s->header);
	if (!r)
		r = to->array_begin(to->ctx);
	if (!r)
		r = stream_eras(s, sources, to);
	if (!r)
		r = to->array_end(to->ctx);
	if (!r)
		r = to->end(to->ctx);
	close_sources(sources, s->nr_found);
	return r;
}
