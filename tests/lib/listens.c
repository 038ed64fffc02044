/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Status 0 when somebody listens on the Unix socket of that name:  listens SOCKET */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fputs("usage: listens SOCKET\n", stderr);
		return 2;
	}
	strcpy(address.sun_path, argv[1]);
	return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address));
}
