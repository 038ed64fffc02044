/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The target comes and goes. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "block/dev.h"
#include "build/size.h"
#include "era_setup/discards.h"
#include "era_setup/origin.h"
#include "era_setup/setup.h"
#include "live/marking.h"
#include "open/open.h"
#include "tools/human.h"

#define UUID_PREFIX "ERA-"
#define UDEV_LIMIT_MS 10000
#define UDEV_TURN_MS 10

/* What is to become of it. */
struct activation {
	struct setup *s;
	struct tracked t;
	struct origin origin;
	uint32_t nr_blocks; /* of the origin */
	bool may_shrink, marks_all;
	struct superblock sb; /* as found */
	char metadata[MAPPER_DEVICE_MAX];
};

static int check_metadata(const struct blk_dev *dev, struct superblock *sb)
{
	struct blk_dev copy;
	struct era_view *view;
	int r = blk_dev_dup(dev, &copy);

	if (!r)
		r = era_view_open_dev(&view, &copy, ERA_VIEW_WHOLE);
	if (r)
		return r;
	*sb = *era_view_sb(view);
	era_view_close(view);
	return 0;
}

static int refuse_block_size(const struct activation *a)
{
	char here[HUMAN_SIZE_BYTES], there[HUMAN_SIZE_BYTES];

	return report_fail(a->s->rep, ERA_SYS,
			   "%s: these metadata are for blocks of %s, and line %" PRIu64
			   " of %s says %s: is it the right device?",
			   a->t.metadata, human_size((uint64_t)a->sb.data_block_size * 512, there),
			   a->t.entry->line, a->s->options->eratab,
			   human_size((uint64_t)a->t.entry->block_sectors * 512, here));
}

static int refuse_shrunk(const struct activation *a)
{
	return report_fail(a->s->rep, ERA_SYS,
			   "%s: has %" PRIu32 " blocks, and had %" PRIu32
			   ": is it the right device? If it was made smaller, use " ERA_PROGRAM
			   " setup resize %s",
			   a->t.origin, a->nr_blocks, a->sb.nr_blocks, a->t.entry->name);
}

static int refuse_grown(const struct activation *a, uint64_t needed)
{
	char size[HUMAN_SIZE_BYTES];

	return report_fail(a->s->rep, ERA_SYS,
			   "%s: has grown from %" PRIu32 " to %" PRIu32
			   " blocks, for which the metadata on %s are too small: they have %" PRIu64
			   " blocks, wanted %" PRIu64 " (%s)",
			   a->t.origin, a->sb.nr_blocks, a->nr_blocks, a->t.metadata,
			   a->sb.sm.nr_blocks, needed, human_size(needed * META_BYTES, size));
}

static int compare(const struct activation *a)
{
	uint64_t needed = era_size_recommended(a->nr_blocks);

	if (a->sb.data_block_size != a->t.entry->block_sectors)
		return refuse_block_size(a);
	if (a->nr_blocks < a->sb.nr_blocks && !a->may_shrink)
		return refuse_shrunk(a);
	if (a->nr_blocks > a->sb.nr_blocks && needed > a->sb.sm.nr_blocks)
		return refuse_grown(a, needed);
	return 0;
}

/* Where the origin has grown, the last block that it had may have been a part of one. */
static void choose(const struct activation *a, uint64_t *bits)
{
	uint32_t old = a->sb.nr_blocks, first = old ? old - 1 : 0;

	if (a->marks_all)
		bits_set_range(bits, 0, a->nr_blocks);
	else if (old < a->nr_blocks)
		bits_set_range(bits, first, a->nr_blocks - first);
}

static void say_resized(const struct activation *a)
{
	uint32_t old = a->sb.nr_blocks;

	if (old < a->nr_blocks)
		setup_say(a->s,
			  "%s: has grown from %" PRIu32 " to %" PRIu32
			  " blocks; the new ones count as written",
			  a->t.origin, old, a->nr_blocks);
	else if (old > a->nr_blocks)
		setup_say(a->s, "%s: was made smaller, from %" PRIu32 " to %" PRIu32 " blocks",
			  a->t.origin, old, a->nr_blocks);
}

static int mark(struct activation *a, struct blk_dev *dev)
{
	uint64_t *bits = bits_alloc(a->nr_blocks);
	uint32_t era;
	int r;

	if (!bits)
		return report_nomem(a->s->rep);
	choose(a, bits);
	r = era_mark_resized(dev, a->nr_blocks, bits, &era);
	if (!r)
		tool_say(a->s->tool,
			 "%s: %" PRIu64 " of %" PRIu32 " blocks count as written in era %" PRIu32,
			 a->t.metadata, bits_count(bits, a->nr_blocks), a->nr_blocks, era);
	free(bits);
	return r;
}

static int bring_up_to_date(struct activation *a, struct blk_dev *dev)
{
	if (!a->marks_all && a->nr_blocks == a->sb.nr_blocks)
		return 0;
	say_resized(a);
	if (a->marks_all)
		setup_say(a->s, "%s: all blocks count as written", a->t.entry->name);
	return a->s->options->dry_run ? 0 : mark(a, dev);
}

static int prepare(struct activation *a, struct blk_dev *dev)
{
	struct stat st;
	int r;

	if (fstat(dev->fd, &st) || !S_ISBLK(st.st_mode))
		return report_fail(a->s->rep, ERA_SYS, "%s: is no block device", a->t.metadata);
	snprintf(a->metadata, sizeof(a->metadata), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	r = check_metadata(dev, &a->sb);
	if (!r)
		r = compare(a);
	return r ? r : bring_up_to_date(a, dev);
}

static int prepare_metadata(struct activation *a)
{
	struct blk_dev dev;
	int r = blk_dev_open(&dev, a->t.metadata, BLK_WRITE, a->s->rep);

	if (r)
		return r;
	r = prepare(a, &dev);
	blk_dev_close(&dev);
	return r;
}

/* udev, if there is one, has a file for each device that it has processed. */
static void wait_for_udev(const struct mapper_info *info)
{
	int64_t until = clock_ms() + UDEV_LIMIT_MS;
	char path[64];

	if (access("/run/udev/control", F_OK))
		return;
	snprintf(path, sizeof(path), "/run/udev/data/b%" PRIu32 ":%" PRIu32, info->major,
		 info->minor);
	while (access(path, F_OK) && clock_ms() < until)
		poll(NULL, 0, UDEV_TURN_MS);
}

/* Before anybody hears of it. */
static int keep_discards_off(const struct setup *s, const struct tracked *t)
{
	struct mapper_info info;
	int r = mapper_info(s->mapper, t->entry->name, &info);

	if (!r && !t->entry->pass_discards)
		r = discards_switch_off(t->entry->name, &info, s->rep);
	if (!r)
		wait_for_udev(&info);
	return r;
}

static int create_target(const struct activation *a)
{
	const char *name = a->t.entry->name;
	char params[3 * MAPPER_DEVICE_MAX], uuid[MAPPER_NAME_MAX];
	struct mapper_target target = {0, a->origin.sectors, "era", params};
	const struct mapper_table table = {.nr = 1, .targets = &target};
	int r;

	snprintf(uuid, sizeof(uuid), UUID_PREFIX "%s", name);
	snprintf(params, sizeof(params), "%s %s %" PRIu32, a->metadata, a->origin.numbers,
		 a->t.entry->block_sectors);
	setup_say(a->s, "%s: 0 %" PRIu64 " era %s", name, target.sectors, params);
	if (a->s->options->dry_run)
		return 0;
	r = mapper_create(a->s->mapper, name, uuid, &table, MAPPER_WITHOUT_UDEV);
	if (r)
		return r;
	r = keep_discards_off(a->s, &a->t);
	if (r && mapper_remove(a->s->mapper, name, MAPPER_WITH_UDEV))
		report_fail(a->s->rep, ERA_SYS, "%s: is there, with discards", name);
	return r;
}

/* The origin stays open until the last moment, so nobody mounts it meanwhile. */
static int prepare_all(struct activation *a)
{
	int r = origin_open(&a->origin, a->t.origin, a->s->rep);

	if (!r)
		r = origin_count_blocks(&a->origin, a->t.origin, a->t.entry->block_sectors,
					&a->nr_blocks, a->s->rep);
	if (!r)
		r = prepare_metadata(a);
	origin_close(&a->origin);
	return r;
}

static int find(struct setup *s, struct tracked *t, bool *active)
{
	int r = setup_find(s, t);

	return r ? r : tracked_is_active(s, t, active);
}

int setup_activate(struct setup *s)
{
	struct activation a = {.s = s};
	bool active;
	int r = find(s, &a.t, &active);

	if (r)
		return r;
	if (active) {
		tool_say(s->tool, "%s: is active already", a.t.entry->name);
		return s->options->dry_run ? 0 : keep_discards_off(s, &a.t);
	}
	r = prepare_all(&a);
	return r ? r : create_target(&a);
}

/* What only a target that is stopped can get. */
static int change(struct activation *a)
{
	bool active;
	int r = find(a->s, &a->t, &active);

	if (!r && active)
		r = report_fail(a->s->rep, ERA_SYS, "%s: is active; deactivate it first",
				a->t.entry->name);
	return r ? r : prepare_all(a);
}

int setup_resize(struct setup *s)
{
	struct activation a = {.s = s, .may_shrink = true};

	return change(&a);
}

int setup_mark(struct setup *s)
{
	struct activation a = {.s = s, .marks_all = true};

	return change(&a);
}

int setup_deactivate(struct setup *s)
{
	struct tracked t;
	bool active;
	int r = find(s, &t, &active);

	if (r)
		return r;
	if (!active) {
		tool_say(s->tool, "%s: is not active", t.entry->name);
		return 0;
	}
	setup_say(s, "%s: the target is stopped", t.entry->name);
	return s->options->dry_run ? 0 : mapper_remove(s->mapper, t.entry->name, MAPPER_WITH_UDEV);
}
