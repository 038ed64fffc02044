# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# The engine, driven by commands (drive.c), and what must be true then.

# drives COMMANDS: on the file "metadata", of 4 MiB where there is none.
drives() {
	[ -e metadata ] || truncate -s 4M metadata
	printf '%s\n' "$@" | drive >out
}

# driven COMMANDS: on the file "metadata", which ends up sound, and true in all that was true in
# "before" and has become true since.
driven() {
	local before=()
	[ ! -e before ] || before=(before)
	printf '%s\n' "$@" | drive >out || return
	grep '^truth: ' out >log || :
	rm -f after after.*
	awk -v out=after -f "$abs_top_srcdir/tests/kernel/truth.awk" "${before[@]}" log || return
	[ ! -e before.snap ] || grep -q '^truth: drop' log || cp before.snap after.snap
	image_is_true metadata after || return
	rm -f before before.snap
	mv after before
	[ ! -e after.snap ] || mv after.snap before.snap
}
