/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era_setup/print_json.h"

#include "tools/document.h"

int setup_print_json(struct setup *s)
{
	struct document document;
	enum exit_status status;
	int r, closed;

	r = document_open(&document, s->tool);
	if (r)
		return r;
	json_string(&document.json, "request", setup_request_name(s));
	json_string(&document.json, "eratab", s->options->eratab);
	json_bool(&document.json, "dry_run", s->options->dry_run);
	json_number(&document.json, "marked_blocks", s->nr_marked);
	json_begin_array(&document.json, "devices");
	r = setup_each(s, &document.json);
	json_end_array(&document.json);
	status = r ? status_of(r) : STATUS_OK;
	s->tool->json.has_error = r;
	closed = document_close(&document, status, s->tool);
	return closed ? closed : r;
}
