/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/program.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tools/document.h"

enum exit_status program_run(const struct program *program, const char *called, struct tool *tool,
			     int argc, char **argv)
{
	void *options = calloc(1, program->options_size);
	enum exit_status status;

	tool_set_name(called);
	if (argc == 2 && !strcmp(argv[1], PROGRAM_WORDS)) {
		free(options);
		options_print_words(program->options);
		return tool_close_stdout(tool);
	}
	if (!options) {
		tool_say(tool, "out of memory");
		return STATUS_SYSTEM;
	}
	options_parse(program->options, argc, argv, options);
	status = document_without_answer(tool, program->run(tool, options));
	tool_end(tool);
	free(options);
#ifdef ERA_ASSERTS
	assert(status == STATUS_USAGE || program->options->statuses[status]);
#endif
	return status;
}
