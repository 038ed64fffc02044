/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Blocks of 4096 bytes that change all the time, and two copies of them compared:
 *
 *	blocks write DEVICE SEED		writes to random blocks until it is killed
 *	blocks lost OLD NEW <RANGES		what differs and is not in RANGES ("FIRST COUNT")
 *
 * Each write is a direct one of one block, and its content is like no other.  "lost" prints how
 * many blocks differ, and how many of these are not listed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

static void fail(const char *what)
{
	perror(what);
	exit(3);
}

static void *block_alloc(size_t nr)
{
	void *p = NULL;

	if (posix_memalign(&p, BLOCK_BYTES, nr * BLOCK_BYTES))
		fail("blocks");
	memset(p, 0, nr * BLOCK_BYTES);
	return p;
}

static int open_blocks(const char *path, int flags, size_t *nr)
{
	int fd = open(path, flags | O_DIRECT);
	off_t end;

	if (fd < 0)
		fd = open(path, flags); /* a filesystem without direct I/O */
	if (fd < 0)
		fail(path);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		fail(path);
	*nr = (size_t)end / BLOCK_BYTES;
	return fd;
}

static void write_for_ever(const char *path, unsigned seed)
{
	size_t nr;
	int fd = open_blocks(path, O_WRONLY, &nr);
	uint64_t *block = block_alloc(1);

	srandom(seed);
	block[0] = seed;
	for (;;) {
		size_t at = (size_t)random() % nr;

		block[1]++;
		if (pwrite(fd, block, BLOCK_BYTES, (off_t)(at * BLOCK_BYTES)) != BLOCK_BYTES)
			fail(path);
	}
}

static char *read_blocks(const char *path, size_t *nr)
{
	int fd = open_blocks(path, O_RDONLY, nr);
	char *data = block_alloc(*nr);

	for (size_t i = 0; i < *nr; i++)
		if (pread(fd, data + i * BLOCK_BYTES, BLOCK_BYTES, (off_t)(i * BLOCK_BYTES)) !=
		    BLOCK_BYTES)
			fail(path);
	close(fd);
	return data;
}

static void count_lost(const char *old_path, const char *new_path)
{
	size_t nr, nr_new, differ = 0, lost = 0, first, count;
	const char *old = read_blocks(old_path, &nr), *now = read_blocks(new_path, &nr_new);
	char *listed = calloc(nr + 1, 1);

	if (!listed || nr != nr_new)
		fail("blocks: two sizes");
	while (scanf("%zu %zu", &first, &count) == 2)
		for (size_t i = first; i < first + count && i < nr; i++)
			listed[i] = 1;
	for (size_t i = 0; i < nr; i++) {
		if (!memcmp(old + i * BLOCK_BYTES, now + i * BLOCK_BYTES, BLOCK_BYTES))
			continue;
		differ++;
		lost += !listed[i];
	}
	printf("%zu %zu\n", differ, lost);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "write")) {
		write_for_ever(argv[2], (unsigned)atoi(argv[3]));
	} else if (argc == 4 && !strcmp(argv[1], "lost")) {
		count_lost(argv[2], argv[3]);
	} else {
		fprintf(stderr, "usage: blocks write DEVICE SEED | lost OLD NEW\n");
		return 2;
	}
	return 0;
}
