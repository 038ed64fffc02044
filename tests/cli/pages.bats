#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What the manual pages look like, and where they and the documents lead: each page in 80 columns,
# SEE ALSO both ways, and no link to a file or a heading that isn't there, in the source tree and
# after the installation. Each check is shown a page or a document that has the fault.

load ../lib/common
load ../lib/cases

setup() {
	scratch
	cp -r "$abs_top_srcdir/man" man
	chmod -R u+w man
}

# page NAME: its file.
page() {
	echo man/"$1".[1-8]
}

# Of other projects, all of which are in Debian.
foreign="blkid 8|cache_dump 8|cache_restore 8|dmsetup 8|fsfreeze 8|fstab 5|gzip 1|lvcreate 8|lvm.conf 5|mount 8|nbdkit 1|nbdkit-filter 3|rbd 8|systemd.generator 7"

# What mandoc says but for matters of taste: that the system has a name, how long a line of the
# source is, and whether the pages that are named are installed here.
lint() {
	mandoc -T lint -W style man/*.[1-8] >found 2>/dev/null || :
	fails grep -v -e 'operating system explicitly specified' \
		-e 'input text line longer than' -e 'referenced manual not found' found
}

@test "mandoc finds nothing to object to" {
	need mandoc
	lint
	sed -i 's/^\.Sh EXAMPLES$/.Sh EXAMPLES OF USE\n.Bl -tag/' "$(page era-stat)"
	fails lint
}

heads() {
	local page
	for page in man/*.[1-8]; do
		groff -T utf8 -mandoc -P -c "$page" 2>/dev/null | awk 'NF && !n++'
	done >found
	[ "$(grep -c "Manual" found)" = "$(printf '%s\n' man/*.[1-8] | wc -l)" ] || return
	fails grep BSD found
}

@test "no page calls itself one of BSD's" {
	need groff
	heads
	sed -i '/^\.ds doc-volume/d' "$(page era-check)"
	# Newer versions of groff name no system by themselves.
	[ "$(groff -v | sed -n '1s/.* 1\.\([0-9]*\)\..*/\1/p')" -ge 23 ] || fails heads
}

# Beyond the 80th column only messages and JSON may go, which are one line whatever they say, and
# what they answer is before them; and a program's source.
too_wide() {
	local page
	for page in man/*.[1-8]; do
		case $page in
		man/libdmera.3) sed '/^\.Sh EXAMPLES/,/^\.Sh SEE/d' "$page" ;;
		*) cat "$page" ;;
		esac | mandoc -T ascii -O width=80 | sed 's/.\x08//g' | grep -E '.{81}' |
			sed "s|^|$page:|" || :
	done | grep -Ev ':  +(era( [a-z-]+)?: |[a-z]+: sound: |[{"])' >found
	[ -s found ]
}

@test "in 80 columns nothing wraps but messages" {
	need mandoc
	fails too_wide
	cat found
	sed -i 's/^# era stat --svg /&a-name-for-which-there-is-no-more-room-in-such-a-line-/' \
		"$(page era-stat)"
	too_wide
}

# "see" or "text", a page, and a page that it refers to there.
references() {
	awk '
		FNR == 1 {
			self = FILENAME
			gsub(/.*\/|\.[1-8]$/, "", self)
			self = self " " substr(FILENAME, length(FILENAME))
			where = "text"
		}
		/^\.Sh / { where = $0 == ".Sh SEE ALSO" ? "see" : "text" }
		{
			for (i = 1; i < NF; i++)
				if ($i ~ /^\.?Xr$/)
					print where, self, $(i + 1), $(i + 2)
		}' man/*.[1-8] | sort -u
}

# Under SEE ALSO is whatever the text names, and both pages with which a reader can begin; what is
# under it has the page under its own, or is of another project.
see_also() {
	references >all
	sed -n 's/^see //p' all >see
	{
		sed -n 's/^text //p' all
		cut -d ' ' -f 1,2 see | sed 's/$/ era 8/; p; s/ era 8$/ era-tools 7/'
	} | awk '$1 != $3 || $2 != $4' | sort -u >wanted
	comm -23 wanted see >missing
	grep -Ev " ($foreign)\$" see | awk '{ print $3, $4, $1, $2 }' | sort |
		comm -23 - see >>missing
	[ "$(wc -l <see)" -gt 50 ] || return
	[ ! -s missing ] && return
	cat missing
	return 1
}

@test "SEE ALSO has all that a page names, leads back, and to no page that isn't there" {
	see_also
	sed -i 's/^\.Xr era-stat 8$/.Xr era-check 8/' "$(page era-invalidate)"
	fails see_also
	cp "$abs_top_srcdir/man/era-invalidate.8" man
	see_also
	sed -i 's/^\.Xr dmsetup 8/.Xr dmstup 8/' "$(page era-check)"
	fails see_also
}

# Each line of a crontab, and each ExecStart of a unit; what /usr/local/sbin has is one of the
# recipes by hand.
jobs_are_real() {
	local job
	cat man/*.[1-8] | sed -En \
		-e 's/^([0-9*,-]+ +){5} *root +([A-Z]+=[^ ]+ )?([^ ]+).*/\3/p' \
		-e 's|^ExecStart=/usr/local/sbin/([^ ]*).*|\1|p' >jobs
	while read -r job; do
		grep -qx "# /usr/local/sbin/$job" "$abs_top_srcdir/doc/by-hand.md" || return
	done <jobs
	[ "$(wc -l <jobs)" -ge 4 ]
}

# Where a page shows a file, its first line is a comment with its name.
unit_of() {
	sed -n "\\|^# /etc/systemd/system/$1\$|,/^\\.Ed/{/^\\.Ed/d;p}" man/era-tools.7
}

@test "the examples for cron and systemd run what the recipes by hand have, and systemd takes them" {
	jobs_are_real
	need systemd-analyze
	mkdir units
	unit_of era-backup.timer >units/era-backup.timer
	unit_of era-backup.service | sed 's|^ExecStart=.*|ExecStart=/bin/true|' \
		>units/era-backup.service
	SYSTEMD_UNIT_PATH=$PWD/units: systemd-analyze verify --man=no units/era-backup.timer \
		units/era-backup.service >found 2>&1 || skip_test "systemd-analyze: $(cat found)"
	cat found
	[ ! -s found ]
	sed -i 's/OnCalendar=.*/OnCalendar=now and then/' units/era-backup.timer
	SYSTEMD_UNIT_PATH=$PWD/units: systemd-analyze verify --man=no units/era-backup.timer \
		>found 2>&1 || :
	[ -s found ]
	sed -i 's/ era-backup$/ era-bakcup/' man/era-tools.7
	fails jobs_are_real
}

# The anchors of a document, as they are made of its headings.
anchors() {
	grep '^#' "$1" | sed 's/^#* //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}

# Where the links of a document lead: [text](target), and pictures.
targets() {
	grep -Eo '\]\([^)]*\)|(src|href|srcset)="[^"]*"' "$1" |
		sed -E 's/^\]\((.*)\)$/\1/; s/^[a-z]*="(.*)"$/\1/'
}

# leads_somewhere FILE TARGET
leads_somewhere() {
	local file=$1 anchor=
	case $2 in
	http://*|https://*) return ;;
	*'#'*) anchor=${2#*#} ;;
	esac
	[ -z "${2%%#*}" ] || file=$(dirname "$1")/${2%%#*}
	[ -e "$file" ] || return
	[ -z "$anchor" ] || anchors "$file" | grep -qx -- "$anchor"
}

# links FILE...
links() {
	untraced lead_somewhere "$@"
}

lead_somewhere() {
	local file target n=0 bad=0
	for file; do
		while read -r target; do
			n=$((n + 1))
			leads_somewhere "$file" "$target" ||
				{ echo "$file: $target leads nowhere"; bad=1; }
		done < <(targets "$file")
	done
	echo "$n links"
	[ "$n" -gt 10 ] && [ "$bad" = 0 ]
}

@test "the documents of the source tree lead to files and headings that are there" {
	cd "$abs_top_srcdir"
	links ./*.md doc/*.md python/README.md tests/README.md
	mkdir "$BATS_TEST_TMPDIR/doc"
	cp ./*.md "$BATS_TEST_TMPDIR"
	cp doc/*.md "$BATS_TEST_TMPDIR/doc"
	chmod -R u+w "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	links doc/*.md
	sed -i 's/(#the-barrier)/(#the-barriers)/' doc/by-hand.md
	fails links doc/*.md
	cp "$abs_top_srcdir/doc/by-hand.md" doc
	rm doc/witness.md
	fails links doc/*.md
}

# install_data: all but programs, as "make install" does.
install_data() {
	[ -e "$abs_top_builddir/Makefile" ] || skip_test "needs a build tree"
	(unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$abs_top_builddir" install-data DESTDIR="$PWD/root") >log 2>&1 ||
		{ cat log; return 1; }
}

@test "so do those that are installed, and each file that a page names is there" {
	local docs file
	install_data
	docs=$(dirname "$(find root -name tutorial.md)")
	links "$docs"/*.md
	fails grep -n '](doc/' "$docs/README.md"
	for file in $(sed -En 's/^\.Pa ([a-z]+\.md|systemd)( .*)?$/\1/p' man/*.[1-8]); do
		[ -e "$docs/$file" ] || { echo "$file"; false; }
	done
	fails grep -rnE '^\.Pa .*(doc|tests)/' man
	rm "$docs/format.md"
	fails links "$docs"/*.md
}

# They are as era stat draws them, though not always to the last number: what they are made of may
# have changed since.
@test "the pictures of the README can be made anew" {
	local name
	need "$python"
	need xmllint
	need_ours era
	"$abs_top_srcdir/scripts/pictures" "$(command -v era)" .
	for name in map stat; do
		xmllint --noout "$name.svg" "$abs_top_srcdir/doc/$name.svg"
		[ "$(wc -c <"$abs_top_srcdir/doc/$name.svg")" -lt 60000 ]
		[ "$(xmllint --xpath 'string(/*/@width)' "$name.svg")" \
			= "$(xmllint --xpath 'string(/*/@width)' "$abs_top_srcdir/doc/$name.svg")" ]
	done
	grep -q '>1 character: 1 MiB, by its newest era; higher: more of it<' map.svg
	[ "$(grep -c '<rect .*fill="#fde737"' map.svg)" -gt 3 ]
	grep -q '>era 60<' stat.svg
	fails "$abs_top_srcdir/scripts/pictures" false .
}
