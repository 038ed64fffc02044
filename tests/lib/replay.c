/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Replays what dm-log-writes has logged:
 *
 *	replay LOG		prints how many entries there are
 *	replay LOG NR IMAGE	applies the first NR of them to IMAGE, a copy of the device before
 *	replay LOG marks	prints the number and the text of each entry that is a mark
 *
 * A write is logged by the flush that makes it durable: what comes before an entry is what a device
 * with a volatile cache holds for certain.
 *
 * The log: a sector of superblock (magic, version, number of entries, u32 sector size), then for
 * each entry a sector (first sector, number of sectors, flags, length of its text), and its data.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6a736677736872)
#define BYTES_OF_SECTORS 512
#define IS_DISCARD 4
#define IS_MARK 8

static void fail(const char *what)
{
	perror(what);
	exit(3);
}

static void get(int fd, void *data, size_t len, off_t at)
{
	if (pread(fd, data, len, at) != (ssize_t)len)
		fail("replay: the log is cut off");
}

/* Returns where the next entry is. */
static off_t apply(int log, off_t at, uint32_t sector_size, int image)
{
	uint64_t entry[4];
	size_t len;
	void *data;

	get(log, entry, sizeof(entry), at);
	at += sector_size;
	len = le64toh(entry[1]) * BYTES_OF_SECTORS;
	if (le64toh(entry[2]) & (IS_DISCARD | IS_MARK))
		return at;
	data = malloc(len + 1);
	if (!data)
		fail("replay");
	get(log, data, len, at);
	if (image >= 0 &&
	    pwrite(image, data, len, (off_t)le64toh(entry[0]) * BYTES_OF_SECTORS) != (ssize_t)len)
		fail("replay: the image");
	free(data);
	return at + (off_t)len;
}

static void print_marks(int log, uint32_t sector_size, uint64_t nr)
{
	off_t at = sector_size;
	char text[256] = "";

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t entry[4];
		size_t len;

		get(log, entry, sizeof(entry), at);
		if (le64toh(entry[2]) & IS_MARK) {
			len = le64toh(entry[3]);
			len = len < sizeof(text) ? len : sizeof(text) - 1;
			get(log, text, len, at + (off_t)sizeof(entry));
			text[len] = '\0';
			printf("%" PRIu64 " %s\n", i, text);
		}
		at = apply(log, at, sector_size, -1);
	}
}

int main(int argc, char **argv)
{
	struct {
		uint64_t magic, version, nr_entries;
		uint32_t sector_size;
	} super;
	uint64_t nr = 0;
	int log, image = -1;
	off_t at;

	if (argc < 2 || argc > 4 || (argc == 3 && strcmp(argv[2], "marks"))) {
		fprintf(stderr, "usage: replay LOG [marks | NR IMAGE]\n");
		return 2;
	}
	log = open(argv[1], O_RDONLY);
	if (log < 0)
		fail(argv[1]);
	get(log, &super, sizeof(super), 0);
	if (le64toh(super.magic) != MAGIC) {
		fprintf(stderr, "replay: %s: no log of dm-log-writes\n", argv[1]);
		return 3;
	}
	if (argc == 2) {
		printf("%" PRIu64 "\n", le64toh(super.nr_entries));
		return 0;
	}
	if (argc == 3) {
		print_marks(log, le32toh(super.sector_size), le64toh(super.nr_entries));
		return 0;
	}
	nr = strtoull(argv[2], NULL, 10);
	image = open(argv[3], O_WRONLY);
	if (image < 0)
		fail(argv[3]);
	at = le32toh(super.sector_size);
	for (uint64_t i = 0; i < nr && i < le64toh(super.nr_entries); i++)
		at = apply(log, at, le32toh(super.sector_size), image);
	return 0;
}
