/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR_OCTAL 3u

/* A blank or another character that would be mistaken is \NNN. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		unsigned value;

		if (*text == '\\' && sscanf(text + 1, "%3o", &value) == 1) {
			*to++ = (char)value;
			text += 1 + strnlen(text + 1, NR_OCTAL);
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

void mounts_sync_one(const char *mount)
{
	int fd = open(mount, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (syncfs(fd))
		errno = 0; /* the suspend will say so */
	close(fd);
}

/* ID PARENT MAJOR:MINOR ROOT MOUNT ... */
void mounts_sync(uint32_t major, uint32_t minor)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	unsigned found_major, found_minor;
	char *line = NULL, *mount;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*u %*u %u:%u %*s %ms", &found_major, &found_minor, &mount) != 3)
			continue;
		if (found_major == major && found_minor == minor) {
			unescape(mount);
			mounts_sync_one(mount);
		}
		free(mount);
	}
	free(line);
	if (file)
		fclose(file);
}
