/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "copy/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/io.h"
#include "base/replacement.h"
#include "base/utf8.h"
#include "block/crc.h"
#include "copy/hex.h"

#define FIRST_LINE "era-tools backup state 1\n"
#define CHECKSUM_KEY "checksum "
#define CHECKSUM_DIGITS 8u
#define CHECKSUM_LINE (sizeof(CHECKSUM_KEY) - 1 + CHECKSUM_DIGITS + 1)
#define MAX_WORDS 3u

_Static_assert(2 * DELTA_WITNESS_MAX + SAMPLES_MAX * 64u + DELTA_ORIGIN_MAX + 1024u <=
		       BACKUP_STATE_MAX_BYTES,
	       "the largest state");

struct words {
	const char *word[MAX_WORDS];
	size_t len[MAX_WORDS];
	unsigned nr;
};

static bool get_number(const struct words *words, unsigned i, uint64_t max, uint64_t *value)
{
	return decimal_parse(words->word[i], words->len[i], max, value);
}

static bool get_u32(const struct words *words, unsigned i, uint32_t *to)
{
	uint64_t value;

	if (!get_number(words, i, UINT32_MAX, &value))
		return false;
	*to = (uint32_t)value;
	return true;
}

static bool get_name(const struct words *words, struct backup_name *name)
{
	return backup_name_parse(words->word[0], words->len[0], name);
}

static bool get_base(struct backup_state *state, const struct words *words)
{
	state->has_base = true;
	return get_name(words, &state->base);
}

static bool get_size(struct backup_state *state, const struct words *words)
{
	return get_number(words, 0, INT64_MAX, &state->size);
}

static bool get_block_size(struct backup_state *state, const struct words *words)
{
	return get_u32(words, 0, &state->block_size);
}

static bool get_origin(struct backup_state *state, const struct words *words)
{
	if (words->len[0] > DELTA_ORIGIN_MAX)
		return false;
	memcpy(state->origin, words->word[0], words->len[0]);
	return utf8_plain(state->origin, "") == words->len[0];
}

static bool get_witness(struct backup_state *state, const struct words *words)
{
	if (words->len[0] > 2 * sizeof(state->witness))
		return false;
	state->witness_size = (uint32_t)(words->len[0] / 2);
	return hex_get(words->word[0], words->len[0], state->witness);
}

/* Once is for ever: those metadata come to the era of the witness in time. */
static bool get_refuted(struct backup_state *state, const struct words *words)
{
	state->is_refuted = true;
	return words->len[0] == 1 && words->word[0][0] == '1';
}

static bool get_reverted_era(struct backup_state *state, const struct words *words)
{
	state->has_reverted_era = true;
	return get_u32(words, 0, &state->reverted_era);
}

static bool get_sample(struct backup_state *state, const struct words *words)
{
	struct samples *samples = &state->samples;
	struct sample sample;
	uint8_t hash[sizeof(sample.hash)];

	if (samples->nr == SAMPLES_MAX || words->len[2] != 2 * sizeof(hash) ||
	    !get_number(words, 0, INT64_MAX - SAMPLE_BYTES_MAX, &sample.offset) ||
	    !get_u32(words, 1, &sample.length) || !hex_get(words->word[2], words->len[2], hash))
		return false;
	sample.hash = 0;
	for (size_t i = 0; i < sizeof(hash); i++)
		sample.hash = sample.hash << 8 | hash[i];
	samples->at[samples->nr++] = sample;
	return true;
}

static bool get_going_from(struct backup_state *state, const struct words *words)
{
	state->going.has_from = true;
	return get_name(words, &state->going.from);
}

static bool get_going_to(struct backup_state *state, const struct words *words)
{
	state->under_way = true;
	return get_name(words, &state->going.to);
}

static bool get_going_size(struct backup_state *state, const struct words *words)
{
	return get_number(words, 0, INT64_MAX, &state->going.size);
}

static bool get_staged(struct backup_state *state, const struct words *words)
{
	state->is_staged = words->word[0][0] == '1';
	return words->len[0] == 1 && (state->is_staged || words->word[0][0] == '0');
}

static bool get_snapshot_era(struct backup_state *state, const struct words *words)
{
	state->has_snapshot_era = true;
	return get_u32(words, 0, &state->snapshot_era);
}

/* In the order of the file.  A key stands at most once, or any number of times if it repeats. */
static const struct key {
	const char *key;
	unsigned nr_words; /* 0: one, which may contain spaces */
	bool repeats;
	bool (*get)(struct backup_state *state, const struct words *words);
} keys[] = {
	{"base", 1, false, get_base},
	{"size", 1, false, get_size},
	{"block-size", 1, false, get_block_size},
	{"origin", 0, false, get_origin},
	{"witness", 1, false, get_witness},
	{"refuted", 1, false, get_refuted},
	{"reverted-era", 1, false, get_reverted_era},
	{"sample", 3, true, get_sample},
	{"applying-from", 1, false, get_going_from},
	{"applying-to", 1, false, get_going_to},
	{"applying-size", 1, false, get_going_size},
	{"applying-staged", 1, false, get_staged},
	{"snapshot-era", 1, false, get_snapshot_era},
};

static void put_name(FILE *to, const char *key, const struct backup_name *name)
{
	char text[BACKUP_NAME_BYTES];

	fprintf(to, "%s %s\n", key, backup_name_format(name, text));
}

static void put_witness(FILE *to, const struct backup_state *state)
{
	char digits[2];

	fputs("witness ", to);
	for (uint32_t i = 0; i < state->witness_size; i++) {
		hex_put(&state->witness[i], 1, digits);
		fwrite(digits, 1, sizeof(digits), to);
	}
	fputc('\n', to);
}

static void put_base(FILE *to, const struct backup_state *state)
{
	put_name(to, "base", &state->base);
	fprintf(to, "size %" PRIu64 "\n", state->size);
	fprintf(to, "block-size %" PRIu32 "\n", state->block_size);
	if (*state->origin)
		fprintf(to, "origin %s\n", state->origin);
	if (state->witness_size)
		put_witness(to, state);
	if (state->is_refuted)
		fputs("refuted 1\n", to);
	if (state->has_reverted_era)
		fprintf(to, "reverted-era %" PRIu32 "\n", state->reverted_era);
	for (uint32_t i = 0; i < state->samples.nr; i++) {
		const struct sample *sample = &state->samples.at[i];

		fprintf(to, "sample %" PRIu64 " %" PRIu32 " %016" PRIx64 "\n", sample->offset,
			sample->length, sample->hash);
	}
}

static void put_going(FILE *to, const struct backup_state *state)
{
	if (state->going.has_from)
		put_name(to, "applying-from", &state->going.from);
	put_name(to, "applying-to", &state->going.to);
	fprintf(to, "applying-size %" PRIu64 "\n", state->going.size);
	fprintf(to, "applying-staged %d\n", state->is_staged);
}

uint32_t backup_state_since(const struct backup_state *state)
{
	return state->has_reverted_era ? state->reverted_era : state->base.era;
}

static uint32_t checksum(const char *text, size_t len)
{
	return ~crc32c(UINT32_MAX, text, len);
}

/* The buffer holds the largest state, and the stream has no other: nothing of it can fail but for
 * lack of memory, and then nothing is written. */
size_t backup_state_encode(const struct backup_state *state, char *text)
{
	FILE *to = fmemopen(text, BACKUP_STATE_MAX_BYTES, "w");
	long len;

	if (!to)
		return 0;
	fputs(FIRST_LINE, to);
	if (state->has_base)
		put_base(to, state);
	if (state->under_way)
		put_going(to, state);
	if (state->has_snapshot_era)
		fprintf(to, "snapshot-era %" PRIu32 "\n", state->snapshot_era);
	len = fflush(to) ? -1 : ftell(to);
	if (len > 0)
		len += fprintf(to, CHECKSUM_KEY "%08" PRIx32 "\n", checksum(text, (size_t)len));
	return fclose(to) || len < 0 ? 0 : (size_t)len;
}

static int damaged(const struct report *rep, const char *name, const char *what)
{
	return report_fail(rep, ERA_DAMAGED, "%s: state of a backup: %s", name, what);
}

static bool split(const char *value, size_t len, unsigned nr_words, struct words *words)
{
	const char *end = value + len;

	words->nr = 0;
	for (unsigned nr = nr_words ? nr_words : 1; words->nr < nr; words->nr++) {
		const char *stop = nr_words ? memchr(value, ' ', (size_t)(end - value)) : NULL;

		stop = stop ? stop : end;
		words->word[words->nr] = value;
		words->len[words->nr] = (size_t)(stop - value);
		if (stop == value)
			return false;
		value = stop < end ? stop + 1 : end;
	}
	return value == end && (!nr_words || end[-1] != ' ');
}

static const struct key *find_key(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n = strlen(keys[i].key);

		if (len > n && line[n] == ' ' && !memcmp(line, keys[i].key, n))
			return &keys[i];
	}
	return NULL;
}

/* In ascending order of keys, so that none stands twice. */
static bool get_line(struct backup_state *state, const char *line, size_t len,
		     const struct key **last)
{
	const struct key *key = find_key(line, len);
	struct words words;
	size_t skip;

	if (!key || (*last && (key < *last || (key == *last && !key->repeats))))
		return false;
	*last = key;
	skip = strlen(key->key) + 1;
	return split(line + skip, len - skip, key->nr_words, &words) && key->get(state, &words);
}

static bool samples_are_sound(const struct backup_state *state)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < state->samples.nr; i++) {
		const struct sample *sample = &state->samples.at[i];

		if (!sample->length || sample->length > SAMPLE_BYTES_MAX || sample->offset < end)
			return false;
		end = sample->offset + sample->length;
	}
	return end <= state->size;
}

static bool is_consistent(const struct backup_state *state)
{
	bool has_facts = state->size || state->block_size || *state->origin ||
			 state->witness_size || state->is_refuted || state->has_reverted_era ||
			 state->samples.nr;

	if (state->has_base ? !state->size : has_facts)
		return false;
	if (state->under_way ? !state->going.size : state->going.has_from || state->going.size)
		return false;
	return samples_are_sound(state);
}

/* text ends before the line of the checksum. */
static bool get_lines(struct backup_state *state, const char *text, const char *end)
{
	const struct key *last = NULL;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (!stop || !get_line(state, text, (size_t)(stop - text), &last))
			return false;
		text = stop + 1;
	}
	return is_consistent(state);
}

static bool checksum_is_right(const char *text, size_t len)
{
	char line[CHECKSUM_LINE + 1];

	snprintf(line, sizeof(line), CHECKSUM_KEY "%08" PRIx32 "\n", checksum(text, len));
	return !memcmp(text + len, line, CHECKSUM_LINE);
}

int backup_state_decode(struct backup_state *state, const char *name, const char *text, size_t len,
			const struct report *rep)
{
	const size_t first = strlen(FIRST_LINE);
	struct backup_state *read;
	bool is_sound;

	if (len < first || memcmp(text, FIRST_LINE, first))
		return damaged(rep, name, "this is none, or one of another version");
	if (len < first + CHECKSUM_LINE || !checksum_is_right(text, len - CHECKSUM_LINE))
		return damaged(rep, name, "its checksum is wrong: it is damaged or cut off");
	read = calloc(1, sizeof(*read));
	if (!read)
		return report_nomem(rep);
	is_sound = get_lines(read, text + first, text + len - CHECKSUM_LINE);
	if (is_sound)
		*state = *read;
	free(read);
	return is_sound ? 0 : damaged(rep, name, "a line of it is wrong");
}

/* Returns the number of bytes, or an error. */
static int read_all(int fd, char *text, const char *path, const struct report *rep)
{
	struct stat st;

	if (fstat(fd, &st))
		return report_errno(rep, path, "cannot open");
	if (!S_ISREG(st.st_mode))
		return report_fail(rep, ERA_SYS, "%s: Not a regular file", path);
	if (st.st_size > (off_t)BACKUP_STATE_MAX_BYTES)
		return damaged(rep, path, "it is too long to be one");
	errno = io_read_at(fd, text, (size_t)st.st_size, 0);
	return errno ? report_errno(rep, path, "cannot read") : (int)st.st_size;
}

int backup_state_load(struct backup_state *state, const char *path, const struct report *rep)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), n;
	char *text;

	if (fd < 0)
		return errno == ENOENT ? 0 : report_errno(rep, path, "cannot open");
	text = malloc(BACKUP_STATE_MAX_BYTES);
	n = text ? read_all(fd, text, path, rep) : report_nomem(rep);
	close(fd);
	if (n >= 0)
		n = backup_state_decode(state, path, text, (size_t)n, rep);
	free(text);
	return n ? n : 1;
}

int backup_state_save(const struct backup_state *state, const char *path, const struct report *rep)
{
	char *text = malloc(BACKUP_STATE_MAX_BYTES);
	size_t len = text ? backup_state_encode(state, text) : 0;
	int r = len ? replacement_write(path, text, len, rep) : report_nomem(rep);

	free(text);
	return r;
}
