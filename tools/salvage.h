/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * The parts shared by the commands that can continue without a superblock: the options that say
 * what it held, and their messages.
 */
#ifndef ERA_TOOLS_SALVAGE_H
#define ERA_TOOLS_SALVAGE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "salvage/salvage.h"
#include "tools/options.h"
#include "tools/tool.h"

struct salvage_options {
	struct era_salvage_hints hints;
	bool has_nr_blocks, has_block_size, has_current_era;
};

/* Rows of an option table; `member` of `type` is a struct salvage_options. */
#define SALVAGE_OPTION_ROWS(type, member) \
	{"nr-blocks", \
	 0, \
	 "N", \
	 "If the superblock is destroyed: how many data blocks there were", \
	 OPTION_U32, \
	 offsetof(type, member.hints.nr_blocks), \
	 offsetof(type, member.has_nr_blocks), \
	 NULL, \
	 false}, \
		{"block-size", \
		 0, \
		 "S", \
		 "If the superblock is destroyed: the size of a data block", \
		 OPTION_BLOCK_SIZE, \
		 offsetof(type, member.hints.data_block_size), \
		 offsetof(type, member.has_block_size), \
		 NULL, \
		 false}, \
	{ \
		"current-era", 0, "E", \
			"If the superblock is destroyed: the era that was current, or a " \
			"later one", \
			OPTION_U32, offsetof(type, member.hints.current_era), \
			offsetof(type, member.has_current_era), NULL, false \
	}

/* To be called by the option table's check. */
void salvage_check_options(const struct salvage_options *options);
bool salvage_has_options(const struct salvage_options *options);

/* Calls era_salvage_open(), and adds a message if too little is known. */
int salvage_open(struct era_salvage **s, struct blk_dev *dev, const struct salvage_options *options,
		 struct tool *tool) must_check;

/* A producer for era_build_all() and others; ctx is a struct era_salvage. */
int salvage_produce(void *ctx, const struct era_stream *to) must_check;

/* The status of a command that has streamed all of s; prints its line. */
enum exit_status salvage_status(const struct era_salvage *s, struct tool *tool);

#endif
