/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/control.h"
#include "target/control_queue.h"
#include "target/thread.h"

#define IDLE_MS 10000
#define RETRY_MS 100

struct client {
	int fd;
	size_t nr_in;
	char in[CONTROL_REQUEST_MAX + 1]; /* what has come, with a newline at most */
	bool too_long;			  /* no more is wanted */

	struct message *message; /* in the queue, or NULL */
	struct request now;	 /* what has been carried out; its reply is being sent */
	size_t nr_sent;
	int64_t deadline; /* for the whole of a line or a reply to pass */

	uint64_t token; /* of the pause that ends with this client, or 0 */
	int64_t paused_until;
};

struct control_loop {
	int listener, wake;
	struct engine *engine; /* NULL: passive answers */
	const struct control_passive *passive;
	const char *(*last_error)(void);
	const struct report *rep;
	struct control_queue *queue;
	struct client *clients[CONTROL_MAX_CLIENTS];
	unsigned nr_clients, nr_messages;
	int64_t deaf_until; /* no client is accepted before */
	atomic_bool stop;
	pthread_t thread;
};

static void wake_up(void *ctx)
{
	struct control_loop *loop = ctx;

	eventfd_write(loop->wake, 1);
}

/* A pause is held by waiting. */
static void give_time(struct client *c)
{
	int64_t now = clock_ms();

	c->deadline = IDLE_MS + (now < c->paused_until ? c->paused_until : now);
}

static void begin_reply(struct client *c)
{
	c->nr_sent = 0;
	give_time(c);
}

static void enqueue(struct control_loop *loop, struct client *c)
{
	struct message *m = NULL;

	if (loop->nr_messages < CONTROL_MAX_MESSAGES)
		m = calloc(1, sizeof(*m));
	if (!m) {
		request_fail(&c->now, "too many messages wait");
		begin_reply(c);
		return;
	}
	m->req.kind = c->now.kind;
	m->req.number = c->now.number;
	c->message = m;
	loop->nr_messages++;
	control_queue_add(loop->queue, m);
}

static void handle_line(struct control_loop *loop, struct client *c, size_t len)
{
	request_parse(&c->now, c->in, len);
	if (c->now.kind && loop->engine && c->now.kind->by != REQUEST_BY_LOOP) {
		enqueue(loop, c);
		return;
	}
	if (c->now.kind && !loop->engine)
		request_tell_passive(&c->now, loop->passive);
	else if (c->now.kind)
		request_carry_out(&c->now, loop->engine, loop->last_error);
	begin_reply(c);
}

/* Takes the next line that has come.  false: there is none. */
static bool take_line(struct control_loop *loop, struct client *c)
{
	const char *end = memchr(c->in, '\n', c->nr_in);
	size_t len;

	if (end) {
		len = (size_t)(end - c->in);
		handle_line(loop, c, len);
		c->nr_in -= len + 1;
		memmove(c->in, end + 1, c->nr_in);
	} else if (c->nr_in == sizeof(c->in)) {
		c->too_long = true;
		c->nr_in = 0;
		request_fail(&c->now, "a request has at most " CONTROL_REQUEST_MAX_TEXT " bytes");
		begin_reply(c);
	}
	return c->message || c->now.reply;
}

/* false: the client can't be served any more. */
static bool send_reply(struct control_loop *loop, struct client *c)
{
	size_t len = strlen(c->now.reply);

	while (c->nr_sent < len) {
		ssize_t n = send(c->fd, c->now.reply + c->nr_sent, len - c->nr_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			c->nr_sent += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return errno == EAGAIN;
	}
	request_free(&c->now, loop->engine);
	give_time(c);
	return true;
}

/* Only when all that has come before is answered.  false: nothing more will come. */
static bool receive(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->nr_in, sizeof(c->in) - c->nr_in, MSG_DONTWAIT);

	if (n > 0)
		c->nr_in += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Goes on with the client as far as that needs no waiting.  false: that was all. */
static bool go_on(struct control_loop *loop, struct client *c)
{
	do {
		if (c->message)
			return true;
		if (c->now.reply && !send_reply(loop, c))
			return false;
		if (c->now.reply)
			return true;
	} while (!c->too_long && take_line(loop, c));
	return !c->too_long;
}

static void end_client(struct control_loop *loop, unsigned i)
{
	struct client *c = loop->clients[i];

	if (c->message) {
		control_queue_drop(loop->queue, c->message);
		loop->nr_messages--;
	}
	request_free(&c->now, loop->engine);
	if (c->token)
		engine_drop_pause(loop->engine, c->token);
	close(c->fd);
	free(c);
	loop->clients[i] = loop->clients[--loop->nr_clients];
}

/* There is one without a message; the deadline of one that holds a pause is later than others'. */
static void make_room(struct control_loop *loop)
{
	unsigned longest = CONTROL_MAX_CLIENTS;

	if (loop->nr_clients < CONTROL_MAX_CLIENTS)
		return;
	for (unsigned i = 0; i < loop->nr_clients; i++) {
		const struct client *c = loop->clients[i];

		if (!c->message && (longest == CONTROL_MAX_CLIENTS ||
				    c->deadline < loop->clients[longest]->deadline))
			longest = i;
	}
	end_client(loop, longest);
}

static bool may_talk(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void welcome(struct control_loop *loop, int fd)
{
	struct client *c = may_talk(fd) ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	give_time(c);
	make_room(loop);
	loop->clients[loop->nr_clients++] = c;
}

static void accept_one(struct control_loop *loop)
{
	int fd = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		welcome(loop, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		loop->deaf_until = clock_ms() + RETRY_MS; /* no descriptor is left */
}

/* The pause that a message has begun is the client's from now on. */
static void take_token(struct client *c)
{
	if (!c->now.token)
		return;
	c->token = c->now.token;
	c->paused_until = clock_ms() + (int64_t)c->now.number;
	c->now.token = 0;
}

/* The reply of a message that is done. */
static void take_reply(struct control_loop *loop, struct client *c)
{
	if (!c->message || !control_queue_take(loop->queue, c->message))
		return;
	c->now = c->message->req;
	free(c->message);
	c->message = NULL;
	loop->nr_messages--;
	take_token(c);
	begin_reply(c);
}

/* false: the client is gone, or has had its chance. */
static bool serve(struct control_loop *loop, struct client *c, short events)
{
	bool waited = c->message;

	if (events & (POLLHUP | POLLERR | POLLNVAL))
		return false;
	take_reply(loop, c);
	if (events & POLLIN && !receive(c))
		return false;
	if (waited && !c->message && !c->now.reply)
		return false; /* no memory for a reply */
	return go_on(loop, c) && (c->message || clock_ms() < c->deadline);
}

static short wanted_events(const struct client *c)
{
	if (c->message)
		return 0;
	return c->now.reply ? POLLOUT : POLLIN;
}

#define NR_OWN 2u /* the descriptors before those of the clients */

/* When something is to be done even if nothing comes. */
static int find_timeout(const struct control_loop *loop)
{
	int64_t first = INT64_MAX, now = clock_ms();

	for (unsigned i = 0; i < loop->nr_clients; i++)
		if (!loop->clients[i]->message && loop->clients[i]->deadline < first)
			first = loop->clients[i]->deadline;
	if (loop->deaf_until > now && loop->deaf_until < first)
		first = loop->deaf_until;
	if (first == INT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

static void wait_for_events(struct control_loop *loop, struct pollfd *fds)
{
	eventfd_t ignored;

	fds[0] = (struct pollfd){.fd = loop->wake, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = clock_ms() < loop->deaf_until ? -1 : loop->listener,
				 .events = POLLIN};
	for (unsigned i = 0; i < loop->nr_clients; i++)
		fds[NR_OWN + i] = (struct pollfd){.fd = loop->clients[i]->fd,
						  .events = wanted_events(loop->clients[i])};
	if (poll(fds, NR_OWN + loop->nr_clients, find_timeout(loop)) <= 0)
		for (unsigned i = 0; i < NR_OWN + loop->nr_clients; i++)
			fds[i].revents = 0;
	if (fds[0].revents)
		eventfd_read(loop->wake, &ignored);
}

static void *run_loop(void *arg)
{
	struct pollfd fds[NR_OWN + CONTROL_MAX_CLIENTS];
	struct control_loop *loop = arg;

	while (!atomic_load(&loop->stop)) {
		wait_for_events(loop, fds);
		/* Backwards, since the last one takes the place of one that ends. */
		for (unsigned i = loop->nr_clients; i--;)
			if (!serve(loop, loop->clients[i], fds[NR_OWN + i].revents))
				end_client(loop, i);
		if (fds[1].revents)
			accept_one(loop);
	}
	return NULL;
}

static void free_loop(struct control_loop *loop)
{
	control_queue_free(loop->queue);
	if (loop->wake >= 0)
		close(loop->wake);
	free(loop);
}

static int start_all(struct control_loop *loop)
{
	const struct control_queue_config config = {
		.engine = loop->engine,
		.last_error = loop->last_error,
		.wake = wake_up,
		.ctx = loop,
		.rep = loop->rep,
	};
	int r;

	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake < 0)
		return report_errno(loop->rep, "eventfd", "cannot open");
	r = control_queue_start(&loop->queue, &config);
	if (r)
		return r;
	r = thread_start(&loop->thread, run_loop, loop);
	if (!r)
		return 0;
	control_queue_stop(loop->queue);
	return report_fail(loop->rep, ERA_SYS, "cannot start a thread: %s", strerror(r));
}

int control_loop_start(struct control_loop **out, int listener, struct engine *e,
		       const struct control_passive *passive, const char *(*last_error)(void),
		       const struct report *rep)
{
	struct control_loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return report_nomem(rep);
	loop->listener = listener;
	loop->engine = e;
	loop->passive = passive;
	loop->last_error = last_error;
	loop->rep = rep;
	r = start_all(loop);
	if (r)
		free_loop(loop);
	else
		*out = loop;
	return r;
}

/* The queue comes first, so that there are replies to send.  They are sent as far as the sockets
 * take them at once. */
void control_loop_stop(struct control_loop *loop)
{
	if (!loop)
		return;
	control_queue_stop(loop->queue);
	atomic_store(&loop->stop, true);
	wake_up(loop);
	pthread_join(loop->thread, NULL);
	while (loop->nr_clients) {
		serve(loop, loop->clients[loop->nr_clients - 1], 0);
		end_client(loop, loop->nr_clients - 1);
	}
	free_loop(loop);
}
