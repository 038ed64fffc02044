/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Lines come and go, and systemd and udev learn of it. */
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "era_setup/setup.h"
#include "era_setup/state.h"

extern char **environ;

static bool run(char *const *command)
{
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, command[0], NULL, NULL, command, environ))
		return false;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* `runs` is there as long as who is told is running. */
static void tell(const struct setup *s, const char *runs, char *const *command)
{
	char text[PATH_MAX + 64];

	snprintf(text, sizeof(text), "%s %s%s%s", command[0], command[1], command[2] ? " " : "",
		 command[2] ? command[2] : "");
	if (access(runs, F_OK)) {
		setup_say(s, "%s: is not needed here", text);
		return;
	}
	setup_say(s, "%s", text);
	if (!s->options->dry_run && !run(command))
		report_note(s->rep, "%s: has failed; the next boot does without", text);
}

void setup_tell_system(const struct setup *s, const char *origin)
{
	char reload[] = "daemon-reload", trigger[] = "trigger", systemctl[] = "systemctl",
	     udevadm[] = "udevadm", path[PATH_MAX];
	char *const to_systemd[] = {systemctl, reload, NULL};
	char *const to_udev[] = {udevadm, trigger, path, NULL};

	snprintf(path, sizeof(path), "%s", origin);
	tell(s, "/run/systemd/system", to_systemd);
	tell(s, "/run/udev/control", to_udev);
}

/* The name may be given to another device. */
static int forget(const struct setup *s, const struct eratab_entry *entry)
{
	int r = state_forget_file(entry->name, s->rep);

	return r ? r : eratab_remove(s->options->eratab, entry, s->rep);
}

static int disable(struct setup *s)
{
	struct tracked t;
	int r = setup_find_stopped(s, &t);

	if (r)
		return r;
	setup_say(s, "%s: line %" PRIu64 ", of %s, is taken away; its metadata stay on %s",
		  s->options->eratab, t.entry->line, t.entry->name, t.metadata);
	if (!s->options->dry_run)
		r = forget(s, t.entry);
	if (!r)
		setup_tell_system(s, t.origin);
	return r;
}

int setup_disable(struct setup *s)
{
	return setup_change_table(s, disable);
}
