/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A delta, with its checksum made right, on a target in memory that is its base; and, after a first
 * byte that is odd, a state.  A delta is refused with a reason, and then nothing was written or
 * saved; or it is applied, within its size.  A state that is read is written as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "block/crc.h"
#include "copy/apply.h"
#include "tests/fuzz/fuzz.h"

#define TARGET_BYTES 4096u
#define BASE_BYTES 3000u
#define BASE_ERA 1u

struct memory {
	uint8_t data[TARGET_BYTES];
	unsigned nr_writes, nr_saves;
	uint64_t end; /* of what was written */
};

static int op_read(struct copy_target *target, void *data, size_t len, uint64_t at)
{
	struct memory *memory = target->ctx;

	must(at <= TARGET_BYTES && len <= TARGET_BYTES - at);
	memcpy(data, memory->data + at, len);
	return 0;
}

static int op_write(struct copy_target *target, const void *data, size_t len, uint64_t at)
{
	struct memory *memory = target->ctx;

	must(at <= TARGET_BYTES && len <= TARGET_BYTES - at);
	memory->nr_writes++;
	memory->end = max_u64(memory->end, at + len);
	memcpy(memory->data + at, data, len);
	return 0;
}

static int op_zero(struct copy_target *target, uint64_t at, uint64_t len)
{
	static const uint8_t zeroes[TARGET_BYTES];

	must(len <= TARGET_BYTES);
	return op_write(target, zeroes, (size_t)len, at);
}

static int op_set_size(struct copy_target *target, uint64_t size)
{
	(void)target;
	must(size != size);
	return 0;
}

static int op_flush(struct copy_target *target)
{
	(void)target;
	return 0;
}

static int save(void *ctx, const struct backup_state *state)
{
	struct memory *memory = ctx;

	must(state->under_way == !memory->nr_saves);
	memory->nr_saves++;
	return 0;
}

static void make_right(uint8_t *data, size_t len)
{
	struct le32 csum;

	if (len < sizeof(csum))
		return;
	csum = le32_make(~crc32c(UINT32_MAX, data, len - sizeof(csum)));
	memcpy(data + len - sizeof(csum), &csum, sizeof(csum));
}

static void begin_state(struct backup_state *state)
{
	*state = (struct backup_state){.has_base = true,
				       .base = {.era = BASE_ERA},
				       .size = BASE_BYTES};
	memset(state->base.id, BASE_ERA, sizeof(state->base.id));
}

static int apply(const char *path, bool no_checksum, struct memory *memory,
		 struct backup_state *state, const struct report *rep, struct apply_result *result)
{
	static const struct copy_target_ops ops = {op_read, op_write, op_zero, op_set_size,
						   op_flush};
	const struct apply_task task = {.delta = path,
					.target = "target",
					.no_checksum = no_checksum,
					.force = true,
					.rep = rep};
	struct copy_target target = {.ops = &ops,
				     .ctx = memory,
				     .path = "target",
				     .rep = rep,
				     .fd = -1,
				     .is_device = true,
				     .exists = true,
				     .size = TARGET_BYTES};
	const struct apply_ends ends = {&target, state, save, memory};

	begin_state(state);
	return apply_to(&task, &ends, result);
}

static void run_delta(uint8_t *data, size_t len, bool no_checksum)
{
	static struct backup_state state;
	struct memory memory = {0};
	struct apply_result result;
	struct memfile file;
	struct told told;
	const struct report rep = fuzz_report(&told);
	int r;

	make_right(data, len);
	memfile_open(&file, data, len);
	r = apply(file.path, no_checksum, &memory, &state, &rep, &result);
	must_be_told(r, &told);
	if (r || result.end == APPLY_ALREADY) {
		must(!memory.nr_writes && !memory.nr_saves);
	} else {
		must(memory.nr_saves == 2 && memory.end <= result.header.size);
		must(state.size == result.header.size && !state.under_way);
	}
	memfile_close(&file);
}

static void run_state(uint8_t *data, size_t len)
{
	static struct backup_state state, again;
	static char text[BACKUP_STATE_MAX_BYTES];
	struct told told;
	const struct report rep = fuzz_report(&told);
	const char digits[] = "0123456789abcdef";
	uint32_t csum;
	int r;

	if (len < 9)
		return;
	csum = ~crc32c(UINT32_MAX, data, len > 18 ? len - 18 : 0);
	for (unsigned i = 0; i < 8; i++)
		data[len - 9 + i] = (uint8_t)digits[csum >> (28 - 4 * i) & 15];
	r = backup_state_decode(&state, "state", (const char *)data, len, &rep);
	must_be_told(r, &told);
	if (r)
		return;
	len = backup_state_encode(&state, text);
	must(len && !backup_state_decode(&again, "state", text, len, &rep));
	must(!memcmp(&state, &again, sizeof(state)));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *data;

	if (!size)
		return 0;
	data = malloc(size);
	must(data);
	memcpy(data, input + 1, size - 1);
	if (*input & 1)
		run_state(data, size - 1);
	else
		run_delta(data, size - 1, *input & 2);
	free(data);
	return 0;
}
