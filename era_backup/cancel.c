/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_backup/cancel.h"

#include <signal.h>

#include "base/compiler.h"

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};

volatile sig_atomic_t cancel_noted;

static void note(int nr)
{
	if (!cancel_noted)
		cancel_noted = nr;
}

/* One that is ignored stays so.  No call is begun again, or a sleep would last. */
void cancel_listen(void)
{
	struct sigaction old, action = {.sa_handler = note};

	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

void cancel_obey(void)
{
	if (!cancel_noted)
		return;
	signal(cancel_noted, SIG_DFL);
	raise(cancel_noted);
}
