/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Which connections may share a list.
 *
 * A list must have every request that was marked before its connection asked.  So there is a clock
 * that counts moments: an asker draws one when it comes, and whoever makes a list draws one just
 * before it takes over the engine's marks.  A request that was marked before an asker's moment was
 * marked before every later moment, too, and is in each list that has one.  Hence the rule: an
 * asker takes a list whose moment is after its own, and never another.
 *
 * One list is made at a time, since all would wait for the same turns.  Those who ask the same
 * meanwhile came after its moment, and wait; one of them makes the next list, which then is for all
 * that have come by then.  That costs little: while the era is the same, a list that is still held
 * lacks at most what was marked in this era since its moment, and these marks are in memory.  If it
 * lacks none, it gets the new moment and serves; else a copy of it is topped up.  A list that
 * somebody holds is never changed.  When another era has begun meanwhile the list is read anew.
 *
 * An asker looks between two turns whether its client has gone or the server is to stop, and gives
 * up then.  But one who makes a list that others wait for makes it to its end, for them; a stop is
 * noticed by all of these, too, so that soon nobody waits.
 */
#include "target/since.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "metadata/changes.h"
#include "target/log.h"

#define ZERO_SUFFIX ",zero"
#define MAX_EXTENTS (1024u * 1024)

/* Decimal digits, and where they end. */
static bool parse_era(const char **text, uint32_t *era)
{
	const char *c = *text;
	uint64_t n = 0;

	for (; *c >= '0' && *c <= '9' && n <= UINT32_MAX; c++)
		n = n * 10 + (uint64_t)(*c - '0');
	if (c == *text || n > UINT32_MAX)
		return false;
	*text = c;
	*era = (uint32_t)n;
	return true;
}

bool since_parse(struct since *since, const char *name)
{
	const char *rest = name + strlen(SINCE_PREFIX);
	uint32_t era;

	if (strncmp(name, SINCE_PREFIX, strlen(SINCE_PREFIX)) || !parse_era(&rest, &era))
		return false;
	if (*rest && strcmp(rest, ZERO_SUFFIX))
		return false;
	*since = (struct since){.era = era, .zero = *rest};
	return true;
}

/* A connection that waits for a list; it lies on its thread's stack. */
struct asker {
	uint32_t since;
	uint64_t moment;
	bool has_gone;
	struct asker *next;
};

/* Where lists come from: a running engine, or a view of metadata that nobody here writes to. */
struct source {
	struct engine *engine; /* NULL: the view */
	const struct target_view *view;
	uint64_t listed_from; /* blocks from here on are listed anyway */
};

static struct {
	pthread_mutex_t lock; /* over all below */
	uint64_t clock;
	bool is_making;
	struct asker *askers;
	struct since_list *lists;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define MAX_LISTS 64u

#define MIN_SLEEP_NS 1000000u
#define MAX_SLEEP_NS 16000000u

static bool others_wait(const struct asker *self)
{
	bool found = false;

	pthread_mutex_lock(&registry.lock);
	for (const struct asker *a = registry.askers; a; a = a->next)
		found |= a != self && a->since == self->since;
	pthread_mutex_unlock(&registry.lock);
	return found;
}

/* nbdkit wakes a sleeper for both reasons to give up, and reports it. */
static bool is_wanted(void *ctx)
{
	struct asker *self = ctx;

	self->has_gone = self->has_gone || nbdkit_nanosleep(0, 0);
	return !self->has_gone || others_wait(self);
}

static void free_list(struct since_list *list)
{
	if (list)
		free(list->bits);
	free(list);
}

static int read_engine(struct since_list *list, struct engine *e, struct asker *self)
{
	list->nr_blocks = engine_nr_blocks(e);
	list->block_bytes = engine_block_bytes(e);
	list->bits = bits_alloc(list->nr_blocks);
	if (!list->bits)
		return report_nomem(&log_report);
	return engine_read_changes(e, self->since, list->bits, is_wanted, self, &list->era);
}

static int read_view(struct since_list *list, const struct source *source)
{
	struct era_changes changes = {.bits = NULL};
	struct era_view *view;
	int r = target_view_open(source->view, &view);

	if (r)
		return r;
	r = era_changes_allowed(view, list->since);
	if (!r)
		r = era_view_revalidate(view, era_changes_read(view, list->since, &changes));
	if (r) {
		era_changes_free(&changes);
	} else {
		list->bits = changes.bits;
		list->nr_blocks = era_view_sb(view)->nr_blocks;
		list->block_bytes = superblock_block_bytes(era_view_sb(view));
	}
	era_view_close(view);
	return r;
}

static struct since_list *copy_list(const struct since_list *old)
{
	struct since_list *list = malloc(sizeof(*list));

	if (!list)
		return NULL;
	*list = *old;
	list->bits = bits_copy(old->bits, old->nr_blocks);
	if (list->bits)
		return list;
	free(list);
	return NULL;
}

/* `old` is held.  Returns it when it lacks nothing, or a copy that doesn't, or NULL. */
static struct since_list *top_up(struct since_list *old, struct engine *e)
{
	struct since_list *list = NULL;
	enum engine_added added = engine_add_marks(e, old->since, old->era, old->bits, false);

	if (added == ENGINE_ADDED)
		return old;
	if (added == ENGINE_MISSING)
		list = copy_list(old);
	if (list && engine_add_marks(e, old->since, old->era, list->bits, true) == ENGINE_ADDED)
		return list;
	free_list(list);
	return NULL;
}

static int read_list(struct since_list **out, const struct source *source, struct asker *self)
{
	struct since_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return report_nomem(&log_report);
	list->since = self->since;
	r = source->engine ? read_engine(list, source->engine, self) : read_view(list, source);
	if (r) {
		free_list(list);
		return r;
	}
	if (source->listed_from < list->nr_blocks)
		bits_set_range(list->bits, source->listed_from,
			       list->nr_blocks - source->listed_from);
	*out = list;
	return 0;
}

/* With the lock. */
static struct since_list *newest_list(uint32_t since)
{
	struct since_list *newest = NULL;

	for (struct since_list *list = registry.lists; list; list = list->next)
		if (list->since == since && (!newest || list->moment > newest->moment))
			newest = list;
	return newest;
}

/* With the lock. */
static void let_go(struct since_list *list)
{
	struct since_list **at = &registry.lists;

	if (--list->nr_holders)
		return;
	while (*at != list)
		at = &(*at)->next;
	*at = list->next;
	free_list(list);
}

/* With the lock: a list of that moment is there for all who came before it. */
static void show_list(struct since_list *list, uint64_t moment)
{
	list->moment = moment;
	list->nr_holders = 0;
	list->next = registry.lists;
	registry.lists = list;
}

/* With the lock. */
static bool has_too_many_lists(void)
{
	unsigned nr = 0;

	for (const struct since_list *list = registry.lists; list; list = list->next)
		nr++;
	return nr >= MAX_LISTS;
}

/* With the lock, which is let go meanwhile.  *list is held. */
static int make_list(struct since_list **out, const struct source *source, struct asker *self)
{
	struct since_list *old = source->engine ? newest_list(self->since) : NULL, *list = NULL;
	uint64_t moment = ++registry.clock;
	int r = 0;

	registry.is_making = true;
	if (old)
		old->nr_holders++;
	pthread_mutex_unlock(&registry.lock);
	if (old)
		list = top_up(old, source->engine);
	if (!list)
		r = read_list(&list, source, self);
	pthread_mutex_lock(&registry.lock);
	registry.is_making = false;
	if (r) {
		list = NULL;
	} else if (list == old) {
		list->moment = moment;
	} else {
		show_list(list, moment);
	}
	if (list)
		list->nr_holders++;
	if (old)
		let_go(old);
	*out = list;
	return r;
}

/* With the lock, which is let go meanwhile.  Longer each time, since it may be long. */
static int sleep_a_while(unsigned *ns)
{
	int r;

	pthread_mutex_unlock(&registry.lock);
	r = nbdkit_nanosleep(0, *ns) ? ERA_CANCELLED : 0;
	if (*ns < MAX_SLEEP_NS)
		*ns *= 2;
	pthread_mutex_lock(&registry.lock);
	return r;
}

/* With the lock, which is let go meanwhile.  *out is held. */
static int find_list(struct since_list **out, const struct source *source, struct asker *self)
{
	unsigned ns = MIN_SLEEP_NS;

	for (;;) {
		struct since_list *list = newest_list(self->since);
		int r;

		if (list && list->moment > self->moment) {
			list->nr_holders++;
			*out = list;
			return 0;
		}
		if (!registry.is_making && !list && has_too_many_lists())
			return report_fail(&log_report, ERA_SYS,
					   "%u lists are held, as many as may be: "
					   "close other connections",
					   MAX_LISTS);
		if (!registry.is_making)
			return make_list(out, source, self);
		r = sleep_a_while(&ns);
		if (r)
			return r;
	}
}

static int ask(struct since *since, const struct source *source)
{
	struct asker self = {.since = since->era}, **at;
	int r;

	pthread_mutex_lock(&registry.lock);
	self.moment = ++registry.clock;
	self.next = registry.askers;
	registry.askers = &self;
	r = find_list(&since->list, source, &self);
	for (at = &registry.askers; *at != &self; at = &(*at)->next)
		;
	*at = self.next;
	pthread_mutex_unlock(&registry.lock);
	return r;
}

int since_ask(struct since *since, uint64_t listed_from, struct engine *e)
{
	const struct source source = {.engine = e, .listed_from = listed_from};

	return ask(since, &source);
}

int since_read_view(struct since *since, uint64_t listed_from, const struct target_view *view)
{
	const struct source source = {.view = view, .listed_from = listed_from};

	return ask(since, &source);
}

/* Blocks from `block` on that are alike; where they end. */
static uint64_t end_of_run(const struct since_list *list, uint64_t block, bool changed)
{
	return changed ? bits_next_clear(list->bits, block, list->nr_blocks)
		       : bits_next_set(list->bits, block, list->nr_blocks);
}

/* More than that in a reply are not kept by nbdkit, and to one that asks for one only the first
 * goes. */
static size_t extents_wanted(uint32_t flags)
{
	return flags & NBDKIT_FLAG_REQ_ONE ? 1 : MAX_EXTENTS;
}

int since_extents(const struct since *since, uint64_t offset, uint64_t count, uint32_t flags,
		  struct nbdkit_extents *extents)
{
	uint32_t untouched = NBDKIT_EXTENT_HOLE | (since->zero ? NBDKIT_EXTENT_ZERO : 0);
	const struct since_list *list = since->list;
	uint64_t end = offset + count;

	for (size_t n = extents_wanted(flags); n && offset < end; n--) {
		uint64_t block = offset / list->block_bytes;
		bool changed = bits_test(list->bits, block);
		uint64_t next = end_of_run(list, block, changed);
		uint64_t stop = min_u64(next * list->block_bytes, end);

		if (nbdkit_add_extent(extents, offset, stop - offset, changed ? 0 : untouched))
			return -1;
		offset = stop;
	}
	return 0;
}

void since_free(struct since *since)
{
	if (!since->list)
		return;
	pthread_mutex_lock(&registry.lock);
	let_go(since->list);
	pthread_mutex_unlock(&registry.lock);
	since->list = NULL;
}
