# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# Completion for bash, of the command that has the name of this file: the programs print what there
# is themselves (--complete-words).

# _era_words PROGRAM [COMMAND]: the lines of the command, or those of all commands.
_era_words() {
	command "$@" --complete-words 2>/dev/null
}

# _era_choose NAME [SUFFIX] <LINES: completes the names.
_era_choose() {
	mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1)" -- "$1")
}

# _era_has VALUES: one of them is on the line before the cursor.
_era_has() {
	local word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $'\n'${1// /$'\n'}$'\n' != *$'\n'"$word"$'\n'* ]] || return 0
	done
	return 1
}

# _era_tracked: the names in eratab.
_era_tracked() {
	awk '$1 !~ /^#/ { print $1 }' "${ERA_ERATAB:-/etc/eratab}" 2>/dev/null
}

_era() {
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} option= lines command=() values
	local before=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	# "--option=value" is three words to bash.
	if [ "$cur" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 1]} cur=
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ ${program##*/} != *_* ]]; then
		if [ "$COMP_CWORD" = 1 ]; then
			_era_choose "$cur" < <(_era_words "$program")
			return
		fi
		command=("${COMP_WORDS[1]}")
		if [ "${command[0]}" = help ]; then
			_era_choose "$cur" < <(_era_words "$program")
			return
		fi
	fi
	lines=$(_era_words "$program" "${command[@]}")
	# "--option value", of one that takes a value.
	[[ $before != --* || ! $'\n'$lines =~ $'\n'"$before"$'\t'[^$'\t'] ]] || option=$before
	if [ "$option" ]; then
		values=$(awk -F '\t' -v name="$option" '$1 == name { print $3 }' <<<"$lines")
		[ ! "$values" ] || mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
	elif [[ $cur == -* ]]; then
		values=$(awk -F '\t' '$1 { print $1 ($2 == "" ? "" : "=") }' <<<"$lines")
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
		[[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
	else
		values=$(awk -F '\t' '!$1 { print $3 }' <<<"$lines")
		if _era_has "$values"; then
			values=
			[[ ${command[0]:-$program} != *setup ]] || values=$(_era_tracked)
		fi
		[ ! "$values" ] || mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
	fi
}

_era_file=${BASH_SOURCE[0]##*/}
complete -o default -F _era "${_era_file%.bash}"
unset _era_file
