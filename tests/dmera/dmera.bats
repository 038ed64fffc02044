#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# libdmera as other programs get it: what is exported, what is installed, and whether it works from
# there, in C and in Python. What its calls promise is tested by tests/unit/test_dmera.c.

load ../lib/common

header=$abs_top_srcdir/include/dmera.h
built=$abs_top_builddir/lib/dmera
abi=$abs_top_srcdir/tests/unit/dmera_abi.h
root=$BATS_FILE_TMPDIR/root

setup_file() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$abs_top_builddir" install \
		DESTDIR="$root" >"$BATS_FILE_TMPDIR/install.log" 2>&1) ||
		cat "$BATS_FILE_TMPDIR/install.log" >&2
}

setup() {
	scratch
	libdir=$(sed -n 's/^libdir=//p' "$built/libdmera.pc")
	prefix=$(sed -n 's/^prefix=//p' "$built/libdmera.pc")
	exec_prefix=$prefix
	libdir=$(eval "echo $libdir")
	[ ! -e "$root$libdir/pkgconfig" ] || export PKG_CONFIG_PATH=$root$libdir/pkgconfig
	export PKG_CONFIG_SYSROOT_DIR=$root
	flags=(-std=gnu11 -g -O1 -Wall -Wextra -Werror -D_GNU_SOURCE)
	! is_sanitized || flags+=(-fsanitize=address,undefined -fno-sanitize-recover=all)
}

is_sanitized() {
	nm -D "$built/libdmera.so.0" | grep __asan_init >/dev/null
}

# The installed library is used, and not one of the system's.
with_installed() {
	LD_LIBRARY_PATH=$root$libdir "$@"
}

declared() {
	grep -oE '\bdmera_[a-z_]+\(' "$header" | grep -v '_fn(' | tr -d '(' | sort -u
}

constants() {
	grep -oE '^(#define |\s+)DMERA_[A-Z_]+( = | [^_])' "$header" | grep -oE 'DMERA_[A-Z_]+' |
		sort -u
}

# "STRUCTURE MEMBER" of all that the header defines.
members() {
	awk '/^struct dmera_[a-z_]* \{/ { name = $2; next }
		/^};/ { name = "" }
		name && /^\t(const )?(char \*|uint(32|64)_t )/ {
			sub(/;.*/, "")
			gsub(/[*,]/, " ")
			for (i = $1 == "const" ? 3 : 2; i <= NF; i++) print name, $i
		}' "$header"
}

image() {
	gzip -dc "$abs_top_srcdir/tests/images/$1/image.gz"
}

@test "exactly what the header declares is exported" {
	declared >want
	[ "$(wc -l <want)" -ge 20 ]
	nm -D --defined-only "$built/libdmera.so.0" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
		sort >got
	diff want got
	nm -D --defined-only "$built/libdmera.so.0" | awk '$2 == "T"' |
		grep -vc '@@DMERA_0$' >others || :
	[ "$(cat others)" = 0 ]
}

@test "the package's list of symbols is that of the library" {
	nm -D --defined-only "$built/libdmera.so.0" |
		awk '{ sub(/@.*/, "", $3); print $3 "@DMERA_0" }' | sort >want
	[ "$(wc -l <want)" -ge 20 ]
	sed -n 's/^ \([^ ]*\) [0-9].*/\1/p' "$abs_top_srcdir/packaging/debian/libdmera0.symbols" |
		sort >got
	diff want got
}

@test "every name in the header is libdmera's" {
	sed 's,/\*.*\*/,,; /\/\*/,/\*\//d; /^#include/d; s/"[^"]*"//g' "$header" >code
	grep -oE '^(enum|struct) [a-z_]+|^#define [A-Za-z_]+|^typedef .*\(\*[a-z_]+\)' code |
		sed 's/.*[ *]//; s/)$//' | sort -u | grep -viE '^dmera' >strangers || :
	[ ! -s strangers ] || { cat strangers; false; }
}

@test "the soname is 0, and nothing is needed but what the library uses itself" {
	need readelf
	readelf -d "$built/libdmera.so.0" >dynamic
	grep -F '(SONAME)' dynamic | grep -F '[libdmera.so.0]'
	fails grep -E 'libexpat|libnbd|libz' dynamic
	fails grep -E 'RPATH|RUNPATH|TEXTREL' dynamic
}

@test "sizes, places and values of all that is public are pinned" {
	constants >constants
	[ "$(wc -l <constants)" -ge 20 ]
	while read -r name; do
		case $name in
		DMERA_H | DMERA_MUST_CHECK) ;;
		*) grep -q "^VALUE($name, " "$abi" || { echo "$name is not pinned"; false; } ||
			return ;;
		esac
	done <constants
	members >members
	[ "$(wc -l <members)" -ge 35 ]
	while read -r structure member; do
		grep -q "^PLACE($structure, $member, " "$abi" ||
			{ echo "$structure.$member is not pinned"; false; } || return
	done <members
}

@test "a program outside the tree is compiled against the installed library, and works" {
	local outside
	need gcc pkg-config
	pkg-config --exists cmocka || skip_test "needs cmocka"
	cp "$abs_top_srcdir"/tests/unit/{test_dmera*.c,dmera_image.[ch],dmera_abi.h,unit.h} .
	for outside in test_dmera test_dmera_witness; do
		# shellcheck disable=SC2046
		gcc "${flags[@]}" -o $outside $outside.c dmera_image.c \
			$(pkg-config --cflags --libs libdmera) \
			$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --cflags --libs cmocka zlib) -pthread
		with_installed ldd $outside | grep -F "$root$libdir/libdmera.so.0"
		with_installed ./$outside
	done
}

@test "the header stands alone, in C and in C++ from the oldest on" {
	need gcc
	local flags=(-pedantic -Wall -Wextra -Wshadow -Werror -fsyntax-only)
	flags+=(-I"$root$prefix/include")
	cat >one.c <<-'END'
		#include <dmera.h>
		int main(void)
		{
			struct dmera_check check;
			return !dmera_version() ||
			       dmera_check(dmera_create(), "", DMERA_CHECK_ALL, &check, sizeof(check));
		}
	END
	gcc -std=c90 "${flags[@]}" one.c
	gcc -std=c99 "${flags[@]}" one.c
	command -v g++ >/dev/null || return 0
	cp one.c one.cc
	g++ -std=c++98 "${flags[@]}" one.cc
	g++ -std=c++17 "${flags[@]}" one.cc
}

@test "the example copies what has changed, and nothing else" {
	need gcc pkg-config
	[ "$(wc -l <"$abs_top_srcdir/examples/copy-changes.c")" -le 60 ]
	# shellcheck disable=SC2046
	gcc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only \
		"$abs_top_srcdir/examples/copy-changes.c" $(pkg-config --cflags libdmera)
	# shellcheck disable=SC2046
	gcc "${flags[@]}" -o copy-changes "$abs_top_srcdir/examples/copy-changes.c" \
		$(pkg-config --cflags --libs libdmera)
	copies_changes with_installed ./copy-changes
}

# copies_changes COMMAND...: of blocks 8 to 9 and 3000 to 3006, which era 3 has.
copies_changes() {
	image 002-crash >meta
	tr '\0' n < <(head -c 16M /dev/zero) >from
	tr '\0' o < <(head -c 16M /dev/zero) >to
	cp to want
	dd if=from of=want bs=4096 seek=8 skip=8 count=2 conv=notrunc status=none
	dd if=from of=want bs=4096 seek=3000 skip=3000 count=7 conv=notrunc status=none
	[ "$("$@" meta 3 from to)" = 4 ]
	cmp to want
	# No answer, and nothing is copied: an era that never was, another size, damage.
	fails "$@" meta 5 from to
	truncate -s 8M short
	fails "$@" meta 0 short to
	for block in 1 2 3 4 5 6 7 8 9; do
		printf x | dd of=meta bs=1 seek=$((block * 4096 + 99)) conv=notrunc status=none
	done
	fails "$@" meta 0 from to
	cmp to want
}

# python COMMAND...: the distribution's python3 with our module over the installed library.
python() {
	local asan=
	! is_sanitized || asan=$(gcc -print-file-name=libasan.so)
	env LD_PRELOAD="$asan" ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" \
		LD_LIBRARY_PATH="$root$libdir" \
		PYTHONPATH="$abs_top_srcdir/python" PYTHONDONTWRITEBYTECODE=1 "$python" "$@"
}

@test "the Python module does what its tests want" {
	need "$python"
	export ERA_TOOLS_IMAGES=$abs_top_srcdir/tests/images ERA_TOOLS_HEADER=$header
	python -W error -m unittest discover -s "$abs_top_srcdir/tests/dmera/python" -t \
		"$abs_top_srcdir/tests/dmera/python" 2>&1
}

@test "the example in Python does the same" {
	need "$python"
	copies_changes python "$abs_top_srcdir/examples/copy_changes.py"
}

# shown N: the Nth literal text of the manual page, as a reader sees it.
shown() {
	awk -v n="$1" '/^\.Ed$/ { on = 0 } on; /^\.Bd -literal$/ { on = ++nr == n }' \
		"$abs_top_srcdir/man/libdmera.3" | sed 's/^\\&//; s/\\e/\\/g'
}

@test "the manual page has every call, and the examples as they are" {
	declared >functions
	while read -r name; do
		[ "$(grep -c "^\.Fn $name\( \|$\)" "$abs_top_srcdir/man/libdmera.3")" -ge 2 ] ||
			{ echo "$name is missing, or not explained"; false; } || return
	done <functions
	shown 1 | diff - "$abs_top_srcdir/examples/copy-changes.c"
	shown 2 | diff - "$abs_top_srcdir/examples/copy_changes.py"
}

@test "what was installed is removed again, but for nothing of ours" {
	for file in "$prefix/include/dmera.h" "$libdir/libdmera.so" "$libdir/libdmera.so.0" \
		"$libdir/pkgconfig/libdmera.pc"; do
		[ -s "$root$file" ] || { echo "$file is not installed"; false; } || return
	done
	[ "$(readlink "$root$libdir/libdmera.so")" = libdmera.so.0 ]
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$abs_top_builddir" uninstall DESTDIR="$root") >log 2>&1 || { cat log; false; }
	[ -z "$(find "$root" -name '*dmera*')" ]
}
