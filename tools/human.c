/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "tools/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *human_size_rounded(uint64_t bytes, char *text)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(text, HUMAN_SIZE_BYTES, "%" PRIu64 " byte%s", bytes,
			 bytes == 1 ? "" : "s");
		return text;
	}
	/* 1023.95 would be printed as 1024.0 */
	for (; value >= 1023.95 && unit + 1 < sizeof(units) - 1; unit++)
		value /= 1024;
	snprintf(text, HUMAN_SIZE_BYTES, "%.*f %ciB", value == (double)(uint64_t)value ? 0 : 1,
		 value, units[unit]);
	return text;
}

const char *human_size(uint64_t bytes, char *text)
{
	size_t len = strlen(human_size_rounded(bytes, text));

	if (bytes >= 1024)
		snprintf(text + len, HUMAN_SIZE_BYTES - len, " (%" PRIu64 " bytes)", bytes);
	return text;
}
