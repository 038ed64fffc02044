/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks a running target for its state, and sends it messages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/options.h"
#include "tools/tool.h"

#define REPLY_MAX 2048
#define FAILED "Error"

struct options {
	const char *path;
	unsigned request;
};

static const char *const requests[] = {
	"status", "table", "checkpoint", "take_metadata_snap", "drop_metadata_snap", NULL,
};

static const struct option_row request_row = {
	.name = "request",
	.form = OPTION_CHOICE,
	.value = offsetof(struct options, request),
	.choices = requests,
};

static const struct option_table table = {
	.takes_device = true,
	.device = "socket",
	.word = &request_row,
	.args_doc = "SOCKET REQUEST",
	.doc = "Sends REQUEST to the era target that listens on SOCKET, and prints its reply. REQUEST is one "
	       "of status, table, checkpoint, take_metadata_snap and drop_metadata_snap.\v"
	       "checkpoint and take_metadata_snap print the era that they have begun, when all that "
	       "was written in the eras before it is in the device.\n\n"
	       "Exit status: 0 done, 2 wrong usage, 3 no target answers there, or it refused.",
};

static int open_socket(const char *path, const struct report *rep)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return report_fail(rep, ERA_SYS, "%s: is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	report_errno(rep, path, "cannot connect");
	if (fd >= 0)
		close(fd);
	return ERA_SYS;
}

/* All of the line but its newline. */
static int receive(int fd, char *reply, size_t size, const struct tool *tool)
{
	char *end = NULL;
	size_t len = 0;

	while (!end && len < size) {
		ssize_t n = recv(fd, reply + len, size - len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report_errno(&tool->report, tool->path, "cannot read");
		if (!n)
			break;
		end = memchr(reply + len, '\n', (size_t)n);
		len += (size_t)n;
	}
	if (!end)
		return report_fail(&tool->report, ERA_SYS, "%s: gave no reply", tool->path);
	*end = '\0';
	return 0;
}

static int talk(int fd, const char *request, char *reply, size_t size, const struct tool *tool)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s\n", request);
	ssize_t n = send(fd, line, (size_t)len, MSG_NOSIGNAL);

	if (n >= 0 && n < len)
		errno = EIO;
	if (n < len && errno != EPIPE) /* what hangs up may have said why */
		return report_errno(&tool->report, tool->path, "cannot send");
	return receive(fd, reply, size, tool);
}

static enum exit_status print(struct tool *tool, const char *reply)
{
	if (!strncmp(reply, FAILED, strlen(FAILED))) {
		tool_say(tool, "%s: %s", tool->path, reply);
		return STATUS_SYSTEM;
	}
	tool_print("%s", reply);
	return tool_close_stdout(tool);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	char reply[REPLY_MAX];
	struct tool tool;
	int fd, r;

	tool_start(&tool);
	options_parse_table(&table, argc, argv, &options);
	tool.path = options.path;
	fd = open_socket(options.path, &tool.report);
	if (fd < 0)
		return STATUS_SYSTEM;
	r = talk(fd, requests[options.request], reply, sizeof(reply), &tool);
	close(fd);
	return (int)(r ? status_of(r) : print(&tool, reply));
}
