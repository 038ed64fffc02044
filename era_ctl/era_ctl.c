/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks a running target for its state, and sends it messages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "era_ctl/moment.h"
#include "era_ctl/peer.h"
#include "era_ctl/print_json.h"
#include "era_ctl/witness.h"
#include "tools/program.h"

/* A pause of the target is at most so long. */
#define MAX_PAUSE_S 60u
#define DEFAULT_PAUSE_S 10u

struct options {
	const char *path;
	struct option_devices sockets;
	unsigned request;
	uint32_t timeout;
	bool has_timeout, prometheus, json;
	const char *output;
};

static const char *const requests[] = {
	"status",  "table",  "stats", "checkpoint", "take_metadata_snap", "drop_metadata_snap",
	"witness", "freeze", "thaw",  NULL,
};

static const struct option_row rows[] = {
	{.name = "timeout",
	 .arg = "SECONDS",
	 .help = "Give up after SECONDS, and withdraw the message",
	 .form = OPTION_U32,
	 .value = offsetof(struct options, timeout),
	 .given = offsetof(struct options, has_timeout)},
	{.name = "prometheus",
	 .help = "With stats: in the text format of Prometheus",
	 .value = offsetof(struct options, prometheus)},
	{.name = "json",
	 .help = "Print the reply as JSON",
	 .value = offsetof(struct options, json)},
	{.name = "output",
	 .key = 'o',
	 .arg = "FILE",
	 .help = "With witness, which requires it: the file to write",
	 .form = OPTION_TEXT,
	 .value = offsetof(struct options, output)},
};

static const struct option_row request_row = {
	.name = "request",
	.form = OPTION_CHOICE,
	.value = offsetof(struct options, request),
	.choices = requests,
};

static bool is_request(const struct options *options, const char *word)
{
	return !strcmp(requests[options->request], word);
}

static void check_twice(const struct option_devices *sockets)
{
	for (unsigned i = 0; i < sockets->nr; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(sockets->paths[i], sockets->paths[j]))
				options_error("%s: is given twice", sockets->paths[i]);
}

static void check_options(void *arg)
{
	struct options *options = arg;
	bool many = options->sockets.nr > 1;

	if (many && !is_request(options, "checkpoint"))
		options_error("%s: takes one socket, found %u", requests[options->request],
			      options->sockets.nr);
	check_twice(&options->sockets);
	if (options->prometheus && !is_request(options, "stats"))
		options_error("--prometheus: goes with stats only");
	if (options->prometheus && options->json)
		options_error("--prometheus and --json exclude each other");
	if (options->output && !is_request(options, "witness"))
		options_error("--output: goes with witness only");
	if (is_request(options, "witness") && !options_stream(options->output))
		options_error("witness: wanted a file (--output)");
	if (options->has_timeout && !options->timeout)
		options_error("--timeout: found 0, wanted at least a second");
	if (many && options->timeout > MAX_PAUSE_S)
		options_error("--timeout: found %" PRIu32 ", wanted at most %u: so long a target "
			      "may be paused",
			      options->timeout, MAX_PAUSE_S);
	if (many && !options->has_timeout)
		options->timeout = DEFAULT_PAUSE_S;
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.device = "socket",
	.word = &request_row,
	.devices = offsetof(struct options, sockets),
	.check = check_options,
	.args_doc = "SOCKET... REQUEST",
	.example = "/run/era.sock checkpoint",
	.doc = "Sends REQUEST to the era target that listens on SOCKET, and prints its reply. "
	       "REQUEST is one of status, table, stats, checkpoint, take_metadata_snap, "
	       "drop_metadata_snap, witness, freeze and thaw.\v"
	       "checkpoint and take_metadata_snap print the era that they have begun, when "
	       "everything that was written in earlier eras is on the device.\n\n"
	       "witness writes a witness of the metadata as they are, for the target's parameter "
	       "era-witness and for " ERA_PROGRAM " invalidate --witness.\n\n"
	       "freeze begins an era, too; from then on, the export \"frozen\" shows the device "
	       "as it was at that moment, until thaw.\n\n"
	       "checkpoint with several sockets begins an era on all of these targets at one "
	       "moment, during which they are paused, and prints the socket and the era of each.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_SYSTEM] = "no target is listening there, it did not reply in "
					  "time, or it refused",
		},
};

static enum exit_status ask(struct tool *tool, const struct options *options)
{
	const char *request = options->prometheus ? "metrics" : requests[options->request];
	struct peer peer;
	int r = peer_open(&peer, options->path, options->timeout, &tool->report);
	enum exit_status status;

	if (!r)
		r = peer_send(&peer, request);
	if (!r)
		r = peer_receive(&peer, is_request(options, "stats"));
	if (r) {
		status = status_of(r);
	} else if (peer_refused(&peer)) {
		r = report_fail(&tool->report, ERA_SYS, "%s: %s", tool->path, peer.reply);
		status = status_of(r);
	} else if (options->output) {
		status = witness_write(tool, &peer, options->output);
		if (options->json && status == STATUS_OK)
			status = reply_print_json(tool, request, "ok");
	} else if (options->json) {
		status = reply_print_json(tool, request, peer.reply);
	} else {
		peer_print(&peer, options->prometheus);
		status = tool_close_stdout(tool);
	}
	peer_close(&peer);
	return status;
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;

	tool->json = (struct tool_json){.is_wanted = options->json, .output = options->output};
	if (options->sockets.nr == 1) {
		tool->path = options->path;
		return ask(tool, options);
	}
	return moment_checkpoint(tool, options->sockets.paths, options->sockets.nr,
				 options->timeout);
}

const struct program program_ctl = {
	.name = "ctl",
	.summary = "send a message to an era target in userspace",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
