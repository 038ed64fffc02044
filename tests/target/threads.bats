#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The engine's threads under the thread sanitizer, which the other sanitizers don't go with: the
# test and all it stands on are compiled here once more.

load ../lib/common

@test "the engine's threads don't race" {
	local flags test room sources
	need gcc pkg-config
	scratch
	flags=(-std=gnu11 -g -O1 -fsanitize=thread -Wno-tsan -D_GNU_SOURCE -DERA_PROGRAM='"era"'
		-pthread
		-I"$abs_top_srcdir" -I"$abs_top_srcdir/lib"
		-DROOM_TARGET_ENGINE)
	for room in $(sed -n 's/^\([a-z]*\) .*/\1/p' "$abs_top_srcdir/lib/rooms"); do
		flags+=("-DROOM_${room^^}")
	done
	sources=("$abs_top_srcdir"/target/engine/*.c)
	for room in base block pdata metadata build check salvage open live; do
		sources+=("$abs_top_srcdir/lib/$room"/*.c)
	done
	echo 'int main(void) { return 0; }' >probe.c
	gcc "${flags[@]}" probe.c -o probe && ./probe || skip_test "no thread sanitizer"
	for test in threads pause; do
		# shellcheck disable=SC2046
		gcc "${flags[@]}" -o "$test" "$abs_top_srcdir/tests/unit/test_engine_$test.c" \
			"${sources[@]}" $(pkg-config --cflags --libs cmocka libisal zlib)
		TSAN_OPTIONS=exitcode=99 ERA_ENGINE_WRITES=1000 "./$test"
	done
}
