#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The checks of the source tree find what they are there for: each gets a small tree with one fault.

load ../lib/common

setup() {
	mkdir -p "$BATS_TEST_TMPDIR/tree"/{lib/{base,ondisk,block,pdata,era,xml,output},tools,era_x,era_y,target/engine,tests}
	cd "$BATS_TEST_TMPDIR/tree"
}

layers() {
	"$abs_top_srcdir/scripts/check-layers" "$PWD"
}

# refused FILE HEADER WHY: only FILE is wrong when it includes HEADER, and WHY is said of its line 2.
refused() {
	local got
	printf '\n#include %s\n' "$2" >"$1"
	got=$(layers)
	rm "$1"
	[ "$(grep -c '^not ok' <<<"$got")" = 1 ]
	grep -Fx "# $1:2: $3" <<<"$got"
}

allowed() {
	printf '# include\t%s\n' "$2" >"$1"
	fails grep '^not ok' <<<"$(layers)"
	rm "$1"
}

# function_of LINES: a file with a function of so many lines after its brace.
function_of() {
	printf 'static int\nlong_one(int a)\n{\n'
	head -n "$(($1 - 1))" < <(yes 'a++;')
	printf '}\n'
}

@test "check-layers refuses what is above, beside or climbs" {
	refused lib/base/a.c '"era/b.h"' 'base may not include era/b.h'
	refused lib/ondisk/a.h '"block/b.h"' 'ondisk may not include block/b.h'
	refused lib/pdata/a.c '<xml/b.h>' 'pdata may not include xml/b.h'
	refused lib/era/a.c '"tools/tool.h"' 'era may not include tools/tool.h'
	refused lib/era/a.c '"nowhere/b.h"' 'era may not include nowhere/b.h'
	refused lib/output/a.c '"../base/b.h"' 'the path climbs: ../base/b.h'
	refused tools/a.c '"block/b.h"' 'tools may not include block/b.h'
	refused era_x/a.c '"block/b.h"' 'era_x may not include block/b.h'
	refused era_x/a.c '"era_y/b.h"' 'era_x may not include era_y/b.h'
	refused era_x/a.c '"era/b_internal.h"' 'era/b_internal.h is internal to era'
	refused lib/era/a.c '"target/engine/b.h"' 'era may not include target/engine/b.h'
	refused era_x/a.c '"target/engine/b.h"' 'era_x may not include target/engine/b.h'
	refused target/engine/a.c '"xml/b.h"' 'engine may not include xml/b.h'
	refused target/engine/a.c '"target/b.h"' 'engine may not include target/b.h'
	refused target/a.c '"pdata/b.h"' 'target may not include pdata/b.h'
	refused target/a.c '"target/engine/b_internal.h"' \
		'target/engine/b_internal.h is internal to engine'
}

@test "check-layers refuses a folder that it doesn't know" {
	mkdir lib/new
	echo >lib/new/a.c
	[ "$(layers)" = "not ok 1 - new includes what it may
# lib/new/a.c:1: no layer is called new
1..1" ]
}

@test "check-layers allows what is below, own or the system's" {
	allowed lib/output/a.c '"base/b.h"'
	allowed lib/era/a.c '"era/b_internal.h"'
	allowed lib/base/a.c '<sys/types.h>'
	allowed tools/a.c '"base/b.h"'
	allowed tools/a.c '"era/b.h"'
	allowed era_x/a.c '"output/b.h"'
	allowed era_x/a.c '"own.h"'
	allowed era_x/a.c '"era_x/own.h"'
	allowed target/engine/a.c '"era/b.h"'
	allowed target/engine/a.c '"target/engine/own_internal.h"'
	allowed target/a.c '"target/engine/b.h"'
}

@test "sizes names functions over 60 lines and files over 800, and refuses functions over 100" {
	local got
	function_of 60 >lib/base/a.c
	function_of 61 >lib/base/b.c
	function_of 100 >lib/base/c.c
	head -n 801 < <(yes '') >lib/base/d.h
	[ "$("$abs_top_srcdir/scripts/sizes" "$PWD")" = "# 801 lines: lib/base/d.h
# 100 lines: lib/base/c.c:3 long_one
# 61 lines: lib/base/b.c:3 long_one
ok 1 - none of 3 functions is over 100 lines
1..1" ]

	function_of 101 >lib/base/c.c
	got=$("$abs_top_srcdir/scripts/sizes" "$PWD")
	grep -x '# 101 lines: lib/base/c.c:3 long_one' <<<"$got"
	grep '^not ok 1 ' <<<"$got"
}

# statements LINE...: what check-statements says of a test of these lines, and then one more.
statements() {
	{
		printf '@test "it is so" {\n'
		printf '%s\n' "$@" 'cmp last last'
		printf '}\n'
	} >tests/a.bats
	"$abs_top_srcdir/scripts/check-statements" "$PWD"
}

# cannot_fail N LINE...: the Nth of the test's lines, and no other, is refused.
cannot_fail() {
	local got
	got=$(statements "${@:2}")
	[ "$(sed -n '1s/ .*//p' <<<"$got")" = not ]
	[ "$(sed -n '2,$p' <<<"$got")" = "# tests/a.bats:$(($1 + 1)): ${*:$1 + 1:1}
1..1" ]
}

can_fail() {
	local got
	got=$(statements "$@")
	[ "$(sed -n '1s/ .*//p;2,$p' <<<"$got")" = "ok
1..1" ]
}

@test "check-statements refuses A && B that is not the last" {
	cannot_fail 1 '[ -e a ] && cmp a b'
	cannot_fail 2 'local a' '[ -e a ] && cmp a b # why' '# a comment' ''
	cannot_fail 1 'a || b && c'
	cannot_fail 1 '[ -e a ] &&' 'cmp a b'
	cannot_fail 1 '[ -e a ] \' '&& cmp a b'
	cannot_fail 1 'a "$(b && c)" && d'
	cannot_fail 1 'a && b; c'
	cannot_fail 1 '[[ $a == b ]] && c'
	cannot_fail 1 '((a > 1)) && c'
	cannot_fail 1 'a && b | c'
	cannot_fail 1 'a && { b; c; }'
	cannot_fail 1 '[ -e a ] || { b && c; }'
	cannot_fail 3 'cat <<-END' 'END' 'a && b' 'c && d || e'
}

@test "check-statements refuses a ! that is not the last" {
	cannot_fail 1 '! cmp a b'
	cannot_fail 1 '! cmp a b | grep c'
	cannot_fail 1 'a || ! b'
	cannot_fail 2 'if a; then' '! b' 'fi'
}

@test "check-statements knows what a block is worth" {
	cannot_fail 2 'for a in b; do' 'c && d' 'done'
	cannot_fail 2 'while a && b; do' 'c && d' 'done' 'e'
	cannot_fail 4 'if a && b; then' 'c' 'else' 'd && e' 'fi'
	cannot_fail 3 'case $a in' 'b | c)' 'd && e' ';;' '*) f ;;' 'esac'
	cannot_fail 2 'f() {' 'a && b' 'c' '}'
	cannot_fail 2 'f() (' '! a' 'c' ')'
	cannot_fail 1 'if a; then' 'b && c' 'fi | d && e'
	can_fail 'f() {' 'if a; then' 'b && c' 'else' '! d' 'fi' '}'
	can_fail 'f() {' 'case $a in' '(b) c && d ;;' 'esac' '}'
	can_fail '(cd a && b)' '(' 'c' 'd && e' ')'
	can_fail 'if a; then' 'b && c' 'fi || d'
}

@test "check-statements takes what can fail, what is a choice, and what is no statement" {
	can_fail 'cmp a b' 'fails cmp a b'
	can_fail 'a && return' 'b && continue' 'c && break 2' 'd && exit 1' 'a && b || c' '! a || b'
	can_fail 'if ! a && b; then' 'c' 'elif d && e; then' 'f' 'fi' 'until a && b; do c; done'
	can_fail 'a "b && c" '\''d && ! e'\'' "$(f && g)" <(h && i) x=(j) $((k && l)) # m && n'
	can_fail 'awk '\''' 'a && b { c }' ''\'' d' 'cat <<-END' 'a && b' 'END'
	can_fail 'a && b &' 'wait' '[[ a && ! b ]]' 'cat <<<"a && b"'
	can_fail '((a && b))' 'for ((a = 0; a && b; a++)); do' 'c 2>&1 >&2' 'done'
}

@test "check-statements says so where it doesn't understand" {
	local got
	got=$(statements 'if a; then' 'b')
	[[ $got == "not ok"*"# tests/a.bats: its blocks are not understood"* ]]
}

# format_tree: a source that is laid out as the tree is, and one that isn't, in a tree of their own.
format_tree() {
	need clang-format
	mkdir scripts
	cp "$abs_top_srcdir/scripts/format" scripts
	cp "$abs_top_srcdir/.clang-format" .
	printf 'int one(int a)\n{\n\treturn a;\n}\n' >lib/base/good.c
	sed 's/^\t/    /' lib/base/good.c >lib/base/bad.c
	cp lib/base/bad.c bad
}

@test "format --check names the files that would change, and changes none" {
	format_tree
	status_is 1 scripts/format --check >got
	cmp got <(echo "$PWD/lib/base/bad.c: 2")
	cmp lib/base/bad.c bad
	status_is 0 scripts/format --check lib/base/good.c >got
	[ ! -s got ]
}

@test "format changes what is laid out otherwise, and nothing else" {
	format_tree
	cp lib/base/good.c good
	scripts/format
	cmp lib/base/bad.c good
	cmp lib/base/good.c good
	scripts/format --check
}
