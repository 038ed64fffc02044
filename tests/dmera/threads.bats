#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# libdmera in threads that don't share a handle, under the thread sanitizer, which the other
# sanitizers don't go with: the test and all it stands on are compiled here once more.

load ../lib/common

@test "handles in two threads don't race" {
	local flags room sources=()
	need gcc pkg-config
	scratch
	flags=(-std=gnu11 -g -O0 -fsanitize=thread -D_GNU_SOURCE -DPACKAGE_VERSION='"0"' \
		-DERA_PROGRAM='"era"'
		-pthread -I"$abs_top_srcdir/include" -I"$abs_top_srcdir/lib")
	echo 'int main(void) { return 0; }' >probe.c
	gcc "${flags[@]}" probe.c -o probe && ./probe || skip_test "no thread sanitizer"
	for room in base block pdata metadata build check salvage open witness dmera; do
		flags+=("-DROOM_${room^^}")
		sources+=("$abs_top_srcdir/lib/$room"/*.c)
	done
	# shellcheck disable=SC2046
	gcc "${flags[@]}" -o threads "$abs_top_srcdir"/tests/unit/{test_dmera,dmera_image}.c \
		"${sources[@]}" \
		$(pkg-config --cflags --libs cmocka libisal zlib)
	TSAN_OPTIONS=exitcode=99 ./threads
}
