#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The checks of the source tree find what they are there for: each gets a small tree with one fault.

load ../lib/common

setup() {
	mkdir -p "$BATS_TEST_TMPDIR/tree"/{lib/{base,check},tools,target/engine,doc,tests}
	cd "$BATS_TEST_TMPDIR/tree"
}

# compile ROOM HEADER: what the compiler says of a file of that room that includes it.
compile() {
	printf '#include "%s"\n' "$2" |
		LC_ALL=C ${CC:-cc} -fsyntax-only -include "$abs_top_builddir/config.h" \
			-I"$abs_top_builddir/rooms/$1" \
			-DROOM_"$(tr a-z- A-Z_ <<<"$1")" -x c - 2>&1
}

# refused ROOM HEADER: there is such a header, and it can't be found.
refused() {
	local got
	[ -e "$abs_top_srcdir/lib/$2" ] || [ -e "$abs_top_srcdir/$2" ]
	got=$(compile "$1" "$2") && return 1
	grep -F "$2: No such file or directory" <<<"$got"
}

allowed() {
	compile "$1" "$2"
}

# found_by_check_rooms FILE LINE WHAT: one thing is wrong in a tree that has LINE in FILE.
found_by_check_rooms() {
	local got
	cp "$1" saved
	printf '%s\n' "$2" >>"$1"
	got=$("$abs_top_srcdir/scripts/check-rooms" "$PWD")
	mv saved "$1"
	[ "$(grep -c '^not ok' <<<"$got")" = 1 ]
	grep -F "# $3" <<<"$got"
}

# A tree that check-rooms finds nothing in.
sound_rooms() {
	local room
	printf '%s\n' 'base' 'check base' 'tools base' >lib/rooms
	printf '%s\n' '| `base` | all | |' '| `check` | more | base |' \
		'| `tools/` | others | base |' >doc/architecture.md
	for room in lib/base lib/check tools; do
		echo >$room/a.c
		echo "a_CPPFLAGS = \$(room_cppflags) -Irooms/${room#lib/}" >$room/Makemodule.am
	done
	printf '%s\n' '#ifndef ROOM_CHECK' '#error "for lib/check alone"' \
		'#endif' >lib/check/a_internal.h
	mkdir -p era_x
	echo 'int a;' >era_x/a.c
	echo 'era_libcommands_a_SOURCES += era_x/a.c' >era_x/Makemodule.am
	mkdir -p era
	echo 'int a;' >era/a.c
	printf '%s\n' 'era_libcommands_a_CPPFLAGS = $(room_cppflags) -Irooms/era_' \
		'a_CPPFLAGS = $(room_cppflags) -Irooms/era' >era/Makemodule.am
}

# function_of LINES: a file with a function of so many lines after its brace.
function_of() {
	printf 'static int\nlong_one(int a)\n{\n'
	head -n "$(($1 - 1))" < <(yes 'a++;')
	printf '}\n'
}

@test "the compiler refuses what a room may not see" {
	refused base metadata/view.h
	refused ondisk block/dev.h
	refused pdata xml/parse.h
	refused metadata check/check.h
	refused metadata tools/tool.h
	refused check salvage/salvage.h
	refused live check/check.h
	refused live target/engine/engine.h
	refused xml output/changes.h
	refused output metadata/view.h
	refused tools check/check.h
	refused era_ target/engine/engine.h
	refused era_ pdata/btree.h
	refused era_ ondisk/era_disk.h
	refused era_ pdata/txn.h
	refused era metadata/view.h
	refused era era_ctl/peer.h
	refused target pdata/btree.h
	refused target-engine pdata/txn.h
	refused target-engine xml/parse.h
	refused target-engine target/log.h
	refused target xml/parse.h
}

@test "the compiler refuses it where it comes through another header" {
	local got
	[ -e "$abs_top_builddir/rooms/xml/metadata/rules.h" ]
	got=$(compile xml metadata/rules.h) && return 1
	grep -E '(block|pdata)/[a-z]*\.h: No such file or directory' <<<"$got"
}

@test "the compiler refuses a header that is internal to another room" {
	local got
	got=$(compile open check/check_internal.h) && return 1
	grep -F 'for lib/check alone' <<<"$got"
	got=$(compile target target/engine/engine_internal.h) && return 1
	grep -F 'for target/engine alone' <<<"$got"
}

@test "the compiler finds what a room may see" {
	allowed base base/bits.h
	allowed check metadata/view.h
	allowed check check/check_internal.h
	allowed tools salvage/salvage.h
	allowed era tools/program.h
	allowed era_ cache/stale.h
	allowed era_ era_ctl/peer.h
	allowed target-engine live/live.h
	allowed target target/engine/engine.h
}

@test "check-rooms finds what goes past the rooms" {
	sound_rooms
	run -0 "$abs_top_srcdir/scripts/check-rooms" "$PWD"
	fails grep '^not ok' <<<"$output"
	found_by_check_rooms lib/base/a.c '#include "../check/a.h"' \
		'lib/base/a.c:2: goes past the rooms: "../check/a.h"'
	found_by_check_rooms lib/base/a.c '#include "lib/check/a.h"' \
		'lib/base/a.c:2: goes past the rooms: "lib/check/a.h"'
	found_by_check_rooms lib/check/a.c '#	include <check/./a.h>' \
		'lib/check/a.c:2: goes past the rooms: <check/./a.h>'
	found_by_check_rooms lib/rooms 'xml base' 'not in doc/architecture.md: xml base'
	found_by_check_rooms doc/architecture.md '| `xml` | all | base |' \
		'not in lib/rooms: xml base'
	found_by_check_rooms tools/Makemodule.am \
		'b_CPPFLAGS = -I$(top_srcdir)' 'tools/Makemodule.am:2:b_CPPFLAGS'
	found_by_check_rooms era_x/Makemodule.am \
		'b_CPPFLAGS = $(room_cppflags) -Irooms/era_' 'era_x/Makemodule.am:2:b_CPPFLAGS'
	echo 'a_SOURCES = era_x/a.c' >era_x/Makemodule.am
	got=$("$abs_top_srcdir/scripts/check-rooms" "$PWD")
	grep -F '# era_x/Makemodule.am: its sources are not those of the commands' <<<"$got"
	sound_rooms
	echo 'a_CPPFLAGS = $(room_cppflags) -Irooms/check' >tools/Makemodule.am
	got=$("$abs_top_srcdir/scripts/check-rooms" "$PWD")
	grep -F '# tools/Makemodule.am: its sources have another include path than rooms/tools' \
		<<<"$got"
}

@test "check-rooms finds an internal header that refuses nobody, and a folder that is no room" {
	sound_rooms
	echo >lib/base/b_internal.h
	mkdir lib/new
	echo >lib/new/a.h
	got=$("$abs_top_srcdir/scripts/check-rooms" "$PWD")
	grep -F "# lib/base/b_internal.h: doesn't refuse those without ROOM_BASE" <<<"$got"
	grep -F '# lib/new is no room of lib/rooms' <<<"$got"
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

# columns_of LINE...: what columns says of a file of tests with these lines.
columns_of() {
	printf '%s\n' "$@" >tests/a.bats
	"$abs_top_srcdir/scripts/columns" "$PWD" || return 0
	echo fine
}

@test "columns lists lines of code over 100 columns" {
	local words
	words=$(printf 'word %.0s' {1..20}) # 100 columns
	printf '/* %s */\n' "${words:0:94}" "${words:0:95}" >lib/base/a.c
	printf '\t/* %s */\n' "${words:0:86}" "${words:0:87}" >lib/base/b.c
	printf '# %s\n' "${words:0:98}" "${words:0:99}" >tests/a.py
	[ "$(columns_of "${words:0:100}" "${words:0:99}s last")" = "lib/base/a.c:2: 101 columns
lib/base/b.c:2: 101 columns
tests/a.bats:2: 105 columns
tests/a.py:2: 101 columns" ]
}

@test "columns takes tables and quoted text in shell, and nothing else" {
	local words got
	words=$(printf 'word %.0s' {1..30})
	got=$(columns_of "a '$words'" "b \"$words\"" "cat <<-EOF" "$words" $'\tEOF' \
		"awk '" "$words" "'" "x=\$(cat <<'E'" "$words" E ")" \
		"n=\$((1 << ${#words}))" '# end')
	[ "$got" = fine ]
	got=$(columns_of "cat <<-EOF" $'\tEOF' "$words" "awk '" "' $words" "a \$(b $words)" \
		"c '\\' $words" "d \${e#\"'\"} $words" "# $words" | sed 's/:[^:]*$//')
	[ "$got" = "tests/a.bats:3
tests/a.bats:5
tests/a.bats:6
tests/a.bats:7
tests/a.bats:8
tests/a.bats:9" ]
	[ "$(columns_of "a '")" = "tests/a.bats: is not understood" ]
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

# copyright_tree: a file that says who has its copyright and what its licence is, one of each kind
# that doesn't, and data for which REUSE.toml speaks.
copyright_tree() {
	need git
	git init -q .
	mkdir scripts
	cp "$abs_top_srcdir/scripts/copyright" scripts
	head -n 3 "$abs_top_srcdir/scripts/copyright" | sed 1d >lib/rooms
	printf '\t"tests/data/**",\n' >REUSE.toml
	mkdir -p tests/data/more
	echo 1 >tests/data/more/numbers
	echo 'int a;' >lib/base/new.c
	printf '%s\n' '#!/bin/sh' 'true' >scripts/new
	echo "/* ${licence:=$(sed -n 2s/..//p scripts/copyright)} */" >lib/base/half.c
	echo 1 >tests/numbers
}

@test "copyright names what has no licence or no copyright line, and adds them" {
	copyright_tree
	status_is 1 scripts/copyright >../got
	cmp ../got <(printf '%s: no copyright line or no licence\n' \
		lib/base/half.c lib/base/new.c scripts/new tests/numbers)
	status_is 1 scripts/copyright --add >../got
	cmp ../got <(echo 'tests/numbers: no copyright line or no licence')
	[ "$(head -n 3 lib/base/new.c)" = "/* $licence */
/* $(sed -n 3s/..//p scripts/copyright) */
int a;" ]
	cmp <(sed 's/^. //; s/ .$//; $d' lib/base/new.c) <(sed 's/^. //; s/ .$//' lib/base/half.c)
	cmp <(sed -n 2,3p scripts/new) <(sed -n 2,3p scripts/copyright)
	rm tests/numbers
	scripts/copyright
}

# reuse_is VERSION: there is a reuse, which says what it was called with, and whose lint fails where
# the tree is said to lack something.
reuse_is() {
	mkdir -p ../bin
	printf '%s\n' '#!/bin/sh' 'case $1 in' "--version) echo 'reuse, version $1' ;;" \
		'*) echo "$@" >>../reuse.calls; [ ! -e ../lacks ] ;;' 'esac' >../bin/reuse
	chmod +x ../bin/reuse
	PATH=$PWD/../bin:$PATH
}

# release_tree: all that a release promises, and nothing else.
release_tree() {
	need git
	copyright_tree
	cp "$abs_top_srcdir/scripts/reuse-lint" scripts
	reuse_is 4.0.0
	rm tests/numbers lib/base/{new,half}.c scripts/new
	cp "$abs_top_srcdir/scripts/release" scripts
	mkdir -p python include packaging/{debian,rpm} tests/golden/1.0.0
	echo 'AC_INIT([era-tools], [1.2.0])' >configure.ac
	echo 'version = "1.2.0"' >python/pyproject.toml
	echo 'Version: 1.2.0' >packaging/rpm/era-tools.spec
	printf '%s\n' '# Changelog' '## [1.2.0] - 2026-12-01' '## [1.1.0] - 2026-11-30' \
		>CHANGELOG.md
	printf '%s\n' '| what | tested by |' '|---|---|' '| all | `tests/all.bats`, `tests` |' '' \
		>doc/stability.md
	echo true >tests/all.bats
	echo 'int dmera_open(int a);' >include/dmera.h
	printf '%s\n' 'libdmera.so.0' ' dmera_open@DMERA_0 1.0.0' \
		>packaging/debian/libdmera0.symbols
	echo old >tests/golden/1.0.0/file
	printf '\t"tests/golden/*",\n' >>REUSE.toml
	scripts/copyright --add >../got || :
	printf '\t"%s",\n' python/pyproject.toml packaging/debian/libdmera0.symbols \
		packaging/rpm/era-tools.spec >>REUSE.toml
	commit
	git tag v1.1.0
}

commit() {
	git add -A
	git -c user.name=a -c user.email=a@b commit -qm all --allow-empty
}

# not_released TEXT: one thing is wrong, and said; the tree is as it was again.
not_released() {
	commit
	status_is 1 scripts/release --check || return
	[ "$(grep -c '^release:' "$stderr")" = 1 ] || { cat "$stderr"; return 1; }
	grep -F "release: $1" "$stderr" || { cat "$stderr"; return 1; }
	git reset -q --hard v1.1.0
}

@test "release finds what is promised and isn't there" {
	release_tree
	scripts/release --check
	sed -i s/1.2.0/1.2.1/ python/pyproject.toml
	not_released 'python/pyproject.toml has another version'
	sed -i s/1.2.0/1.2.1/ packaging/rpm/era-tools.spec
	not_released 'packaging/rpm/era-tools.spec has another version'
	sed -i 's/2026-12-01/unreleased/' CHANGELOG.md
	not_released 'CHANGELOG.md: 1.2.0 has no date'
	sed -i 's/2026-12-01/2026-13-01/' CHANGELOG.md
	not_released 'CHANGELOG.md: no date'
	sed -i '/1\.2\.0/d' CHANGELOG.md
	not_released 'CHANGELOG.md: the newest section is not of 1.2.0'
	rm tests/all.bats
	not_released 'doc/stability.md: there is no tests/all.bats'
	echo 'int dmera_new(int a);' >>include/dmera.h
	not_released 'packaging/debian/libdmera0.symbols does not have the calls'
	echo new >tests/golden/1.0.0/file
	not_released 'tests/golden/1.0.0/file is not as it was in v1.1.0'
	mkdir tests/golden/1.2.0
	echo new >tests/golden/1.2.0/file
	commit
	scripts/release --check
	git tag v1.2.0
	status_is 1 scripts/release --check
	grep 'there is a tag v1.2.0' "$stderr"
}

@test "a release needs what reuse says" {
	release_tree
	scripts/release --check
	[ "$(cat ../reuse.calls)" = 'lint --lines' ]
	touch ../lacks
	not_released 'reuse lint does not pass'
}

@test "a reuse that does not read REUSE.toml is not asked, and without another nothing has passed" {
	release_tree
	reuse_is 3.9.9
	printf '%s\n' '#!/bin/sh' 'exit 1' >../bin/python3
	chmod +x ../bin/python3
	printf '%s\n' '#!/bin/sh' >scripts/install-packages
	chmod +x scripts/install-packages
	status_is 77 scripts/reuse-lint
	grep "reuse can't be had" "$stderr"
	[ ! -e ../reuse.calls ]
	mkdir -p build/reuse/bin
	sed s/3.9.9/4.0.0/ ../bin/reuse >build/reuse/bin/reuse
	chmod +x build/reuse/bin/reuse
	scripts/reuse-lint
	[ "$(cat ../reuse.calls)" = lint ]
}

@test "release --date gives the section its date, once" {
	release_tree
	sed -i 's/2026-12-01/unreleased/' CHANGELOG.md
	scripts/release --date
	[ "$(sed -n '/1\.2\.0/p' CHANGELOG.md)" = "## [1.2.0] - $(date -u +%F)" ]
	sed -i '/1\.2\.0/s/ - .*/ - 2026-01-01/' CHANGELOG.md
	scripts/release --date
	grep -x '## \[1.2.0\] - 2026-01-01' CHANGELOG.md
}
