/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes bytes of one metadata block and makes its checksum right again, for tests that need damage
 * which no checksum shows:
 *
 *	blkedit IMAGE BLOCK [OFFSET HEXBYTES]...
 *
 * The block's kind is the one whose checksum it has now; a block of no kind is refused. Without
 * pairs the kind is printed, and nothing is changed. Several pairs are one change. Stands on nothing
 * of the library, so that it can't share a mistake with what it tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE 4096

static const struct kind {
	const char *name;
	uint32_t salt;
} kinds[] = {
	{ "superblock", 146538381 },
	{ "node", 121107 },
	{ "array", 595846735 },
	{ "bitmap", 240779 },
	{ "index", 160478 },
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "blkedit: %s\n", what);
	exit(1);
}

static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}

	return crc;
}

static uint32_t checksum(const uint8_t *block, uint32_t salt)
{
	return crc32c(block + 4, BLOCK_SIZE - 4) ^ salt;
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static const struct kind *find_kind(const uint8_t *block)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (get_le32(block) == checksum(block, kinds[i].salt))
			return kinds + i;

	die("the block's checksum is of no kind");
}

static unsigned long long number(const char *s)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 0);
	if (errno || end == s || *end)
		die("not a number");
	return n;
}

static void poke(uint8_t *block, unsigned long long offset, const char *hex)
{
	for (; *hex; hex += 2, offset++) {
		char digits[3] = { hex[0], hex[1], 0 };
		char *end;

		if (offset >= BLOCK_SIZE)
			die("past the block's end");
		block[offset] = (uint8_t)strtoul(digits, &end, 16);
		if (end != digits + 2)
			die("bytes are pairs of hex digits");
	}
}

int main(int argc, char **argv)
{
	uint8_t block[BLOCK_SIZE];
	const struct kind *kind;
	off_t where;
	int fd;

	if (argc < 3 || argc % 2 == 0)
		die("usage: blkedit IMAGE BLOCK [OFFSET HEXBYTES]...");

	where = (off_t)(number(argv[2]) * BLOCK_SIZE);
	fd = open(argv[1], argc > 3 ? O_RDWR : O_RDONLY);
	if (fd < 0 || pread(fd, block, BLOCK_SIZE, where) != BLOCK_SIZE)
		die("can't read the block");

	kind = find_kind(block);
	if (argc == 3) {
		puts(kind->name);
		return 0;
	}

	for (int i = 3; i < argc; i += 2)
		poke(block, number(argv[i]), argv[i + 1]);
	put_le32(block, checksum(block, kind->salt));

	if (pwrite(fd, block, BLOCK_SIZE, where) != BLOCK_SIZE || close(fd))
		die("can't write the block");
	return 0;
}
