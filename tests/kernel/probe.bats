#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Where no kernel boots, what needs one is skipped and says what is in the way. The kernels here are
# shell scripts, started by tests of their own.

load ../lib/common

setup() {
	scratch
	cat >kernel <<-'END'
		#!/bin/sh
		echo once >>"${0%/*}/boots"
		. "${0%/*}/does"
	END
	chmod +x kernel
	printf 'load %s\n' "$abs_top_srcdir"/tests/{lib/common,kernel/kernel} >inner.bats
	printf '@test "%s" {\n\tneed_kernel\n}\n' first second third >>inner.bats
}

# inner WHAT [WORD=VALUE...]: the tests, with a kernel that does that, and their environment.
inner() {
	echo "$1" >does
	: >boots
	env -u ERA_NO_SKIP ERA_BOOT_PROBE="$PWD/probe" ERA_UML="$PWD/kernel" "${@:2}" \
		bats --tap inner.bats >tap
}

# all_skip REASON: all three, after one boot.
all_skip() {
	[ "$(grep -c "^ok .* # skip no kernel boots here: $1" tap)" = 3 ]
	[ "$(wc -l <boots)" = 1 ]
}

@test "a kernel that panics is tried once, and its last words are the reason" {
	inner 'echo Linux; echo no registers; echo "Kernel panic - not syncing"; echo trace; exit 1'
	all_skip 'no registers;Kernel panic - not syncing'
}

@test "what another test of the run has found counts" {
	echo "it never does" >probe
	inner 'echo "guest: done"'
	[ "$(grep -c '^ok .* # skip no kernel boots here: it never does' tap)" = 3 ]
	[ ! -s boots ]
}

@test "a kernel that boots is tried once, and nothing is skipped" {
	inner 'echo "guest: done"'
	[ "$(grep -c '^ok ' tap)" = 3 ]
	fails grep skip tap
	[ "$(wc -l <boots)" = 1 ]
}

@test "a kernel that says nothing, and one that is not there" {
	inner 'exit 1'
	all_skip 'boot 1 of probe.sh did not reach its end (status 1):'
	rm probe kernel
	inner 'exit 1'
	[ "$(grep -c '^ok .* # skip no kernel boots here: env: .*/kernel.*: No such file' tap)" \
		= 3 ]
}

@test "where nothing may be skipped, the tests fail" {
	fails inner 'exit 1' ERA_NO_SKIP=1
	[ "$(grep -c '^not ok ' tap)" = 3 ]
	[ "$(grep -c '^# no kernel boots here: ' tap)" = 3 ]
	[ "$(wc -l <boots)" = 1 ]
}
