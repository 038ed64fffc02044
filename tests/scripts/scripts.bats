#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The checks of the source tree find what they are there for: each gets a small tree with one fault.

load ../lib/common

setup() {
	mkdir -p "$BATS_TEST_TMPDIR/tree"/{lib/{base,ondisk,block,pdata,era,xml,output},tools,era_x,era_y,target/engine}
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
	yes 'a++;' | head -n "$(($1 - 1))"
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
	yes '' | head -n 801 >lib/base/d.h
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
