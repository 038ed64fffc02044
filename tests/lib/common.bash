# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What all bats files share. "make check" sets abs_top_srcdir and abs_top_builddir; by hand they are
# found from where this file lies. Our programs come first in PATH, from the build tree, or from
# $ERA_BIN_DIR (folders with colons between) to test installed ones. The distribution has programs
# of the same names: they are reached as "$PEER_DIR/era_check", and never through PATH.
#
# A pipeline fails with any of its parts. What reads may stop before the end of what is written
# where the writer is in a <(...), whose status nobody asks for.

abs_top_srcdir=${abs_top_srcdir:-$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)}
abs_top_builddir=${abs_top_builddir:-$abs_top_srcdir}
era_path=${ERA_BIN_DIR:-$(printf ':%s' "$abs_top_builddir"/era{,_*})}
era_path=${era_path#:}
set -o pipefail
PATH=$era_path:$abs_top_builddir/tests/lib:$abs_top_builddir/tests/target:$PATH
# Where mkfs.ext4, losetup and others are, which a user need not have there.
PATH=$PATH:/usr/sbin:/sbin
export PATH

# The distribution's, which has its modules, where there is one.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

for PEER_DIR in /usr/sbin /sbin /usr/local/sbin; do
	[ ! -x "$PEER_DIR/era_check" ] || break
done

# skip_test REASON: with ERA_NO_SKIP=1 nothing may be skipped.
skip_test() {
	if [ "${ERA_NO_SKIP:-}" = 1 ]; then
		echo "$1"
		return 1
	fi
	skip "$1"
}

# need TOOL...: skips the test when one is missing. A name with a slash is a file.
need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip_test "needs $tool"
	done
}

# need_mount_namespace: sets namespace, the options of unshare for one; who is not root becomes it
# there. What it says why not is unshare's: in a chroot whose root is no mount point there is none.
need_mount_namespace() {
	local why
	namespace=-m
	unshare $namespace true 2>/dev/null || namespace=-rm
	why=$(unshare $namespace true 2>&1) || skip_test "needs a mount namespace: $why"
}

# need_faketime: it needs shared memory, which a build root may lack.
need_faketime() {
	local said
	need faketime
	said=$(at_time "2020-01-01 00:00:00" true 2>&1) ||
		skip_test "faketime does not work here: ${said%%$'\n'*}"
}

# at_time TIME COMMAND...: what faketime shares is named by the number of its process, and stays
# when one is killed; another one gets another number.
at_time() {
	local turn got
	for ((turn = 0; turn < 50; turn++)); do
		got=0
		faketime -f "$@" 2>"$BATS_TEST_TMPDIR/at_time" || got=$?
		grep -q '_open: File exists' "$BATS_TEST_TMPDIR/at_time" || break
	done
	cat "$BATS_TEST_TMPDIR/at_time" >&2
	return "$got"
}

# need_ours PROGRAM...: the program must be ours. One that isn't built is a failure.
need_ours() {
	local tool found
	for tool; do
		found=$(command -v "$tool") || found=nothing
		case :$era_path:$abs_top_builddir/tests/lib:$abs_top_builddir/tests/target: in
		*:"${found%/*}":*) ;;
		*) echo "$tool is not built: found $found"; return 1 ;;
		esac
	done
}

# status_is N COMMAND...: stdout goes through, stderr is kept in $stderr, and shown when the exit
# status is another one.
status_is() {
	local want=$1 got=0
	shift
	stderr=$BATS_TEST_TMPDIR/stderr
	"$@" 2>"$stderr" || got=$?
	[ "$got" = "$want" ] && return
	printf '%q ' "$@" >&2
	printf '\nexit status %d, wanted %d\n' "$got" "$want" >&2
	cat "$stderr" >&2
	return 1
}

# fails COMMAND...: "! COMMAND" in the middle of a test would not end it.
fails() {
	if "$@"; then
		printf '%q ' "$@" >&2
		echo "did not fail" >&2
		return 1
	fi
}

# flip_bit FILE OFFSET [BIT]: of that byte.
flip_bit() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf %02x $((byte ^ 1 << ${3:-4})))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# mark_untracked FILE: its last block says what doc/state.md has of a device without its target.
mark_untracked() {
	local blocks=$(($(stat -c %s "$1") / 4096))
	{
		printf 'era-tools untracked 1\n\0\0'
		printf '2026-01-01 00:00:00 UTC\0\0\0\0\0\0\0\0\0'
		printf '\004\037\366\330'
	} | dd of="$1" bs=4096 seek=$((blocks - 1)) conv=notrunc status=none
}

# The folder of this test alone; bats removes it.
scratch() {
	cd "$BATS_TEST_TMPDIR" || return
}

# programs_for_all DIR: copies our programs into DIR/bin and puts it first in PATH, for a user who
# may not be able to reach the build tree.
programs_for_all() {
	local program
	mkdir "$1/bin"
	for program in "$abs_top_builddir"/era_*/; do
		program=$(basename "$program")
		cp "$(command -v "$program")" "$1/bin"
	done
	chmod -R a+rX "$1/bin"
	PATH=$1/bin:$PATH
}
