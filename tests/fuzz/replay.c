/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Runs a fuzz target on files, without libFuzzer, and prints the result as TAP:
 *	fuzz_TARGET_replay FILE...
 * Each file has a process of its own, so that one that crashes doesn't hide the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define MAX_BYTES (1u << 20)
#define MAX_SECONDS 30

static void run(const char *path)
{
	uint8_t *buffer = malloc(MAX_BYTES), *data;
	FILE *file = fopen(path, "rb");
	size_t len = file && buffer ? fread(buffer, 1, MAX_BYTES, file) : 0;

	must(buffer && file && !ferror(file) && feof(file));
	fclose(file);
	/* Of its exact size, so that a sanitizer sees what is read past it. */
	data = malloc(len ? len : 1);
	must(data);
	memcpy(data, buffer, len);
	free(buffer);
	alarm(MAX_SECONDS);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
}

static bool passes(const char *path)
{
	pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (!pid) {
		run(path);
		exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	return status == 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		bool passed;

		fflush(stdout);
		passed = passes(argv[i]);
		failed += !passed;
		printf("%sok %d - %s\n", passed ? "" : "not ", i, strrchr(argv[i], '/') + 1);
	}
	return failed != 0;
}
