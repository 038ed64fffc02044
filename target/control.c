/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control.h"

#include <stdlib.h>

#include "target/control_loop.h"
#include "target/control_socket.h"

struct control {
	struct control_socket socket;
	struct control_loop *loop; /* NULL until it is started */
	const struct report *rep;
};

int control_open(struct control **control, const char *path, const struct report *rep)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return report_nomem(rep);
	c->rep = rep;
	r = control_socket_bind(&c->socket, path, rep);
	if (r)
		control_close(c);
	else
		*control = c;
	return r;
}

int control_start(struct control *c, struct engine *e, const struct control_passive *passive,
		  const char *(*last_error)(void))
{
	return control_loop_start(&c->loop, c->socket.fd, e, passive, last_error, c->rep);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	control_loop_stop(c->loop);
	control_socket_remove(&c->socket);
	free(c);
}
