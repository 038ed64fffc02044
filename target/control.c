/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As many threads as there may be clients, each with one client at a time: who comes when all are
 * busy waits in the socket's queue.  A message that waits, such as a checkpoint for requests in
 * flight, holds up its own client only.
 *
 * All waiting is in wait_for(), which also sees the end coming: the descriptor `stop` becomes readable,
 * for all threads and for good.
 */
#include "target/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"

#define MAX_CLIENTS 16u
#define REQUEST_MAX 64u
#define IDLE_MS 10000
#define RETRY_MS 100
#define OWNER_ONLY 0177

struct control {
	char *path;
	int fd, stop;
	dev_t dev; /* of the socket, so that no other one is removed */
	ino_t ino;
	struct engine *engine;
	const char *(*last_error)(void);
	const struct report *rep;
	pthread_t threads[MAX_CLIENTS];
	unsigned nr_threads;
};

typedef int answer_fn(struct control *c, char *reply, size_t size);

static int status(struct control *c, char *reply, size_t size)
{
	engine_status(c->engine, reply, size);
	return 0;
}

static int table(struct control *c, char *reply, size_t size)
{
	engine_table(c->engine, reply, size);
	return 0;
}

static int begin_era(struct control *c, int (*message)(struct engine *, uint32_t *), char *reply,
		     size_t size)
{
	uint32_t era;
	int r = message(c->engine, &era);

	if (!r)
		snprintf(reply, size, "%" PRIu32, era);
	return r;
}

static int checkpoint(struct control *c, char *reply, size_t size)
{
	return begin_era(c, engine_checkpoint, reply, size);
}

static int take_metadata_snap(struct control *c, char *reply, size_t size)
{
	return begin_era(c, engine_take_metadata_snap, reply, size);
}

static int drop_metadata_snap(struct control *c, char *reply, size_t size)
{
	snprintf(reply, size, "ok");
	return engine_drop_metadata_snap(c->engine);
}

static const struct {
	const char *word;
	answer_fn *answer;
} requests[] = {
	{"status", status},
	{"table", table},
	{"checkpoint", checkpoint},
	{"take_metadata_snap", take_metadata_snap},
	{"drop_metadata_snap", drop_metadata_snap},
};

static answer_fn *find_answer(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (strlen(requests[i].word) == len && !strncasecmp(requests[i].word, line, len))
			return requests[i].answer;
	return NULL;
}

static void answer_line(struct control *c, const char *line, size_t len, char *reply, size_t size)
{
	answer_fn *answer = find_answer(line, len);

	if (!answer)
		snprintf(reply, size, "Error: unrecognised message");
	else if (answer(c, reply, size))
		snprintf(reply, size, "Error: %s", c->last_error());
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* false when it is time to end, or nothing has come until the deadline (-1: there is none). */
static bool wait_for(const struct control *c, int fd, short events, int64_t deadline)
{
	struct pollfd fds[] = {{.fd = c->stop, .events = POLLIN}, {.fd = fd, .events = events}};
	int n, timeout;

	do {
		timeout = deadline < 0 ? -1 : (int)(deadline - now_ms());
		if (deadline >= 0 && timeout <= 0)
			return false;
		n = poll(fds, ARRAY_SIZE(fds), timeout);
	} while (n < 0 && errno == EINTR);
	return n > 0 && !fds[0].revents;
}

static bool send_line(const struct control *c, int fd, char *line)
{
	int64_t deadline = now_ms() + IDLE_MS;
	size_t len = strlen(line), done = 0;

	line[len++] = '\n';
	while (done < len) {
		ssize_t n = send(fd, line + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		else if (!wait_for(c, fd, POLLOUT, deadline))
			return false;
	}
	return true;
}

struct conversation {
	int fd;
	size_t len;
	char text[REQUEST_MAX + 1]; /* what has come, with a newline at most */
};

/* Waits for a whole line, and returns it in place; NULL when the client has had its chance. */
static const char *receive_line(const struct control *c, struct conversation *talk)
{
	int64_t deadline = now_ms() + IDLE_MS;
	const char *end;

	while (!(end = memchr(talk->text, '\n', talk->len))) {
		ssize_t n;

		if (talk->len == sizeof(talk->text) || !wait_for(c, talk->fd, POLLIN, deadline))
			return NULL;
		n = recv(talk->fd, talk->text + talk->len, sizeof(talk->text) - talk->len,
			 MSG_DONTWAIT);
		if (n > 0)
			talk->len += (size_t)n;
		else if (!n || (errno != EAGAIN && errno != EINTR))
			return NULL;
	}
	return end;
}

static void converse(struct control *c, int fd)
{
	struct conversation talk = {.fd = fd};
	char reply[ENGINE_LINE_MAX + 16];
	const char *end;

	while ((end = receive_line(c, &talk))) {
		size_t len = (size_t)(end - talk.text);

		answer_line(c, talk.text, len, reply, sizeof(reply) - 1);
		talk.len -= len + 1;
		memmove(talk.text, end + 1, talk.len);
		if (!send_line(c, fd, reply))
			return;
	}
	if (talk.len == sizeof(talk.text)) {
		snprintf(reply, sizeof(reply), "Error: a request has at most %u bytes", REQUEST_MAX);
		send_line(c, fd, reply);
	}
}

static bool may_talk(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void *serve(void *arg)
{
	struct control *c = arg;

	while (wait_for(c, c->fd, POLLIN, -1)) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			if (may_talk(fd))
				converse(c, fd);
			close(fd);
		} else if (errno != EAGAIN) {
			wait_for(c, -1, 0, now_ms() + RETRY_MS);
		}
	}
	return NULL;
}

/* Does nobody answer on the socket that is there? */
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

static int make_way(struct control *c, const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(c->path, &st))
		return errno == ENOENT ? 0 : report_errno(c->rep, c->path, "cannot look at it");
	if (!S_ISSOCK(st.st_mode))
		return report_fail(c->rep, ERA_SYS, "%s: is there already, and is no socket", c->path);
	if (!is_dead(address))
		return report_fail(c->rep, ERA_SYS, "%s: is in use", c->path);
	return unlink(c->path) ? report_errno(c->rep, c->path, "cannot remove") : 0;
}

static int bind_owner_only(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(OWNER_ONLY);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(mask);
	return r;
}

static int open_socket(struct control *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int r;

	if (strlen(c->path) >= sizeof(address.sun_path))
		return report_fail(c->rep, ERA_SYS, "%s: is too long for a socket", c->path);
	memcpy(address.sun_path, c->path, strlen(c->path));
	r = make_way(c, &address);
	if (r)
		return r;
	c->stop = eventfd(0, EFD_CLOEXEC);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->stop < 0 || c->fd < 0 || bind_owner_only(c->fd, &address))
		return report_errno(c->rep, c->path, "cannot bind");
	if (lstat(c->path, &st) || listen(c->fd, MAX_CLIENTS))
		return report_errno(c->rep, c->path, "cannot listen");
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return 0;
}

int control_open(struct control **control, const char *path, const struct report *rep)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return report_nomem(rep);
	c->fd = c->stop = -1;
	c->rep = rep;
	c->path = strdup(path);
	r = c->path ? open_socket(c) : report_nomem(rep);
	if (r)
		control_close(c);
	else
		*control = c;
	return r;
}

int control_start(struct control *c, struct engine *e, const char *(*last_error)(void))
{
	sigset_t all, old;
	int error = 0;

	c->engine = e;
	c->last_error = last_error;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (c->nr_threads < MAX_CLIENTS && !error) {
		error = pthread_create(&c->threads[c->nr_threads], NULL, serve, c);
		c->nr_threads += !error;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		return 0;
	return report_fail(c->rep, ERA_SYS, "%s: cannot start a thread: %s", c->path,
			   strerror(error));
}

static void remove_socket(const struct control *c)
{
	struct stat st;

	if (c->ino && !lstat(c->path, &st) && st.st_dev == c->dev && st.st_ino == c->ino)
		unlink(c->path);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	if (c->stop >= 0)
		eventfd_write(c->stop, 1);
	for (unsigned i = 0; i < c->nr_threads; i++)
		pthread_join(c->threads[i], NULL);
	remove_socket(c);
	if (c->fd >= 0)
		close(c->fd);
	if (c->stop >= 0)
		close(c->stop);
	free(c->path);
	free(c);
}
