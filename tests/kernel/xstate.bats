#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What lets user-mode Linux run on a processor with AMX (tests/lib/xstate.c), on any processor:
# there tests/lib/small_state.c makes the kernel's buffer too small.

load ../lib/common
load kernel

cure=$abs_top_builddir/tests/lib/xstate.so
disease=$abs_top_builddir/tests/lib/small_state.so

setup() {
	need_ours tracer
	scratch
}

# traced [LIBRARY]: the child's registers come out as they were set, but for the second time.
traced() {
	local status=0
	LD_PRELOAD=${1:-} tracer >said || status=$?
	[ "$status" != 77 ] || skip_test "the processor's state has no part that a buffer can lack"
	[ "$status" = 0 ]
	sed -n '1p;$p' said |
		cmp - <(printf '%s\n' "registers: 1 2" "peek no child: No such process")
}

@test "a state that is too short is put over the front of the whole" {
	traced "$cure"
	cmp said - <<-END
		registers: 1 2
		registers: 3 2
		peek a word: 4711
		peek a word that looks like an error: -1
		peek nowhere: Input/output error
		peek no child: No such process
	END
}

@test "without that it is refused, and all other requests are the same" {
	traced "$cure"
	mv said cured
	traced
	grep -x "set front: Bad address" said
	grep -v "^set front: " said | sed 's/^registers: 3 2$/registers: 1 2/' >others
	sed 's/^registers: 3 2$/registers: 1 2/' cured | cmp - others
}

@test "a kernel whose buffer is too small panics without it, and boots with it" {
	need_kernel
	guest_preload=$disease fails guest_run "$kernel_dir/probe.sh" "$PWD/without"
	grep "ptrace set fp regs failed" without/console.1
	guest_preload="$disease $cure" guest_run "$kernel_dir/probe.sh" "$PWD/with"
}
