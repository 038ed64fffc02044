/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Writes a delta, by our own writer, as a backup would:
 *	mkdelta FROM TO OLD NEW		what NEW has that OLD has not, by blocks of 64 KiB
 *	mkdelta - TO - NEW		a full backup
 *
 * FROM and TO are numbers; the names of the backups are "era-N-" and an ID of that byte. The origin
 * is $MKDELTA_ORIGIN, or "test". It goes to standard output.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "copy/delta_writer.h"

#define BLOCK 65536u

static void on_error(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "mkdelta: %s\n", text);
}

static const struct report report = {.error = on_error};

struct file {
	uint8_t *data;
	uint64_t size;
};

static struct file read_file(const char *path)
{
	struct file file = {0};
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (!strcmp(path, "-"))
		return file;
	if (fd < 0 || fstat(fd, &st))
		exit(2);
	file.size = (uint64_t)st.st_size;
	file.data = malloc(file.size + BLOCK);
	if (!file.data || io_read_at(fd, file.data, file.size, 0))
		exit(2);
	memset(file.data + file.size, 0, BLOCK);
	close(fd);
	return file;
}

static struct backup_name name_of(const char *number)
{
	struct backup_name name = {.era = (uint32_t)atoi(number)};

	memset(name.id, (int)name.era, sizeof(name.id));
	return name;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return !*data && !memcmp(data, data + 1, len - 1);
}

static bool differs(const struct file *old, const struct file *new, uint64_t at, uint64_t len)
{
	return at + len > old->size || memcmp(old->data + at, new->data + at, len);
}

static int write_blocks(struct delta_writer *writer, const struct file *old, const struct file *new)
{
	int r = 0;

	for (uint64_t at = 0, len; at < new->size && !r; at += len) {
		len = new->size - at < BLOCK ? new->size - at : BLOCK;
		if (!differs(old, new, at, len))
			continue;
		r = is_zero(new->data + at, len) ? delta_zero(writer, at, len)
						 : delta_data(writer, at, new->data + at, len);
	}
	return r;
}

int main(int argc, char **argv)
{
	static struct delta_facts facts = {.block_size = BLOCK};
	struct delta_header header = {0};
	struct delta_writer writer;
	struct sink sink;
	struct file old, new;
	const char *origin = getenv("MKDELTA_ORIGIN");
	int r;

	if (argc != 5)
		return 2;
	old = read_file(argv[3]);
	new = read_file(argv[4]);
	header.has_from = strcmp(argv[1], "-");
	header.from = name_of(argv[1]);
	header.to = name_of(argv[2]);
	header.size = new.size;
	facts.from_size = old.size;
	snprintf(facts.origin, sizeof(facts.origin), "%s", origin ? origin : "test");
	if (sink_open(&sink, NULL, &report))
		return 1;
	r = delta_begin(&writer, &sink, &header);
	if (!r)
		r = write_blocks(&writer, &old, &new);
	if (!r)
		r = delta_end(&writer, &facts);
	if (!r)
		r = sink_finish(&sink);
	sink_close(&sink);
	free(old.data);
	free(new.data);
	return r ? 1 : 0;
}
