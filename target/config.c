/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/config.h"

#include <inttypes.h>
#include <nbdkit-filter.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "salvage/first_era.h"
#include "target/frozen.h"
#include "target/log.h"
#include "target/since.h"

#define SECTOR_BYTES 512u
#define BLOCK_UNIT_BYTES 4096u

const char config_help[] =
	"era-metadata=PATH   (required) the device or file with the metadata.\n"
	"era-block-size=SIZE size of a data block, a multiple of 4k, to create metadata.\n"
	"era-socket=PATH     the socket for " ERA_PROGRAM "-ctl(8).\n"
	"era-format=yes      create metadata, and their file, if there are none.\n"
	"era-first=ERA       first era of new metadata (default: by the clock).\n"
	"era-export=NAME     the export to track (default: \"\").\n"
	"era-snapshot=yes    serve read-only, from a metadata snapshot.\n"
	"era-snapshot-era=ERA its era (default: that of the live metadata).\n"
	"era-cow=FILE        scratch file for the exports frozen.\n"
	"era-witness=FILE    the witness that the metadata must continue.";

static int set_path(char **path, const char *value)
{
	free(*path);
	*path = nbdkit_absolute_path(value);
	return *path ? 0 : -1;
}

static int set_bool(bool *flag, const char *value)
{
	int r = nbdkit_parse_bool(value);

	*flag = r > 0;
	return r < 0 ? -1 : 0;
}

static int set_metadata(struct config *config, const char *value)
{
	return set_path(&config->metadata, value);
}

static int set_socket(struct config *config, const char *value)
{
	return set_path(&config->socket, value);
}

static int set_cow(struct config *config, const char *value)
{
	return set_path(&config->cow, value);
}

static int set_witness(struct config *config, const char *value)
{
	return set_path(&config->witness, value);
}

static int set_format(struct config *config, const char *value)
{
	return set_bool(&config->format, value);
}

static int set_snapshot(struct config *config, const char *value)
{
	return set_bool(&config->snapshot, value);
}

static int set_snapshot_era(struct config *config, const char *value)
{
	uint32_t era;

	if (nbdkit_parse_uint32_t("era-snapshot-era", value, &era))
		return -1;
	config->snapshot_era = era;
	return 0;
}

static int set_block_size(struct config *config, const char *value)
{
	int64_t bytes = nbdkit_parse_size(value);

	if (bytes < 0)
		return -1;
	if (!bytes || (uint64_t)bytes % BLOCK_UNIT_BYTES ||
	    (uint64_t)bytes / SECTOR_BYTES > UINT32_MAX) {
		log_error("era-block-size: found %s, wanted a positive multiple of %u bytes", value,
			  BLOCK_UNIT_BYTES);
		return -1;
	}
	config->block_bytes = (uint64_t)bytes;
	return 0;
}

static int set_first(struct config *config, const char *value)
{
	uint32_t era;

	if (nbdkit_parse_uint32_t("era-first", value, &era))
		return -1;
	if (!era || era > FIRST_ERA_MAX) {
		log_error("era-first: found %s, wanted 1 to %" PRIu32, value, FIRST_ERA_MAX);
		return -1;
	}
	config->first_era = era;
	return 0;
}

static int set_export(struct config *config, const char *value)
{
	if (!strncmp(value, SINCE_PREFIX, strlen(SINCE_PREFIX))) {
		log_error("era-export: found %s, but %sN are exports of another kind", value,
			  SINCE_PREFIX);
		return -1;
	}
	config->export = value;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct config *config, const char *value);
} parameters[] = {
	{"era-metadata", set_metadata}, {"era-block-size", set_block_size},
	{"era-socket", set_socket},	{"era-format", set_format},
	{"era-export", set_export},	{"era-snapshot", set_snapshot},
	{"era-cow", set_cow},		{"era-witness", set_witness},
	{"era-first", set_first},	{"era-snapshot-era", set_snapshot_era},
};

int config_set(struct config *config, const char *key, const char *value)
{
	static bool given[ARRAY_SIZE(parameters)];

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (strcmp(key, parameters[i].key))
			continue;
		if (given[i]) {
			log_error("%s is given twice", key);
			return -1;
		}
		given[i] = true;
		return parameters[i].set(config, value) ? -1 : 1;
	}
	return 0;
}

int config_check(const struct config *config)
{
	const char *wrong = NULL;

	if (!config->metadata)
		wrong = "era-metadata is missing";
	else if (config->snapshot && (config->socket || config->format))
		wrong = "era-snapshot goes with neither era-socket nor era-format";
	else if (config->snapshot_era != TARGET_LIVE_ERA && !config->snapshot)
		wrong = "era-snapshot-era needs era-snapshot=yes";
	else if (config->cow && !config->socket)
		wrong = "era-cow needs era-socket";
	else if (config->cow && !strncmp(config->export, FROZEN_NAME, strlen(FROZEN_NAME)))
		wrong = "era-export: with era-cow, " FROZEN_NAME " is an export of another kind";
	else if (config->first_era && !config->format)
		wrong = "era-first needs era-format=yes";
	else if (config->format && !config->block_bytes)
		wrong = "era-block-size is missing, which era-format=yes needs";
	if (!wrong)
		return 0;
	log_error("%s", wrong);
	return -1;
}

void config_free(struct config *config)
{
	free(config->metadata);
	free(config->socket);
	free(config->cow);
	free(config->witness);
	config->metadata = config->socket = config->cow = config->witness = NULL;
}
