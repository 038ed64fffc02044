/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Changes fields of metadata blocks and makes their checksums right again, for tests that need
 * damage which no checksum shows:
 *
 *	blkedit IMAGE BLOCK                        prints the block's kind
 *	blkedit IMAGE BLOCK OFFSET HEXBYTES...     changes bytes
 *	blkedit IMAGE PLACE.FIELD[.I]=VALUE...     changes fields, or PLACE.FIELD[.I] to print one
 *
 * A PLACE is sb, clone, index, bitmap, refs, sets, eras, current, snap-sets, snap-eras, each with
 * /I for its I-th child as often as needed; free or free:I, a free block; or a block's number. In
 * the metadata of a cache it is sb, index, bitmap, refs, mappings, hints, discards, dirty.
 * layout.h has the names of the fields; in bitmaps count.N is the count of block N, which may be
 * [PLACE]. A VALUE is a number, max (all ones), +N or -N to add to what is there, @PLACE for a
 * block's number, or PLACE.FIELD[.I]. All values are of the image as it was before.
 *
 * PLACE=PLACE copies a block whole, with its new number in it.
 *
 * The block's kind is the one whose checksum it has; a block of no kind is refused. All changes are
 * one.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

#define MAX_EDITS 64

static uint8_t *image;	/* as it was */
static uint8_t *edited; /* a private copy */
static uint64_t nr_blocks;
static uint64_t changed[MAX_EDITS];
static unsigned nr_changed;

static _Noreturn void die(const char *what, const char *where)
{
	fprintf(stderr, "blkedit: %s: %s\n", where, what);
	exit(1);
}

static uint8_t *block_of(uint8_t *data, uint64_t block, const char *where)
{
	if (block >= nr_blocks)
		die("past the image", where);
	return data + block * BLOCK_SIZE;
}

static uint8_t *change(uint64_t block)
{
	if (nr_changed == MAX_EDITS)
		die("too many", "edits");
	changed[nr_changed++] = block;
	return block_of(edited, block, "change");
}

static enum kind must_have_kind(const uint8_t *block, const char *where)
{
	enum kind kind = kind_of(block);

	if (kind == NR_KINDS)
		die("the block's checksum is of no kind", where);
	return kind;
}

static unsigned long long number(const char *text, char **end)
{
	unsigned long long n;

	errno = 0;
	n = strtoull(text, end, 0);
	if (errno || *end == text)
		die("not a number", text);
	return n;
}

static unsigned count_of(const uint8_t *bitmap, uint64_t block)
{
	unsigned bits = bitmap[16 + block / 4] >> block % 4 * 2 & 3;

	return (bits & 1) << 1 | bits >> 1;
}

static void set_count(uint8_t *bitmap, uint64_t block, uint64_t count)
{
	uint8_t *byte = bitmap + 16 + block / 4;
	unsigned shift = block % 4 * 2;

	*byte = (uint8_t)((*byte & ~(3u << shift)) | ((count >> 1 | (count & 1) << 1) << shift));
}

static bool is_cache(void)
{
	return kind_of(image) == CACHE_SUPERBLOCK;
}

static uint64_t first_bitmap(void)
{
	return get_le(block_of(image, get_le(image + (is_cache() ? 80 : 60), 8), "index") + 16, 8);
}

static uint64_t free_block(uint64_t nth)
{
	const uint8_t *bitmap = block_of(image, first_bitmap(), "bitmap");

	for (uint64_t b = 0; b < nr_blocks; b++)
		if (!count_of(bitmap, b) && !nth--)
			return b;
	die("no such free block", "free");
}

static uint64_t clone_field(uint32_t offset)
{
	return get_le(block_of(image, get_le(image + 216, 8), "clone") + offset, 8);
}

static uint64_t named_place(const char *name, size_t len)
{
	static const struct {
		const char *name;
		uint32_t offset;
		bool in_clone, in_cache;
	} roots[] = {
		{"clone", 216, false, false},	 {"index", 60, false, false},
		{"refs", 68, false, false},	 {"current", 192, false, false},
		{"sets", 200, false, false},	 {"eras", 208, false, false},
		{"snap-sets", 200, true, false}, {"snap-eras", 208, true, false},
		{"index", 80, false, true},	 {"refs", 88, false, true},
		{"mappings", 192, false, true},	 {"hints", 200, false, true},
		{"discards", 208, false, true},	 {"dirty", 284, false, true},
	};
	bool in_cache = is_cache();

	if (len == 2 && !strncmp(name, "sb", len))
		return 0;
	if (len == 6 && !strncmp(name, "bitmap", len))
		return first_bitmap();
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (roots[i].in_cache == in_cache && strlen(roots[i].name) == len &&
		    !strncmp(name, roots[i].name, len))
			return roots[i].in_clone ? clone_field(roots[i].offset)
						 : get_le(image + roots[i].offset, 8);
	die("no such place", name);
}

static uint64_t child_of(uint64_t node, uint64_t i)
{
	const uint8_t *block = block_of(image, node, "child");
	uint64_t size = get_le(block + 24, 4), at = 32 + get_le(block + 20, 4) * 8 + size * i;

	return get_le(block + at + (size == 12 ? 4 : 0), 8);
}

static uint64_t place(const char **text)
{
	const char *name = *text;
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
	char *end = (char *)(uintptr_t)name + len;
	uint64_t block;

	if (isdigit((unsigned char)*name))
		block = number(name, &end);
	else if (len == 4 && !strncmp(name, "free", len))
		block = free_block(*end == ':' ? number(end + 1, &end) : 0);
	else
		block = named_place(name, len);
	while (*end == '/')
		block = child_of(block, number(end + 1, &end));
	*text = end;
	return block;
}

struct spot {
	uint64_t block;
	enum kind kind;
	const struct field *field; /* NULL: the count of a block */
	uint64_t i;
};

static const struct field *find_field(const uint8_t *block, enum kind kind, const char *name,
				      size_t len)
{
	for (size_t i = 0; i < NR_FIELDS; i++)
		if (has_field(block, kind, &fields[i]) && strlen(fields[i].name) == len &&
		    !strncmp(fields[i].name, name, len))
			return &fields[i];
	die("no such field in a block of that kind", name);
}

static uint64_t entry(const char **text)
{
	char *end;
	uint64_t i;

	if (**text != '.')
		return 0;
	if ((*text)[1] == '[') {
		*text += 2;
		i = place(text);
		(*text)++;
		return i;
	}
	i = number(*text + 1, &end);
	*text = end;
	return i;
}

/* The rest of PLACE.FIELD[.I], behind the place. */
static struct spot field_spot(uint64_t block, const char **text)
{
	struct spot spot = {.block = block};
	const uint8_t *data = block_of(image, block, *text);
	const char *name;
	size_t len;

	spot.kind = must_have_kind(data, *text);
	if (**text != '.')
		die("no field", *text);
	name = *text + 1;
	len = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
	if (spot.kind != BITMAP || len != 5 || strncmp(name, "count", len))
		spot.field = find_field(data, spot.kind, name, len);
	*text = name + len;
	spot.i = entry(text);
	if (spot.field && field_at(data, spot.field, spot.i) == BLOCK_SIZE)
		die("past the block's end", name);
	return spot;
}

static struct spot find_spot(const char **text)
{
	return field_spot(place(text), text);
}

static uint64_t get_spot(const struct spot *spot)
{
	const uint8_t *block = block_of(image, spot->block, "spot");

	if (!spot->field)
		return count_of(block, spot->i);
	return get_le(block + field_at(block, spot->field, spot->i), spot->field->size);
}

static void put_spot(const struct spot *spot, uint64_t value)
{
	const uint8_t *old = block_of(image, spot->block, "spot");
	uint8_t *block = change(spot->block);

	if (!spot->field)
		set_count(block, spot->i, value);
	else
		put_le(block + field_at(old, spot->field, spot->i), spot->field->size, value);
	reseal(block, spot->kind);
}

static uint64_t value_of(const char *text, uint64_t old)
{
	struct spot spot;
	char *end;

	switch (*text) {
	case '+':
		return old + number(text + 1, &end);
	case '-':
		return old - number(text + 1, &end);
	case '@':
		text++;
		return place(&text);
	}
	if (!strcmp(text, "max"))
		return UINT64_MAX;
	if (isdigit((unsigned char)*text) && !strpbrk(text, "./"))
		return number(text, &end);
	spot = find_spot(&text);
	return get_spot(&spot);
}

static void copy_block(uint64_t to, uint64_t from)
{
	static const uint32_t own_number[NR_KINDS] = {8, 8, 16, 8, 8, 8};
	uint8_t *block = change(to);
	enum kind kind = must_have_kind(block_of(image, from, "copy"), "copy");

	memcpy(block, block_of(image, from, "copy"), BLOCK_SIZE);
	put_le(block + own_number[kind], 8, to);
	reseal(block, kind);
}

static void edit(const char *text)
{
	uint64_t block = place(&text);
	struct spot spot;

	if (*text == '=') {
		text++;
		copy_block(block, place(&text));
		return;
	}
	spot = field_spot(block, &text);
	if (*text == '=')
		put_spot(&spot, value_of(text + 1, get_spot(&spot)));
	else
		printf("%llu\n", (unsigned long long)get_spot(&spot));
}

static void poke(uint64_t nr, char **pairs)
{
	uint8_t *block = change(nr);
	enum kind kind = must_have_kind(block, "block");
	char *end;

	for (; pairs[0]; pairs += 2) {
		unsigned long long offset = number(pairs[0], &end);

		for (const char *hex = pairs[1]; *hex; hex += 2, offset++) {
			char digits[3] = {hex[0], hex[1], 0};

			if (offset >= BLOCK_SIZE)
				die("past the block's end", pairs[0]);
			block[offset] = (uint8_t)strtoul(digits, &end, 16);
			if (end != digits + 2)
				die("bytes are pairs of hex digits", pairs[1]);
		}
	}
	reseal(block, kind);
}

static int load(const char *path, bool writable)
{
	int fd = open(path, writable ? O_RDWR : O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		die("cannot open", path);
	nr_blocks = (uint64_t)st.st_size / BLOCK_SIZE;
	image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	edited = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED || edited == MAP_FAILED)
		die("cannot read", path);
	return fd;
}

static void save(int fd)
{
	for (unsigned i = 0; i < nr_changed; i++)
		if (pwrite(fd, edited + changed[i] * BLOCK_SIZE, BLOCK_SIZE,
			   (off_t)(changed[i] * BLOCK_SIZE)) != BLOCK_SIZE)
			die("cannot write", "image");
	if (close(fd))
		die("cannot write", "image");
}

int main(int argc, char **argv)
{
	char *end;
	int fd;

	if (argc < 3)
		die("IMAGE BLOCK [OFFSET HEXBYTES]... or IMAGE PLACE.FIELD[.I][=VALUE]...",
		    "usage");
	fd = load(argv[1], argc > 3 || strchr(argv[2], '='));
	if (strpbrk(argv[2], ".="))
		for (int i = 2; i < argc; i++)
			edit(argv[i]);
	else if (argc == 3)
		puts(kinds[must_have_kind(block_of(image, number(argv[2], &end), argv[2]), argv[2])]
			     .name);
	else
		poke(number(argv[2], &end), argv + 3);
	save(fd);
	return 0;
}
