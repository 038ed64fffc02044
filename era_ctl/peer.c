/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_ctl/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "tools/tool.h"

#define FAILED "Error"
#define MS_PER_S 1000

static int too_late(const struct peer *peer)
{
	return report_fail(peer->rep, ERA_SYS, "%s: gave no reply in %" PRIu32 " s", peer->path,
			   peer->timeout_s);
}

/* A connection waits, too, where the target's queue is full. */
static int connect_in_time(const struct peer *peer, const struct sockaddr_un *address)
{
	struct timeval limit = {.tv_sec = (time_t)peer->timeout_s};

	if (setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return report_errno(peer->rep, peer->path, "cannot set a time limit");
	if (!connect(peer->fd, (const struct sockaddr *)address, sizeof(*address)))
		return 0;
	return errno == EAGAIN ? too_late(peer)
			       : report_errno(peer->rep, peer->path, "cannot connect");
}

int peer_open(struct peer *peer, const char *path, uint32_t timeout_s, const struct report *rep)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	peer->path = path;
	peer->rep = rep;
	peer->fd = -1;
	peer->timeout_s = timeout_s;
	peer->deadline = timeout_s ? clock_ms() + (int64_t)timeout_s * MS_PER_S : -1;
	peer->len = 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return report_fail(rep, ERA_SYS, "%s: is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		return report_errno(rep, path, "cannot open a socket");
	return connect_in_time(peer, &address);
}

int peer_send(struct peer *peer, const char *request)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s\n", request);
	ssize_t n = send(peer->fd, line, (size_t)len, MSG_NOSIGNAL);

	if (n >= 0 && n < len)
		errno = EIO;
	if (n < len && errno != EPIPE) /* what hangs up may have said why */
		return report_errno(peer->rep, peer->path, "cannot send");
	return 0;
}

/* Where the text of a whole reply ends, or NULL. */
static char *find_end(struct peer *peer, bool lines)
{
	char *end;

	peer->reply[peer->len] = '\0';
	end = strchr(peer->reply, '\n');
	if (!end || !lines || !strncmp(peer->reply, FAILED, strlen(FAILED)))
		return end;
	return strstr(peer->reply, "\n\n");
}

/* false: it has not come in time. */
static bool wait_for_text(const struct peer *peer)
{
	struct pollfd fd = {.fd = peer->fd, .events = POLLIN};
	int64_t left;
	int n;

	do {
		left = peer->deadline < 0 ? -1 : peer->deadline - clock_ms();
		if (peer->deadline >= 0 && left <= 0)
			return false;
		n = poll(&fd, 1, left > MS_PER_S ? MS_PER_S : (int)left);
	} while (!n || (n < 0 && errno == EINTR));
	return true;
}

int peer_receive(struct peer *peer, bool lines)
{
	char *end;

	peer->len = 0;
	while (!(end = find_end(peer, lines)) && peer->len < sizeof(peer->reply) - 1) {
		ssize_t n;

		if (!wait_for_text(peer))
			return too_late(peer);
		n = recv(peer->fd, peer->reply + peer->len, sizeof(peer->reply) - 1 - peer->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report_errno(peer->rep, peer->path, "cannot read");
		if (!n)
			break;
		peer->len += (size_t)n;
	}
	if (!end)
		return report_fail(peer->rep, ERA_SYS, "%s: gave no reply", peer->path);
	*end = '\0';
	return 0;
}

bool peer_refused(const struct peer *peer)
{
	return !strncmp(peer->reply, FAILED, strlen(FAILED));
}

void peer_print(struct peer *peer, bool as_it_is)
{
	char *rest = peer->reply, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (as_it_is && !line[utf8_plain(line, "")])
			puts(line);
		else
			tool_print("%s", line);
	}
}

void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}
