#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# What is installed, under which names, and uninstalled: programs, links, pages.

load ../lib/common
load ../lib/cases

setup() {
	scratch
}

# make_tree WORD...: in the build tree, without what a make that runs the tests has in the
# environment.
make_tree() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKE_TERMOUT -u MAKE_TERMERR \
		make -s -C "$abs_top_builddir" DESTDIR="$PWD/root" "$@" >make.log 2>&1 && return
	cat make.log
	return 1
}

installed() {
	(cd root && find . ! -type d | sed 's|.*/||' | sort)
}

# has_programs PREFIX NAME...: they are installed, and their pages.
has_programs() {
	local prefix=$1 name
	shift
	for name; do
		grep -qx "$prefix$name" found || return
		grep -qx "$prefix$name.8" found || return
	done
}

has_no() {
	local prefix=$1 name
	shift
	for name; do
		fails grep -qx "$prefix$name\(\.8\)\?" found || return
	done
}

compat_names="era_check era_dump era_invalidate era_repair era_restore"
own_names="era_ctl era_format era_mark era_metadata_size era_revert era_rollback era_stat"

need_tree() {
	need make
	[ -z "${ERA_BIN_DIR:-}" ] || skip_test "the programs are not those of the build tree"
}

# links_work PREFIX: each link in root runs its command, and its page leads to a page.
links_work() {
	local link page
	while IFS= read -r link; do
		status_is 0 "$link" --version >version || return
		grep -q "^${link##*/} " version || return
	done < <(find root -path '*/bin/*')
	while IFS= read -r page; do
		find root -path "*/$(sed -n 's/^\.so //p' "$page")" | grep -q . || return
	done < <(grep -rl '^\.so ' root)
}

# Whatever configure was told of the names of others: they are beside ours.
beside=(installed_links='$(own_links) $(compat_links)' apart_links=)

@test "all programs, links and pages are installed, and uninstalled" {
	need_tree
	make_tree install "${beside[@]}"
	installed >found
	has_programs '' era $compat_names $own_names
	links_work
	# Once more, over what is there.
	make_tree install "${beside[@]}"
	installed | cmp found -
	make_tree uninstall "${beside[@]}"
	[ -z "$(installed)" ]
}

@test "a prefix is that of programs, links and pages, not of the filter" {
	local transform='s&^&x-&'
	need_tree
	make_tree install "${beside[@]}" program_transform_name="$transform"
	installed >found
	has_programs x- era $compat_names $own_names
	has_no '' era $compat_names $own_names
	links_work
	[ "$(grep -c '\<nbdkit-era-filter\.' found)" -gt 0 ]
	fails grep 'x-nbdkit' found
	grep -qx era-tools.7 found
	make_tree uninstall "${beside[@]}" program_transform_name="$transform"
	[ -z "$(installed)" ]
}

@test "names of others' programs in a directory for PATH: no page and no completion is of theirs" {
	local words=(installed_links='$(own_links)' apart_links='$(compat_links)')
	words+=(compatdir=/usr/lib/era-tools/compat)
	need_tree
	make_tree install "${words[@]}"
	installed >found
	has_programs '' era $own_names
	links_work
	(cd root/usr/lib/era-tools/compat && ls) | cmp - <(printf '%s\n' $compat_names)
	[ "$(find root | grep -cE "/era_(check|dump|invalidate|repair|restore)\>")" = 5 ]
	status_is 0 root/usr/lib/era-tools/compat/era_check --version >version
	grep -q '^era_check ' version
	make_tree uninstall "${words[@]}"
	[ -z "$(installed)" ]
}

@test "without compat names there are only our own" {
	local words=(installed_links='$(own_links)' apart_links=)
	need_tree
	make_tree install "${words[@]}"
	installed >found
	has_programs '' era $own_names
	has_no '' $compat_names
	make_tree uninstall "${words[@]}"
	[ -z "$(installed)" ]
}
