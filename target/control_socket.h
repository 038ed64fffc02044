/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* The control socket as a file: creating and removing it. */
#ifndef ERA_TARGET_CONTROL_SOCKET_H
#define ERA_TARGET_CONTROL_SOCKET_H

#include <sys/types.h>

#include "base/compiler.h"
#include "base/report.h"

struct control_socket {
	char *path;
	int fd;	   /* listens, and does not block */
	dev_t dev; /* of the file, so that no other one is removed */
	ino_t ino;
};

/* Binds a socket at path, which only its owner can access, and listens.  A socket without a
 * listener is replaced; anything else at path is refused.  control_socket_remove() must be called
 * even after a failure. */
int control_socket_bind(struct control_socket *s, const char *path,
			const struct report *rep) must_check;

/* Closes it, and removes the file if it still is this socket's. */
void control_socket_remove(struct control_socket *s);

#endif
