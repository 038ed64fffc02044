/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OWNER_ONLY 0600
#define BACKLOG 64

/* Is there a socket on which nobody listens any more? */
static bool is_dead(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = fd >= 0 &&
		    connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return dead;
}

static int make_way(const struct control_socket *s, const struct sockaddr_un *address,
		    const struct report *rep)
{
	struct stat st;

	if (lstat(s->path, &st))
		return errno == ENOENT ? 0 : report_errno(rep, s->path, "cannot look at it");
	if (!S_ISSOCK(st.st_mode))
		return report_fail(rep, ERA_SYS, "%s: is there already, and is no socket", s->path);
	if (!is_dead(address))
		return report_fail(rep, ERA_SYS, "%s: is in use", s->path);
	return unlink(s->path) ? report_errno(rep, s->path, "cannot remove") : 0;
}

/* The file gets the mode of the socket.  A umask would be set for all threads. */
static int bind_owner_only(int fd, const struct sockaddr_un *address)
{
	if (fchmod(fd, OWNER_ONLY))
		return -1;
	return bind(fd, (const struct sockaddr *)address, sizeof(*address));
}

static int bind_and_listen(struct control_socket *s, const struct report *rep)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int r;

	if (strlen(s->path) >= sizeof(address.sun_path))
		return report_fail(rep, ERA_SYS, "%s: is too long for a socket", s->path);
	memcpy(address.sun_path, s->path, strlen(s->path));
	r = make_way(s, &address, rep);
	if (r)
		return r;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || bind_owner_only(s->fd, &address))
		return report_errno(rep, s->path, "cannot bind");
	if (lstat(s->path, &st) || listen(s->fd, BACKLOG))
		return report_errno(rep, s->path, "cannot listen");
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int control_socket_bind(struct control_socket *s, const char *path, const struct report *rep)
{
	*s = (struct control_socket){.fd = -1, .path = strdup(path)};
	return s->path ? bind_and_listen(s, rep) : report_nomem(rep);
}

void control_socket_remove(struct control_socket *s)
{
	struct stat st;

	if (s->ino && !lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct control_socket){.fd = -1};
}
