/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* copy-changes METADATA ERA FROM TO: copies what was written since ERA, and prints the next ERA. */
#define _FILE_OFFSET_BITS 64
#define _XOPEN_SOURCE 700
#include <dmera.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void copy(int from, int to, uint64_t offset, uint64_t length)
{
	static char data[1 << 20];

	while (length) {
		size_t want = length < sizeof(data) ? (size_t)length : sizeof(data);
		ssize_t got = pread(from, data, want, (off_t)offset);

		if (got <= 0)
			err(1, "cannot read at %" PRIu64, offset);
		if (pwrite(to, data, (size_t)got, (off_t)offset) != got)
			err(1, "cannot write at %" PRIu64, offset);
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
}

int main(int argc, char **argv)
{
	struct dmera *era = dmera_create();
	struct dmera_run run = {0};
	struct dmera_changes *changes;
	struct dmera_facts facts;
	int from, to;

	if (argc != 5 || !era)
		errx(2, "usage: copy-changes METADATA ERA FROM TO");
	from = open(argv[3], O_RDONLY);
	to = open(argv[4], O_WRONLY);
	if (from < 0 || to < 0)
		err(1, "cannot open %s and %s", argv[3], argv[4]);
	dmera_set_device_size(era, (uint64_t)lseek(from, 0, SEEK_END));
	if (dmera_open(era, argv[1], 0) ||
	    dmera_changes_since(era, (uint32_t)strtoul(argv[2], NULL, 10), &changes) ||
	    dmera_get_facts(era, &facts, sizeof(facts)))
		errx(1, "no answer, so copy everything: %s", dmera_error(era));
	while (dmera_changes_next(changes, &run))
		copy(from, to, run.offset, run.length);
	if (fsync(to))
		err(1, "cannot flush %s", argv[4]);
	printf("%" PRIu32 "\n", facts.era_to_remember);
	dmera_changes_free(changes);
	dmera_destroy(era);
	return 0;
}
