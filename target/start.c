/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The parent waits in a handler of pthread_atfork(), for the fork that nbdkit makes next.  Another
 * fork before that one, such as a helper's of some plugin, executes a program, which closes its end
 * of the socket pair: then the parent goes on.  So does a child of nbdkit that ends without a word,
 * since some other layer has failed; the parent then exits, and its status is made a failure there.
 */
#include "target/start.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checked.h"
#include "target/log.h"

#define TEXT_MAX 16384u
#define FDS_MAX 1024
#define RANDOM_FOLDER "nbdkit" /* of -U -, and six letters */
#define RANDOM_LETTERS 6u

enum start_word {
	NO_WORD = 0,
	SUCCEEDED = '+',
	FAILED = '-',
};

static struct {
	const struct cmdline *cmdline;
	void (*give_up)(void);
	int parent_end, child_end; /* -1: closed */
	bool is_waiting_for_fork, is_starting, has_no_word, is_parent;
	bool was_listening[FDS_MAX]; /* before nbdkit has bound its sockets */
	size_t len;
	char text[TEXT_MAX];
} start = {.parent_end = -1, .child_end = -1};

static const int ending_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Reads until the other end is closed. */
static size_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, text + len, size - len);

		if (n > 0 && len < size - 1)
			len += (size_t)n;
		else if (n == 0 || (n < 0 && errno != EINTR))
			return len;
		len = len < size ? len : size - 1;
	}
}

/* With --run the child has said it itself. */
static void end_with(const char *text, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (!start.cmdline->runs && done < len &&
	       (n = write(STDERR_FILENO, text + done, len - done)) > 0)
		done += (size_t)n;
	_exit(EXIT_FAILURE);
}

static char read_word(void)
{
	char word = NO_WORD;
	ssize_t n;

	do
		n = read(start.parent_end, &word, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? word : NO_WORD;
}

/* nbdkit's own handlers only take notice, for a loop that the parent never reaches. */
static void wait_for_child(void)
{
	struct sigaction old[ARRAY_SIZE(ending_signals)], by_default = {.sa_handler = SIG_DFL};
	char text[TEXT_MAX], word;

	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaction(ending_signals[i], &by_default, &old[i]);
	word = read_word();
	if (word == FAILED)
		end_with(text, read_all(start.parent_end, text, sizeof(text)));
	start.has_no_word = word == NO_WORD;
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaction(ending_signals[i], &old[i], NULL);
}

static int make_pair(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -1;
	start.parent_end = fds[0];
	start.child_end = fds[1];
	return 0;
}

static void before_fork(void)
{
	if (start.is_waiting_for_fork && make_pair())
		log_error("cannot make a socket pair: %s", strerror(errno));
}

static void in_parent(void)
{
	if (!start.is_waiting_for_fork || start.parent_end < 0)
		return;
	start.is_parent = true;
	close_end(&start.child_end);
	wait_for_child();
	close_end(&start.parent_end);
}

static void in_child(void)
{
	close_end(&start.parent_end);
	start.is_waiting_for_fork = false;
}

/* nbdkit ends without a word to its filters when it can't listen. */
static void at_exit(void)
{
	if (start.is_starting && !start.is_parent)
		start.give_up();
	if (start.is_waiting_for_fork && start.has_no_word)
		_exit(EXIT_FAILURE);
}

static int listens(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) && value;
}

int start_prepare(const struct cmdline *cmdline, void (*give_up)(void))
{
	int error = pthread_atfork(before_fork, in_parent, in_child);

	if (!error && atexit(at_exit))
		error = ENOMEM;
	if (error) {
		log_error("cannot prepare the start: %s", strerror(error));
		return -1;
	}
	start.cmdline = cmdline;
	start.give_up = give_up;
	for (int fd = 0; fd < FDS_MAX; fd++)
		start.was_listening[fd] = listens(fd);
	start.is_waiting_for_fork = start.is_starting = true;
	return 0;
}

void start_keep(const char *text)
{
	int n;

	if (!start.is_starting)
		return;
	n = snprintf(start.text + start.len, sizeof(start.text) - start.len,
		     "nbdkit: era: error: %s\n", text);
	if (n > 0)
		start.len = min_u64(start.len + (size_t)n, sizeof(start.text) - 1);
}

static bool say(char word, const char *text, size_t len)
{
	bool r = send(start.child_end, &word, 1, MSG_NOSIGNAL) == 1;

	return r && (!len || send(start.child_end, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

int start_succeeded(void)
{
	bool was_heard = start.child_end < 0 || say(SUCCEEDED, NULL, 0);

	start.is_waiting_for_fork = false;
	if (was_heard) {
		start.is_starting = false;
		close_end(&start.child_end);
		return 0;
	}
	log_error("whoever started the server is gone");
	return -1;
}

static void remove_random_folder(char *path)
{
	char *slash = strrchr(path, '/'), *name;

	if (!slash || slash == path)
		return;
	*slash = '\0';
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	if (!strncmp(name, RANDOM_FOLDER, strlen(RANDOM_FOLDER)) &&
	    strlen(name) == strlen(RANDOM_FOLDER) + RANDOM_LETTERS)
		rmdir(path);
}

static void remove_socket(int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t len = sizeof(address) - 1;
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&address, &len) || address.sun_family != AF_UNIX ||
	    address.sun_path[0] != '/' || lstat(address.sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	unlink(address.sun_path);
	remove_random_folder(address.sun_path);
}

static void remove_pidfile(const char *path)
{
	FILE *file = path ? fopen(path, "re") : NULL;
	long pid = 0;

	if (!file)
		return;
	if (fscanf(file, "%ld", &pid) == 1 && pid == (long)getpid())
		unlink(path);
	fclose(file);
}

void start_failed(void)
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (!start.was_listening[fd] && listens(fd))
			remove_socket(fd);
	remove_pidfile(start.cmdline->pidfile);
	start.is_waiting_for_fork = false;
	if (start.child_end >= 0)
		say(FAILED, start.text, start.len);
}
