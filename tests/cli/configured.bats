#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What configure is told about names, about what to leave out, and by other C libraries: most tests
# configure a build of their own.

load ../lib/common

setup() {
	need make cc
	scratch
	[ ! -e "$abs_top_srcdir/Makefile" ] || skip_test "the source tree is configured itself"
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKE_TERMOUT MAKE_TERMERR
}

configured() {
	"$abs_top_srcdir/configure" -q "$@" >configure.log 2>&1 && return
	tail -n 20 configure.log
	return 1
}

quietly() {
	"$@" >log 2>&1 && return
	tail -n 40 log
	return 1
}

@test "a prefix, and no names of thin-provisioning-tools: all that is installed is called so, and says so" {
	local filter
	configured --program-prefix=x- --disable-compat-names --prefix=/usr CFLAGS=-O0 \
		--with-nbdkit-filterdir=/usr/lib/filters --with-python=/usr/lib/modules
	quietly make -j "$(nproc)" install DESTDIR="$PWD/root"
	(cd root/usr/bin && ls) >found
	diff -u - found <<-END
		x-era
		x-era_apply
		x-era_backup
		x-era_ctl
		x-era_format
		x-era_mark
		x-era_metadata_size
		x-era_revert
		x-era_rollback
		x-era_setup
		x-era_stat
	END
	(cd root/usr/lib/modules/era_tools && ls) >found
	(cd "$abs_top_srcdir/python/era_tools" && ls *.py py.typed) | diff -u - found
	(cd root/usr/share/man/man8 && ls) >found
	fails grep -v '^x-era' found
	[ "$(grep -c _ found)" = 10 ]
	if grep -q '^nbdkitfilter_DATA = .' Makefile; then
		[ "$(ls root/usr/lib/filters)" = nbdkit-era-filter.so ]
	fi

	# In pages, too; "era" alone is what the kernel remembers.
	fails grep -rnE \
		'(^|[^-])\<era (apply|backup|check|ctl|dump|format|invalidate|mark|metadata-size|repair|restore|revert|rollback|setup|stat)' \
		root/usr/share/man
	grep -rniE '(Nm|Xr|Dt) "?era\>|^(# )?era:' root/usr/share/man >found || :
	fails grep -vi '\(Nm\|Xr\|Dt\) era-tools' found
	fails grep -rn "'era --" root/usr/share/man
	grep -x '.Nm x-era-check' root/usr/share/man/man8/x-era-check.8
	grep -x '.Dt X-ERA-CHECK 8' root/usr/share/man/man8/x-era-check.8
	grep '^.It Xr x-era-check 8' root/usr/share/man/man7/era-tools.7
	grep '^x-era: unknown command' root/usr/share/man/man8/x-era.8

	PATH=$PWD/root/usr/bin:$PATH
	gzip -dc "$abs_top_srcdir/tests/images/002-crash/image.gz" >meta
	x-era check meta
	dd if=/dev/zero of=meta bs=64 count=1 conv=notrunc status=none
	status_is 1 x-era invalidate --repair --written-since 2 meta >out
	[ "$(grep -vc '^x-era invalidate: ' "$stderr")" = 0 ]
	grep 'only x-era repair and x-era dump --repair can tell' "$stderr"
	x-era help restore | grep 'printed by x-era dump'
	[ "$(x-era_metadata_size --device-size 1T --block-size 64k --unit M)" = 212 ]

	quietly make uninstall DESTDIR="$PWD/root"
	[ -z "$(find root ! -type d)" ]
}

@test "a suffix would hide which command is meant, and is refused" {
	fails configured --program-suffix=-2
	grep "the end of a program's name must stay" configure.log
	[ ! -e Makefile ]
}

# modules NAME...: pkg-config finds these alone.
modules() {
	local name
	mkdir -p modules
	for name; do
		cp "$(pkg-config --variable=pcfiledir "$name")/$name.pc" modules
	done
	export PKG_CONFIG_LIBDIR=$PWD/modules PKG_CONFIG_PATH=
}

@test "what is missing is left out only by order: each error names the package and the option" {
	local option package pattern
	local without=()
	need pkg-config
	modules expat zlib
	while read -r option package; do
		fails configured "${without[@]}"
		pattern="is missing (Debian: $package): install it, or configure --without-$option\$"
		grep "$pattern" configure.log
		[ ! -e Makefile ]
		without+=("--without-$option")
	done <<-END
		isal libisal-dev
		blkid libblkid-dev
		devmapper libdevmapper-dev
		nbd libnbd-dev
		nbdkit nbdkit-plugin-dev
	END
	"$abs_top_srcdir/configure" "${without[@]}" --without-systemdsystemunitdir \
		--without-systemdsystemgeneratordir --without-udevrulesdir \
		--without-initramfstoolsdir --without-dracutdir --without-python \
		--disable-compat-names >out
	sed -n "/^configure: era-tools/,/names of/p" out | grep "  no$" >found
	[ "$(wc -l <found)" = 12 ]
	fails grep -E 'HAVE_(ISAL|BLKID) 1' config.h
	fails grep -E '^#define (DEVMAPPER|NBD)_LIBRARY' config.h
	fails grep -E '^(systemdsystem(unit|generator)|udevrules|initramfstools|dracut)dir = .' \
		Makefile
	fails grep '^pythondir = .' Makefile
}

# A compiler whose C library has no argp: only libargp has it, where there is a file of that name.
compiler_without_argp() {
	cat >without-argp <<-'END'
		#!/bin/bash
		if grep -qs argp_help conftest.c; then
			case " $* " in
			*" -largp "*) [ -e "${0%/*}/libargp" ] || exit ;;
			*) exit 1 ;;
			esac
		fi
		exec cc "${@//-largp/-L.}"
	END
	chmod +x without-argp
}

@test "a C library without argp: libargp is used, and where it is missing, configure names it" {
	compiler_without_argp
	fails configured CC="$PWD/without-argp"
	grep 'argp is missing: .* argp-standalone has it' configure.log
	[ ! -e Makefile ]
	touch libargp
	configured CC="$PWD/without-argp"
	grep '^LIBS = .*-largp' Makefile
	configured
	grep '^LIBS = ' Makefile >found
	fails grep argp found
}

# readelf_says NAME...: what a program needs.
readelf_says() {
	{
		echo '#!/bin/sh'
		printf 'echo " 0x0001 (NEEDED)  Shared library: [%s]"\n' "$@"
	} >readelf
	chmod +x readelf
}

# is_name_of MACRO: it is how the library calls itself.
is_name_of() {
	local library
	library=$(sed -n "s/^#define $1 \"\(.*\)\"/\1/p" config.h)
	readelf -d "$(cc -print-file-name="$library")" >found
	grep -F "soname: [$library]" found
}

@test "libraries are loaded by the names that the linker knows" {
	need pkg-config readelf
	pkg-config --exists devmapper libnbd || skip_test "needs libdevmapper and libnbd"
	configured
	is_name_of DEVMAPPER_LIBRARY
	is_name_of NBD_LIBRARY
	readelf_says libdevmapper.so.1.03 libnbd.so.7
	configured READELF="$PWD/readelf"
	grep -Fx '#define DEVMAPPER_LIBRARY "libdevmapper.so.1.03"' config.h
	grep -Fx '#define NBD_LIBRARY "libnbd.so.7"' config.h
	readelf_says libdevmapper.so.1.03 libc.so.6
	fails configured READELF="$PWD/readelf"
	grep 'finds no shared libnbd' configure.log
	readelf_says libc.so.6
	fails configured READELF="$PWD/readelf"
	grep 'finds no shared libdevmapper' configure.log
}

@test "no C library but glibc is ruled out: with musl, all compiles but what needs argp" {
	local sources
	local flags=(-std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPACKAGE_VERSION='"0"'
		-DERA_PROGRAM='"era"' -DDEVMAPPER_LIBRARY='""' -DNBD_LIBRARY='""'
		-DUNIT='"era"' -DUNIT_DIR='"/"'
		-Werror=implicit-function-declaration -w)
	need musl-gcc
	cd "$abs_top_srcdir"
	flags+=($(sed -n '/^[a-z]/s/[ *].*//p' lib/rooms | tr a-z/ A-Z_ | sed 's/^/-DROOM_/'))
	flags+=(-Iinclude -Ilib -I. -idirafter /usr/include)
	flags+=(-idirafter "/usr/include/$(cc -print-multiarch)")
	sources=$BATS_TEST_TMPDIR/sources
	grep -L '<argp.h>' lib/*/*.c tools/*.c era/*.c era_*/*.c boot/*.c >"$sources"
	[ "$(wc -l <"$sources")" -ge 150 ]
	xargs -n 8 -P "$(nproc)" musl-gcc "${flags[@]}" -fsyntax-only <"$sources"
}

@test "directories are what configure is told" {
	configured --prefix=/opt/era --with-udevrulesdir=/lib/udev/rules.d \
		--with-compat-dir=/opt/compat
	grep -Fx 'udevrulesdir = /lib/udev/rules.d' Makefile
	grep -Fx 'systemdsystemunitdir = ${prefix}/lib/systemd/system' Makefile
	grep -Fx 'compatdir = /opt/compat' Makefile
	fails configured --with-compat-dir=compat
	grep 'with-compat-dir takes an absolute path' configure.log
	fails configured --with-nbdkit-filterdir=filters
	grep 'with-nbdkit-filterdir takes an absolute path' configure.log
	fails configured --with-systemdsystemunitdir=units
	grep 'with-systemdsystemunitdir takes an absolute path' configure.log
	fails configured --with-python=modules
	grep 'with-python takes an absolute path' configure.log
	configured --with-nbdkit-filterdir --without-compat-dir
	grep -Fx 'nbdkitfilterdir = ${NBDKIT_FILTERDIR}' Makefile
	grep -x 'compatdir = ' Makefile
	configured --without-nbdkit-filterdir
	grep -x 'nbdkitfilterdir = ' Makefile
	fails configured --with-blkid=/opt
	grep 'with-blkid takes no directory' configure.log
}

# archive FOLDER: of the sources in FOLDER, made there.
archive() (
	mkdir "$1/build"
	cd "$1/build"
	quietly ../configure -q --disable-compat-names
	quietly make -s dist
)

@test "the same sources make the same archive, whoever made it, when and where" {
	unset SOURCE_DATE_EPOCH
	mkdir a
	cp -rp "$abs_top_srcdir/." a
	chmod -R u+w a
	(umask 077 && cp -rp a other)
	chmod -R g+w,o-rx other
	archive a
	sleep 1
	(umask 027 && archive other)
	cmp {a,other}/build/era-tools-*.tar.gz
	tar -tvzf a/build/era-tools-*.tar.gz | awk '{ print $2, $4, $5 }' | sort -u >found
	[ "$(wc -l <found)" = 1 ]
	grep '^0/0 ' found
	SOURCE_DATE_EPOCH=1800000000 quietly make -s -C a/build dist
	TZ=UTC tar -tvzf a/build/era-tools-*.tar.gz | awk '{ print $4 }' | sort -u >found
	[ "$(cat found)" = 2027-01-15 ]
}
