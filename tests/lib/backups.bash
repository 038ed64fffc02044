# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What the tests of backups share.

# refused_by STATUS TEXT COMMAND...: and T and its state are what they were, and nothing is left.
refused_by() {
	local file
	rm -rf before
	mkdir before
	cp -p T* before
	status_is "$1" "${@:3}" || return
	grep -q "$2" "$stderr" || { cat "$stderr"; return 1; }
	for file in T*; do
		cmp "$file" "before/$file" || return
	done
	[ "$(ls -d T*)" = "$(cd before && ls -d T*)" ]
}
