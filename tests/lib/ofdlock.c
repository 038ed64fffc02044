/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Runs a command while an open-file-description lock is held on a file, for the tests of locking:
 *
 *	ofdlock read|write FILE COMMAND [ARGUMENT]...
 *	ofdlock device DEVICE COMMAND [ARGUMENT]...
 *
 * A device is opened exclusively, as by a mount. The command inherits the open file, and with it
 * the lock. Status 125: the lock can't be had.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct flock lock = {.l_whence = SEEK_SET};
	int is_device, fd;

	if (argc < 4) {
		fputs("usage: ofdlock read|write|device FILE COMMAND [ARGUMENT]...\n", stderr);
		return 125;
	}

	is_device = !strcmp(argv[1], "device");
	lock.l_type = strcmp(argv[1], "write") ? F_RDLCK : F_WRLCK;
	fd = open(argv[2], O_RDWR | (is_device ? O_EXCL : 0));
	if (fd < 0 || (!is_device && fcntl(fd, F_OFD_SETLK, &lock))) {
		perror(argv[2]);
		return 125;
	}

	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 125;
}
