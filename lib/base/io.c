/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/io.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

int io_read_at(int fd, void *data, size_t len, off_t at)
{
	uint8_t *to = data;

	while (len) {
		ssize_t n = pread(fd, to, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		to += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

int io_write_at(int fd, const void *data, size_t len, off_t at)
{
	const uint8_t *from = data;

	while (len) {
		ssize_t n = pwrite(fd, from, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : ENOSPC;
		from += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}
