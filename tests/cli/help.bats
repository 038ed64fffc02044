#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# shellcheck disable=SC2086 # a program may be two words: era check
#
# What a program says of itself against its manual page, which is read as roff source, so nothing
# is needed to format it; and the table of problems against the list of them in era-check(8).

load ../lib/common
load ../lib/cases

# Every folder of a command, as its link and as a command of era: a new one without a manual page is
# noticed.
setup() {
	local folder name
	programs=()
	commands=()
	for folder in "$abs_top_srcdir"/era_*/; do
		name=$(basename "$folder")
		programs+=("$name")
		name=${name#era_}
		commands+=("era ${name//_/-}")
	done
	[ ${#programs[@]} -ge 8 ]
	need_ours era "${programs[@]}"
}

# each FUNCTION: FUNCTION PROGRAM for all programs, under both their names, which may be two words;
# all of them are tried.
each() {
	untraced try_each "$@"
}

try_each() {
	local program bad=()
	for program in "${programs[@]}" "${commands[@]}"; do
		"$1" "$program" || bad+=("$program")
	done
	[ ${#bad[@]} = 0 ] || echo "$1 fails for: ${bad[*]}"
	[ ${#bad[@]} = 0 ]
}

page() {
	echo "$abs_top_srcdir/man/$(tr ' _' - <<<"$1").8"
}

# The part of a page under a heading.
section() {
	awk -v heading=".Sh $2" '/^\.Sh / { inside = $0 == heading; next } inside' "$(page "$1")"
}

# The options of a page: items of a list whose text begins with Fl. "Fl o , Fl -output Ns" has two.
page_options() {
	section "$1" DESCRIPTION |
		awk '/^\.It Fl / { for (i = 2; i < NF; i++) if ($i == "Fl") print "-" $(i + 1) }' \
			| sort
}

# The options of a help text: lines such as "  -o, --output=FILE  Write to". argp keeps --usage out
# of it; that it works has a test of its own.
help_options() {
	{
		$1 --help | awk '
			/^ +-/ {
				for (i = 1; i <= NF && $i ~ /^-/; i++) {
					sub(/[=\[,].*/, "", $i)
					print $i
				}
			}'
		echo --usage
	} | sort -u
}

# The options that the program's --usage names.
usage_options() {
	{
		$1 --usage | grep -o '\[-[^]]*\]' | tr -d '[]' | awk '
			/^--/ { sub(/=.*/, ""); print; next }
			NF == 1 { for (i = 2; i <= length($0); i++) print "-" substr($0, i, 1); next }
			{ print $1 }'
		echo --usage
	} | sort -u
}

page_statuses() {
	section "$1" "EXIT STATUS" | awk '/^\.It / { print $2 }'
}

# From "Exit status: 0 done, 1 damaged, ..." to the next empty line.
help_statuses() {
	$1 --help | awk '/^Exit status:/ { inside = 1 } /^$/ { inside = 0 } inside' | tr '\n' ' ' |
		grep -Eo '(^Exit status:|,) *[0-9]' | grep -o '[0-9]' | sort -u
}

# answers FILE PROGRAM OPTION...: status 0, text on standard output alone.
answers() {
	local out=$1
	status_is 0 "${@:2}" >"$out" || return
	[ -s "$out" ] && [ ! -s "$stderr" ] && return
	echo "${*:2}: nothing on standard output, or something on standard error"
	return 1
}

help_is_help() {
	local dir=$BATS_TEST_TMPDIR
	answers "$dir/long" $1 --help && answers "$dir/short" $1 -h &&
		cmp "$dir/long" "$dir/short" && grep -q "^Usage: $1 " "$dir/long"
}

usage_is_usage() {
	answers "$BATS_TEST_TMPDIR/usage" $1 --usage &&
		grep -q "^Usage: $1 " "$BATS_TEST_TMPDIR/usage"
}

# A line "Example: PROGRAM ARGUMENT...", which the program takes, though nothing of that name is
# there.
help_has_an_example() {
	local words
	read -ra words < <($1 --help | sed -n 's/^Example: //p')
	[ "${words[*]:0:$(wc -w <<<"$1")}" = "$1" ] || return
	[ ${#words[@]} -gt "$(wc -w <<<"$1")" ] || return
	cd "$BATS_TEST_TMPDIR" || return
	exit_status "${words[@]}" >out || return
	one_of 0 3
}

version_is_version() {
	local dir=$BATS_TEST_TMPDIR version
	version=$(sed -n 's/^AC_INIT(\[era-tools\], \[\(.*\)\])$/\1/p' \
		"$abs_top_srcdir/configure.ac")
	echo "$1 (era-tools) $version" >"$dir/want"
	answers "$dir/long" $1 --version && answers "$dir/short" $1 -V &&
		cmp "$dir/want" "$dir/long" && cmp "$dir/want" "$dir/short"
}

options_agree() {
	local dir=$BATS_TEST_TMPDIR
	page_options "$1" >"$dir/page"
	help_options "$1" >"$dir/help"
	usage_options "$1" >"$dir/usage"
	[ "$(wc -l <"$dir/page")" -ge 5 ] || return
	diff -u "$dir/page" "$dir/help" && diff -u "$dir/page" "$dir/usage"
}

# In the page's synopsis: all that the page lists.
synopsis_agrees() {
	local dir=$BATS_TEST_TMPDIR
	section "$1" SYNOPSIS | sed 's/^\.//' | awk '
		{
			for (i = 1; i <= NF; i++) {
				if ($i != "Fl" && $i != "|")
					continue
				option = $(i + 1)
				if (option ~ /^-/)
					print "-" option
				else
					for (j = 1; j <= length(option); j++)
						print "-" substr(option, j, 1)
			}
		}' | sed 's/^-|$//; /^$/d' | sort -u >"$dir/synopsis"
	page_options "$1" >"$dir/page"
	# A long option that has a short form is not in the synopsis, nor are --help and --version.
	section "$1" DESCRIPTION | awk '/^\.It Fl . , Fl -/ { print "-" $6 }' | sort |
		comm -23 "$dir/page" - | diff -u "$dir/synopsis" -
}

statuses_agree() {
	local dir=$BATS_TEST_TMPDIR
	page_statuses "$1" >"$dir/page"
	help_statuses "$1" >"$dir/help"
	[ "$(wc -l <"$dir/help")" -ge 3 ] && diff -u "$dir/page" "$dir/help"
}

unknown_option_is_refused() {
	local option words
	for option in --no-such-option -X; do
		status_is 2 $1 "$option" >"$BATS_TEST_TMPDIR/out" || return
		[ ! -s "$BATS_TEST_TMPDIR/out" ] && grep -q "^$1: " "$stderr" || return
	done
	# By its path, too, a program tells its name alone, on every line.
	words=($1)
	words[0]=$(command -v "${words[0]}")
	for option in --no-such-option -X --help=yes; do
		status_is 2 "${words[@]}" "$option" || return
		[ "$(grep -vc "^$1: " "$stderr")" = 0 ] || return
	done
}

help_says_all_once() {
	local dir=$BATS_TEST_TMPDIR
	$1 --help >"$dir/help"
	[ "$(grep -c '^Exit status:' "$dir/help")" = 1 ] || return
	! sed -n '1,/^$/s/^Usage: //p' "$dir/help" | grep -E ' (DEV|DEV .*) DEV$'
}

# The examples of README or a page, without their indent: code blocks in which commands stand behind
# a prompt, "$ " or "# ", and their output follows. Each block begins with no command.
examples() {
	awk '
		/^```/ || /^\.Bd -literal -offset/ || /^\.Ed/ {
			inside = !inside && !/^\.Ed/
			if (inside)
				print "$ "
			next
		}
		inside' "$1"
}

# Standard output and error come in no certain order. echo $? asks for the command before it.
run_example() {
	local command=${1/tests\/images/"$abs_top_srcdir/tests/images"}
	if [ "$command" = 'echo $?' ]; then
		echo "$example_status"
		return
	fi
	example_status=0
	bash -o pipefail -c "$command" 2>&1 || example_status=$?
}

check_example() {
	[ -n "$1" ] || return 0
	case $1 in
	*dmsetup*|*"era setup"*|*"era rollback"*|*/dev/*|*/run/*|autoreconf*|./*|...*) return ;;
	esac
	nr_examples=$((nr_examples + 1))
	run_example "$1" >got
	diff -u <(sort want) <(sort got) && return
	echo "differs: $1"
	return 1
}

# In a page a backslash is written \e.
continues() {
	[[ $1 == *\\ || $1 == *\\e ]]
}

# examples_are_real FILE: each prints what the text says.
examples_are_real() {
	local - line command='' example_status=0
	set +T
	: >want
	while IFS= read -r line; do
		case $line in
		'$ '*|'# '*)
			check_example "$command" || return
			command=${line#??}
			: >want
			;;
		*)
			if continues "$command" && [ ! -s want ]; then
				command=${command%\\*}$line
			else
				printf '%s\n' "$line" >>want
			fi
			;;
		esac
	done < <(examples "$1")
	check_example "$command"
}

# Metadata of the size of meta, in which less was written, but up to a later era.
anew_metadata() {
	printf '%s\n' '<superblock uuid="" block_size="8" nr_blocks="4096" current_era="4">' \
		'<writeset era="4" nr_bits="4096">' >anew.xml
	seq -f '<bit block="%.0f" value="false"/>' 0 4095 >>anew.xml
	printf '%s\n' '</writeset>' '<era_array>' >>anew.xml
	seq -f '<era block="%.0f" era="1"/>' 0 4095 >>anew.xml
	printf '%s\n' '</era_array>' '</superblock>' >>anew.xml
	era_restore -q -i anew.xml -o anew
}

example_files() {
	scratch
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	gzip -dc "$abs_top_srcdir/tests/images/022-snapshot-moved-on/image.gz" >snap
	cp meta damaged
	printf '\1' | dd of=damaged bs=1 seek=45156 conv=notrunc status=none
	anew_metadata
	nr_examples=0
}

@test "the examples of the manual pages print what the pages say" {
	local program
	example_files
	for program in "${commands[@]}" era; do
		rm -f copy repaired small
		examples_are_real "$(page "$program")"
	done
	[ "$nr_examples" -gt 20 ]
}

@test "the examples of README and of doc/commands.md print what they say" {
	example_files
	rm meta damaged
	examples_are_real "$abs_top_srcdir/README.md"
	[ "$nr_examples" -gt 2 ]
	rm meta
	examples_are_real "$abs_top_srcdir/doc/commands.md"
	[ "$nr_examples" -gt 12 ]
}

@test "doc/commands.md has every command" {
	local program
	for program in "${commands[@]}"; do
		grep -q "^\*\*$program\*\* " "$abs_top_srcdir/doc/commands.md" || {
			echo "$program"
			false
		}
	done
}

@test "-h and --help print the same help" {
	each help_is_help
}

@test "the help has an example" {
	each help_has_an_example
}

@test "the help says nothing twice" {
	each help_says_all_once
}

@test "--usage prints the usage" {
	each usage_is_usage
}

@test "-V and --version print the version" {
	each version_is_version
}

@test "the options of help, usage and manual page are the same" {
	each options_agree
}

@test "the synopsis of a manual page has the options that the page explains" {
	each synopsis_agrees
}

@test "the exit statuses of help and manual page are the same" {
	each statuses_agree
}

@test "an unknown option is refused with status 2" {
	each unknown_option_is_refused
}

@test "era-check(8) lists every problem with its severity" {
	local dir=$BATS_TEST_TMPDIR
	tr '\n' ' ' <"$abs_top_srcdir/lib/base/problem.c" | grep -o '\[PROBLEM_[^=]*= {"[^}]*}' |
		sed -E 's/.*= \{"([^"]*)".*PROBLEM_(FATAL|NON_FATAL|NOTE),.*/\1 \2/' |
		tr 'A-Z_' 'a-z-' | sort -u >"$dir/table"
	section era_check PROBLEMS | awk '/^\.It [a-z]/ { print $2, $4 }' | sort >"$dir/page"
	[ "$(wc -l <"$dir/table")" -gt 40 ]
	diff -u "$dir/table" "$dir/page"
}

# Of era itself: what "each" asks of the commands.
@test "era: its help, usage, version and statuses, and its page" {
	local dir=$BATS_TEST_TMPDIR
	help_is_help era
	usage_is_usage era
	unknown_option_is_refused era
	page_statuses era >"$dir/page"
	[ "$(tr '\n' ' ' <"$dir/page")" = "0 1 2 3 4 5 " ]
	[ "$(page_options era | tr '\n' ' ')" \
		= "$(printf '%s\n' -h --help --usage -V --version | sort | tr '\n' ' ')" ]
}

# What a page is about is said alike in its NAME, in the list of era(8) and in that of "era help".
@test "era help and era(8) list every command, with the words of its page" {
	local dir=$BATS_TEST_TMPDIR command
	for command in "${commands[@]}"; do
		echo "${command#era } $(sed -n 's/^\.Nd //p' "$(page "$command")")"
	done | sort >"$dir/pages"
	era help | sed -n 's/^  \([a-z-]*\)  */\1 /p' | sort >"$dir/help"
	diff -u "$dir/pages" "$dir/help"
	sed -n '/^\.It Cm /{s/^.It Cm //;N;N;s/; see\n.*//;s/\n/ /;p}' "$(page era)" |
		sort >"$dir/era"
	diff -u "$dir/pages" "$dir/era"
}

@test "every manual page is installed" {
	local program
	for program in era era-tools "${commands[@]}"; do
		grep -q "man/${program/ /-}.[78]" "$abs_top_srcdir/man/Makemodule.am"
	done
}

# A name with a blank would not be found by man -k.
@test "every manual page has its own name" {
	local page name
	for page in "$abs_top_srcdir"/man/*.[1-8]; do
		name=$(basename "${page%.*}")
		[ "$(sed -n '/^\.Sh NAME$/{n;s/^\.Nm //p}' "$page")" = "$name" ]
		! command -v lexgrog >/dev/null ||
			[[ "$(lexgrog "$page")" == "$page: \"$name - "* ]]
	done
}

# Links may be missing where another package has their names.
@test "no text names a command by its link" {
	local program bad
	bad=$(grep -nE '\<era_(check|dump|invalidate|repair|restore)\>' \
		"$abs_top_srcdir"/man/*.[178] || :)
	for program in "${commands[@]}"; do
		bad+=$($program --help |
			grep -E '\<era_(check|dump|invalidate|repair|restore)\>' || :)
	done
	echo "$bad"
	[ -z "$bad" ]
}

# A test that cannot fail proves nothing: a page without one of its items is noticed.
@test "a missing option or status is noticed" {
	local dir=$BATS_TEST_TMPDIR/source
	mkdir -p "$dir/man"
	cp "$(page era_check)" "$dir/man"
	abs_top_srcdir=$dir options_agree era_check
	abs_top_srcdir=$dir statuses_agree era_check
	abs_top_srcdir=$dir synopsis_agrees era_check
	rm -f "$dir/man/era-check.8"
	sed '/^\.It Fl -json/d; /^\.It 4$/d' "$(page era_check)" >"$dir/man/era-check.8"
	abs_top_srcdir=$dir fails options_agree era_check
	abs_top_srcdir=$dir fails statuses_agree era_check
	abs_top_srcdir=$dir fails synopsis_agrees era_check
}
