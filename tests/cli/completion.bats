#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What the shells complete command lines with, asked of the shells.

load ../lib/common

setup() {
	need_ours era era_invalidate era_ctl era_stat
	scratch
	touch "a file"
}

# completed WORD...: what bash has for the last word; "=" is a word of its own.
completed() {
	bash --norc -c '
		. "$0/completion/era.bash"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_era "$1"
		printf "%s\n" "${COMPREPLY[@]}"' "$abs_top_srcdir" "$@" | sort | tr '\n' ' '
}

@test "the words are those of the help" {
	local command
	for command in $(era --complete-words | cut -f 1); do
		[ "$command" != help ] || continue
		diff <(era "$command" --help |
			sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z-]+).*/\2/p' | sort) \
			<(era "$command" --complete-words | cut -f 1 | grep . | sort)
	done
	diff <(era --complete-words | cut -f 1 | grep -v '^help$') \
		<(era help | sed -n 's/^  \([a-z-]*\)  .*/\1/p')
	status_is 2 era stat --complete-words meta
}

@test "bash: commands, options, choices, requests" {
	[ "$(completed era '')" = "$(era --complete-words | cut -f 1 | sort | tr '\n' ' ')" ]
	[ "$(completed era re)" = "repair restore revert " ]
	[ "$(completed era help me)" = "metadata-size " ]
	[ "$(completed era stat --s)" = "--since= --snapshot-era= --svg= " ]
	[ "$(completed era_stat --js)" = "--json " ]
	[ "$(completed x/era_invalidate --form 2>&1)" = " " ]
	[ "$(completed era invalidate --format = '')" = \
		"bitmap cache-xml dm-cache json ranges xml " ]
	[ "$(completed era invalidate --format =)" = "bitmap cache-xml dm-cache json ranges xml " ]
	[ "$(completed era_invalidate --format = ca)" = "cache-xml " ]
	[ "$(completed era ctl sock take)" = "take_metadata_snap " ]
	[ "$(completed era stat a)" = " " ]
	[ "$(completed era invalidate --format ca)" = "cache-xml " ]
	[ "$(completed era invalidate --repair ca)" = " " ]
	[ "$(completed era setup res)" = "resize " ]
	printf '%s\n' "# a table" "data a b 64k -" "dada c d 64k -" >tab
	export ERA_ERATAB=$PWD/tab
	[ "$(completed era setup resize da)" = "dada data " ]
	[ "$(completed era_setup -q activate dat)" = "data " ]
}

@test "bash: the file serves the command that it is named after" {
	ln -s "$abs_top_srcdir/completion/era.bash" x-era_stat
	[ "$(bash --norc -c '. ./x-era_stat; complete -p x-era_stat')" = \
		"complete -o default -F _era x-era_stat" ]
}

@test "zsh: the file serves all commands" {
	diff <(sed -n '1s/.*era_(\(.*\))$/\1/p' "$abs_top_srcdir/completion/_era" | tr '|' '\n') \
		<(era --complete-words | cut -f 1 | grep -v '^help$' | tr - _)
}

# zsh_shows LINE WORD...: and nothing of another command's.
zsh_shows() {
	timeout 60 zsh -f "$abs_top_srcdir/tests/cli/completed.zsh" "$abs_top_srcdir/completion" \
		"$@" >shown 2>&1 || { cat shown; return 1; }
	fails grep -q -e --auto-repair shown
}

@test "zsh: commands, options, choices, requests" {
	need zsh
	zsh_shows "era re" "repair" "restore" "create dm-era metadata from XML"
	zsh_shows "era stat --s" "--since" "--snapshot-era" "--svg" "Print only how much"
	zsh_shows "era_stat --js" "--json"
	zsh_shows "era invalidate --format=" "bitmap" "cache-xml" "ranges"
	zsh_shows "era ctl sock take" "take_metadata_snap"
	zsh_shows "era help me" "metadata-size"
}
