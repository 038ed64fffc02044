/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* In place of served.c, where libnbd is left out. */
#include <errno.h>

#include "copy/served.h"

int served_open(struct served **out, const char *uri, const struct served_patience *patience,
		struct served_facts *facts, const struct report *rep)
{
	(void)out;
	(void)patience;
	(void)facts;
	return report_fail(rep, ERA_SYS,
			   "%s: cannot connect: this program was built without libnbd; wanted a "
			   "block device or regular file",
			   uri);
}

void served_close(struct served *served)
{
	(void)served;
}

int served_read(struct served *served, void *data, size_t len, uint64_t at)
{
	(void)served;
	(void)data;
	(void)len;
	(void)at;
	return ENOSYS;
}

const char *served_version(char text[64])
{
	(void)text;
	return NULL;
}
