/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Asks a running target for its state, and sends it messages; ends eras. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "era_ctl/moment.h"
#include "era_ctl/print_json.h"
#include "era_ctl/requests.h"
#include "era_ctl/snapshot.h"
#include "era_ctl/target.h"
#include "era_ctl/witness.h"
#include "tools/program.h"

/* A pause of the target is at most so long. */
#define MAX_PAUSE_S 60u
#define DEFAULT_PAUSE_S 10u

/* So is the freeze of a filesystem. */
#define MAX_FREEZE_S 600u
#define DEFAULT_FREEZE_S 60u

struct options {
	const char *path;
	struct option_devices targets;
	unsigned request;
	uint32_t timeout;
	bool has_timeout, prometheus, json;
	const char *output;
	struct option_texts freeze;
	char *const *command;
};

static const char *const requests[] = {
	"status",  "table",  "stats", "checkpoint", "take_metadata_snap", "drop_metadata_snap",
	"witness", "freeze", "thaw",  "barrier",    "snapshot",		  "resume",
	NULL,
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
	{.name = "freeze",
	 .arg = "MOUNT",
	 .help = "With snapshot: freeze the filesystem on MOUNT meanwhile",
	 .form = OPTION_TEXTS,
	 .value = offsetof(struct options, freeze)},
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

/* Options that go with one request only. */
static void check_partners(const struct options *options)
{
	const struct {
		bool given;
		const char *option, *request;
	} partners[] = {
		{options->prometheus, "prometheus", "stats"},
		{options->output, "output", "witness"},
		{options->freeze.nr, "freeze", "snapshot"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(partners); i++)
		if (partners[i].given && !is_request(options, partners[i].request))
			options_error("--%s: goes with %s only", partners[i].option,
				      partners[i].request);
}

static void check_twice(const struct option_devices *targets)
{
	for (unsigned i = 0; i < targets->nr; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(targets->paths[i], targets->paths[j]))
				options_error("%s: is given twice", targets->paths[i]);
}

static bool is_for_many(const struct options *options)
{
	return is_request(options, "checkpoint") || is_request(options, "barrier");
}

static void check_timeout(struct options *options, bool many)
{
	if (options->has_timeout && !options->timeout)
		options_error("--timeout: found 0, wanted at least a second");
	if (many && options->timeout > MAX_PAUSE_S)
		options_error("--timeout: found %" PRIu32 ", wanted at most %u: so long a target "
			      "may be paused",
			      options->timeout, MAX_PAUSE_S);
	if (options->freeze.nr && options->timeout > MAX_FREEZE_S)
		options_error("--timeout: found %" PRIu32 ", wanted at most %u: so long a "
			      "filesystem may be frozen",
			      options->timeout, MAX_FREEZE_S);
	if (many && !options->has_timeout)
		options->timeout = DEFAULT_PAUSE_S;
}

static void check_options(void *arg)
{
	struct options *options = arg;
	bool many = options->targets.nr > 1;

	if (many && !is_for_many(options))
		options_error("%s: takes one target, found %u", requests[options->request],
			      options->targets.nr);
	check_twice(&options->targets);
	check_partners(options);
	if (options->prometheus && options->json)
		options_error("--prometheus and --json exclude each other");
	if (is_request(options, "witness") && !options_stream(options->output))
		options_error("witness: wanted a file (--output)");
	if (is_request(options, "snapshot") && !options->command)
		options_error("snapshot: wanted '--' and the command that makes it");
	if (options->command && !is_request(options, "snapshot"))
		options_error("%s: takes no command", requests[options->request]);
	check_timeout(options, many);
}

static const struct option_table table = {
	.rows = rows,
	.nr_rows = ARRAY_SIZE(rows),
	.takes_device = true,
	.device = "device or socket",
	.word = &request_row,
	.devices = offsetof(struct options, targets),
	.command = offsetof(struct options, command),
	.check = check_options,
	.args_doc = "NAME|SOCKET... REQUEST\nNAME|SOCKET snapshot -- COMMAND...",
	.example = "/run/era.sock checkpoint",
	.doc = "Sends REQUEST to the kernel's era target NAME, a name of device mapper or the path "
	       "of its device, or to the era target in userspace that listens on SOCKET, and "
	       "prints the reply. REQUEST is one of status, table, checkpoint, "
	       "take_metadata_snap, drop_metadata_snap, barrier, snapshot and resume; in "
	       "userspace also stats, witness, freeze and thaw.\v"
	       "barrier ends an era so that everything that was written in it and before is on "
	       "the device, and prints the era that has begun.\n\n"
	       "snapshot does this, runs COMMAND, which makes a snapshot of the storage, and "
	       "prints the era if COMMAND ended with status 0.\n\n"
	       "resume resumes a device that a program has left suspended.\n\n"
	       "In userspace checkpoint is the same as barrier, and take_metadata_snap prints "
	       "the era that it has begun. The kernel does not wait for writes in flight: use "
	       "barrier.\n\n"
	       "witness writes a witness of the metadata as they are, for the target's parameter "
	       "era-witness and for " ERA_PROGRAM " invalidate --witness.\n\n"
	       "freeze begins an era, too; from then on, the export \"frozen\" shows the device "
	       "as it was at that moment, until thaw.\n\n"
	       "checkpoint with several sockets begins an era on all of these targets at one "
	       "moment, during which they are paused, and prints the socket and the era of each.",
	.statuses =
		{
			[STATUS_OK] = "done",
			[STATUS_SYSTEM] = "there is no such target, it did not reply in time, or "
					  "it refused, or COMMAND failed",
			[STATUS_NO_ANSWER] = "another device is above the origin or the metadata, "
					     "and what it writes is in no list",
		},
};

/* What only targets in userspace have. */
static int ask(struct target *target, const struct options *options)
{
	const char *request = options->prometheus ? "metrics" : requests[options->request];
	int r;

	if (target_is_kernels(target))
		return report_fail(&target->tool->report, ERA_SYS,
				   "%s: %s: the kernel's target has no such request", options->path,
				   requests[options->request]);
	r = target_ask(target, request, is_request(options, "stats"));
	if (!r && options->output)
		r = witness_write(target->tool, &target->peer, options->output);
	return r;
}

static int make(struct target *target, const struct options *options)
{
	static const struct {
		const char *request;
		request_make *make;
	} makers[] = {
		{"status", request_status},
		{"table", request_table},
		{"checkpoint", request_checkpoint},
		{"take_metadata_snap", request_take_metadata_snap},
		{"drop_metadata_snap", request_drop_metadata_snap},
		{"barrier", request_barrier},
		{"resume", request_resume},
	};

	if (options->command)
		return snapshot_make(target, &options->freeze,
				     options->has_timeout ? options->timeout : DEFAULT_FREEZE_S,
				     options->command);
	for (unsigned i = 0; i < ARRAY_SIZE(makers); i++)
		if (is_request(options, makers[i].request))
			return makers[i].make(target);
	return ask(target, options);
}

/* The reply to witness is in the file. */
static enum exit_status print(struct target *target, const struct options *options)
{
	if (options->json)
		return reply_print_json(target->tool, requests[options->request],
					options->output ? "ok" : target->peer.reply);
	if (!options->output)
		peer_print(&target->peer, options->prometheus);
	return tool_close_stdout(target->tool);
}

static enum exit_status run(struct tool *tool, void *arg)
{
	const struct options *options = arg;
	struct target target;
	enum exit_status status;
	int r;

	tool->json = (struct tool_json){.is_wanted = options->json, .output = options->output};
	if (options->targets.nr > 1)
		return moment_checkpoint(tool, requests[options->request], &options->targets,
					 options->timeout);
	tool->path = options->path;
	r = target_open(&target, options->path, options->timeout, tool);
	if (!r)
		r = make(&target, options);
	status = r ? status_of(r) : print(&target, options);
	target_close(&target);
	return status;
}

const struct program program_ctl = {
	.name = "ctl",
	.summary = "send a message to an era target",
	.options = &table,
	.options_size = sizeof(struct options),
	.run = run,
};
