/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Copies before changes.
 *
 * The moment lies in a pause of the engine: no request is between engine_mark() and engine_done(),
 * the origin is flushed, and the era rolls over.  There the bits of what is copied are cleared and
 * a new generation begins.  Every request that is marked after the pause sees it.  A pause that has
 * lapsed may have let requests through before; engine_unpause() tells, and then nothing is frozen.
 *
 * There is one bit per unit of the origin, at most a data block.  The bits know nothing of eras: a
 * checkpoint clears the engine's, and a second change would copy the first one.
 *
 * A change copies each unit that it touches and that has no bit, under a lock, one of a few that
 * share the origin between them: read from below, written to the file, and then the bit is set.
 * Only after that the change goes down.  So:
 *
 *   a unit without a bit has not been changed since the moment.  A frozen read that finds none
 *   reads from below and looks at the bit again: if there still is none, what was read is old.
 *   If there is one, the file has it.  A bit that is set stays set as long as the generation lasts.
 *
 *   the same goes for what the layer below says of its extents, asked before the bit is looked at.
 *
 * If a copy fails, the generation is broken before the change goes down, and a frozen read looks at
 * that, and at the generation, when it has its data: what it may have read too late is not given
 * out.  Bits are cleared and the file is emptied only when the generation has ended.
 */
#include "target/frozen.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "target/cow.h"
#include "target/log.h"

#define PAUSE_MS 10000u
#define NR_LOCKS 64u
#define MAX_UNITS (UINT64_C(1) << 31)
#define MAX_UNIT_BYTES 65536u
#define GROUP_BYTES \
	(256u * 1024) /* copied under one lock, and at once where nothing is copied yet */

static struct {
	struct cow cow;
	struct engine *engine; /* NULL: not started */
	bool is_multi_conn;
	uint64_t size, unit; /* bytes */

	pthread_mutex_t messages; /* over the next ones; freezing and thawing */
	uint64_t last_generation;
	bool has_copies; /* the file may not be empty */

	_Atomic uint64_t *kept; /* one bit per unit; NULL before the first generation */
	_Atomic uint64_t generation, broken; /* 0: none */
	_Atomic uint32_t era;

	pthread_mutex_t locks[NR_LOCKS]; /* by group */
} frozen = {.cow = COW_CLOSED, .messages = PTHREAD_MUTEX_INITIALIZER};

int frozen_open(const char *path)
{
	for (unsigned i = 0; i < NR_LOCKS; i++)
		pthread_mutex_init(&frozen.locks[i], NULL);
	return cow_open(&frozen.cow, path);
}

void frozen_start(struct engine *e, bool is_multi_conn)
{
	frozen.engine = e;
	frozen.is_multi_conn = is_multi_conn;
	frozen.size = engine_origin_bytes(e);
	frozen.unit = min_u64(engine_block_bytes(e), MAX_UNIT_BYTES);
	while (div_up(frozen.size, frozen.unit) > MAX_UNITS)
		frozen.unit *= 2;
}

void frozen_close(void)
{
	atomic_store(&frozen.generation, 0);
	atomic_store(&frozen.era, 0);
	cow_close(&frozen.cow);
	free((void *)frozen.kept);
	frozen.kept = NULL;
	frozen.engine = NULL;
}

uint32_t frozen_era(void)
{
	return atomic_load(&frozen.era);
}

static uint64_t nr_units(void)
{
	return div_up(frozen.size, frozen.unit);
}

static bool is_kept(uint64_t unit)
{
	return atomic_load(&frozen.kept[unit / BITS_PER_WORD]) >> (unit % BITS_PER_WORD) & 1;
}

/* The first unit from `first` on that is kept, or is not, or `end`. */
static uint64_t find_unit(uint64_t first, uint64_t end, bool kept)
{
	uint64_t none = kept ? 0 : ~UINT64_C(0);

	while (first < end) {
		if (first % BITS_PER_WORD == 0 &&
		    atomic_load(&frozen.kept[first / BITS_PER_WORD]) == none)
			first += BITS_PER_WORD;
		else if (is_kept(first) == kept)
			return first;
		else
			first++;
	}
	return end;
}

static void set_kept(uint64_t first, uint64_t end)
{
	while (first < end) {
		uint64_t mask, word = bits_take_word(&first, end, &mask);

		atomic_fetch_or(&frozen.kept[word], mask);
	}
}

/*
 * Freezing.
 */

static int may_freeze(void)
{
	if (!frozen.engine || frozen.cow.fd < 0)
		return report_fail(&log_report, ERA_SYS,
				   "nothing can be frozen: the server was started without era-cow");
	if (!frozen.is_multi_conn)
		return report_fail(
			&log_report, ERA_SYS,
			"nothing can be frozen: a connection to the layer below need not see "
			"what another one has written");
	if (atomic_load(&frozen.generation))
		return report_fail(&log_report, ERA_SYS,
				   "frozen already, at the begin of era %" PRIu32, frozen_era());
	return 0;
}

static int make_bits(void)
{
	if (!frozen.kept)
		frozen.kept = calloc((size_t)bits_words(nr_units()) + 1, sizeof(*frozen.kept));
	return frozen.kept ? 0 : report_nomem(&log_report);
}

/* While nothing is frozen. */
static int clear_copies(void)
{
	uint64_t nr = bits_words(nr_units());
	int error = frozen.has_copies ? cow_empty(&frozen.cow) : 0;

	if (error) {
		errno = error;
		return report_errno(&log_report, frozen.cow.path, "cannot empty it");
	}
	for (uint64_t i = 0; i < nr; i++)
		atomic_store_explicit(&frozen.kept[i], 0, memory_order_relaxed);
	return 0;
}

static void end_generation(void)
{
	atomic_store(&frozen.generation, 0);
	atomic_store(&frozen.era, 0);
}

/* In the pause. */
static int begin_generation(uint32_t era)
{
	int r = clear_copies();

	if (r)
		return r;
	frozen.has_copies = true;
	atomic_store(&frozen.broken, 0);
	atomic_store(&frozen.era, era);
	atomic_store(&frozen.generation, ++frozen.last_generation);
	return 0;
}

static int freeze(uint32_t *era)
{
	uint64_t token;
	int r = engine_pause(frozen.engine, PAUSE_MS, &token), ended;

	if (r)
		return r;
	r = engine_roll(frozen.engine, token, era);
	if (!r)
		r = begin_generation(*era);
	ended = engine_unpause(frozen.engine, token);
	if (!r)
		r = ended;
	if (r)
		end_generation();
	return r;
}

int frozen_freeze(uint32_t *era)
{
	int r;

	pthread_mutex_lock(&frozen.messages);
	r = may_freeze();
	if (!r)
		r = make_bits();
	if (!r)
		r = freeze(era);
	pthread_mutex_unlock(&frozen.messages);
	return r;
}

/* Changes that are under way may still copy; that is cleared before the next generation begins. */
int frozen_thaw(void)
{
	int r = 0, error;

	pthread_mutex_lock(&frozen.messages);
	if (!atomic_load(&frozen.generation)) {
		r = report_fail(&log_report, ERA_SYS, "nothing is frozen");
	} else {
		end_generation();
		error = cow_empty(&frozen.cow);
		if (error)
			log_error("%s: cannot give back its space: %s", frozen.cow.path,
				  strerror(error));
	}
	pthread_mutex_unlock(&frozen.messages);
	return r;
}

/*
 * Changes.
 */

static void break_generation(uint64_t generation, const char *what, int error)
{
	uint64_t none = 0;

	if (atomic_compare_exchange_strong(&frozen.broken, &none, generation))
		log_error("the frozen exports fail from now on: %s: cannot %s: %s", frozen.cow.path,
			  what, strerror(error));
}

static uint64_t unit_end_byte(uint64_t end)
{
	uint64_t bytes;

	return checked_mul(end, frozen.unit, &bytes) ? min_u64(bytes, frozen.size) : frozen.size;
}

/* Units first .. end - 1, none of which is kept, with their lock. */
static void copy_units(const struct frozen_below *below, uint64_t generation, uint64_t first,
		       uint64_t end, void *buf)
{
	uint64_t offset = first * frozen.unit, len = unit_end_byte(end) - offset;
	int error = EIO;

	if (below->pread(below->conn, buf, (uint32_t)len, offset, &error)) {
		break_generation(generation, "copy what cannot be read", error);
		return;
	}
	error = cow_write(&frozen.cow, buf, len, offset);
	if (error)
		break_generation(generation, "write", error);
	else
		set_kept(first, end);
}

static bool is_broken(uint64_t generation)
{
	return atomic_load(&frozen.broken) == generation;
}

/* Of one group. */
static void keep_units(const struct frozen_below *below, uint64_t generation, uint64_t first,
		       uint64_t end, void *buf)
{
	while (!is_broken(generation) && (first = find_unit(first, end, false)) < end) {
		uint64_t stop = find_unit(first, end, true);

		copy_units(below, generation, first, stop, buf);
		first = stop;
	}
}

static uint64_t units_a_group(void)
{
	return GROUP_BYTES > frozen.unit ? GROUP_BYTES / frozen.unit : 1;
}

static void keep_range(const struct frozen_below *below, uint64_t generation, uint64_t first,
		       uint64_t end)
{
	uint64_t units = units_a_group();
	void *buf = malloc((size_t)(units * frozen.unit));

	if (!buf)
		break_generation(generation, "copy", ENOMEM);
	while (buf && first < end) {
		uint64_t group = first / units, stop = min_u64((group + 1) * units, end);
		pthread_mutex_t *lock = &frozen.locks[group % NR_LOCKS];

		pthread_mutex_lock(lock);
		keep_units(below, generation, first, stop, buf);
		pthread_mutex_unlock(lock);
		first = stop;
	}
	free(buf);
}

void frozen_keep(const struct frozen_below *below, uint32_t count, uint64_t offset)
{
	uint64_t generation = atomic_load(&frozen.generation), first, end;

	if (!generation || is_broken(generation) || !count)
		return;
	first = offset / frozen.unit;
	end = (offset + count - 1) / frozen.unit + 1;
	if (find_unit(first, end, false) < end)
		keep_range(below, generation, first, end);
}

/*
 * Frozen connections.
 */

int frozen_attach(struct frozen *x)
{
	uint64_t generation = atomic_load(&frozen.generation);

	x->era = frozen_era();
	x->generation = generation;
	if (generation && x->era && atomic_load(&frozen.generation) == generation)
		return 0;
	log_error("nothing is frozen");
	return -1;
}

/* The end of the range that begins at byte `at`, and in which either all units are kept or none is;
 * at most `end`.  Whether the first one is kept is looked at once, and that holds even if a change
 * keeps it meanwhile. */
static uint64_t end_of_stretch(uint64_t at, uint64_t end, bool *kept)
{
	uint64_t unit = at / frozen.unit;

	*kept = is_kept(unit);
	return min_u64(unit_end_byte(find_unit(unit + 1, div_up(end, frozen.unit), !*kept)), end);
}

/* Looked at after the data have been read. */
static int check_generation(struct frozen *x, int *err)
{
	bool ended = atomic_load(&frozen.generation) != x->generation;

	if (!ended && !is_broken(x->generation))
		return 0;
	if (!atomic_exchange(&x->has_told, true))
		log_error("a frozen connection fails: %s",
			  ended ? "it has been thawed" : "old contents were lost");
	*err = EIO;
	return -1;
}

static int read_kept(const struct frozen *x, char *buf, uint64_t offset, uint64_t end, int *err)
{
	int error = cow_read(&frozen.cow, buf, (size_t)(end - offset), offset);

	if (!error)
		return 0;
	if (atomic_load(&frozen.generation) == x->generation)
		break_generation(x->generation, "read", error);
	*err = EIO;
	return -1;
}

/* Bytes offset .. end - 1 as they were; those of units that are kept by now are in the file. */
static int read_below(const struct frozen *x, const struct frozen_below *below, char *buf,
		      uint64_t offset, uint64_t end, int *err)
{
	uint64_t at = offset;

	if (below->pread(below->conn, buf, (uint32_t)(end - offset), offset, err))
		return -1;
	while (at < end) {
		bool kept;
		uint64_t stop = end_of_stretch(at, end, &kept);

		if (kept && read_kept(x, buf + (at - offset), at, stop, err))
			return -1;
		at = stop;
	}
	return 0;
}

int frozen_pread(struct frozen *x, const struct frozen_below *below, void *buf, uint32_t count,
		 uint64_t offset, int *err)
{
	uint64_t at = offset, end = offset + count;
	int r = check_generation(x, err);

	while (!r && at < end) {
		bool kept;
		uint64_t stop = end_of_stretch(at, end, &kept);
		char *to = (char *)buf + (at - offset);

		r = kept ? read_kept(x, to, at, stop, err)
			 : read_below(x, below, to, at, stop, err);
		at = stop;
	}
	return r ? r : check_generation(x, err);
}

/* What is kept has changed, and is said to be data. */
static int add_extent(struct nbdkit_extents *extents, struct nbdkit_extent found)
{
	uint64_t at = found.offset, end = at + found.length;

	while (at < end) {
		bool kept;
		uint64_t stop = end_of_stretch(at, end, &kept);

		if (nbdkit_add_extent(extents, at, stop - at, kept ? 0 : found.type))
			return -1;
		at = stop;
	}
	return 0;
}

static int add_extents(struct nbdkit_extents *extents, const struct nbdkit_extents *found, int *err)
{
	size_t nr = nbdkit_extents_count(found);

	for (size_t i = 0; i < nr; i++) {
		if (!add_extent(extents, nbdkit_get_extent(found, i)))
			continue;
		*err = errno ? errno : ENOMEM;
		return -1;
	}
	return 0;
}

int frozen_extents(struct frozen *x, const struct frozen_below *below, uint32_t count,
		   uint64_t offset, uint32_t flags, struct nbdkit_extents *extents, int *err)
{
	struct nbdkit_extents *found;
	int r = check_generation(x, err);

	if (r)
		return r;
	found = nbdkit_extents_new(offset, offset + count);
	if (!found) {
		*err = ENOMEM;
		return -1;
	}
	r = below->extents(below->conn, count, offset, flags, found, err);
	if (!r)
		r = add_extents(extents, found, err);
	nbdkit_extents_free(found);
	return r ? r : check_generation(x, err);
}
