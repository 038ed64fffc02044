# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# What the command line tests share: tables of cases, and the small programs of this folder.

programs=(era_check era_dump era_restore era_invalidate era_repair)

# untraced COMMAND...: bats traps every command, which is most of the time of a long loop.
untraced() {
	local traced got=0
	traced=$(trap -p DEBUG)
	trap - DEBUG
	"$@" || got=$?
	eval "$traced"
	return $got
}

# cases COUNT COMMAND...: calls COMMAND with the fields of each line of standard input, which are
# separated by ' | '. All are tried; every one must succeed, and there must be COUNT of them.
cases() {
	untraced cases_untraced "$@"
}

cases_untraced() {
	local want=$1 lines line fields n=0 bad=0
	shift
	mapfile -t lines
	for line in "${lines[@]}"; do
		fields=()
		while [[ $line == *' | '* ]]; do
			fields+=("${line%%' | '*}")
			line=${line#*' | '}
		done
		n=$((n + 1))
		"$@" "${fields[@]}" "$line" </dev/null && continue
		echo "failed: ${fields[*]} $line" >&2
		bad=$((bad + 1))
	done
	[ "$n" = "$want" ] || echo "$n cases, wanted $want" >&2
	[ "$bad" = 0 ] || echo "$bad of $n cases failed" >&2
	[ "$n" = "$want" ] && [ "$bad" = 0 ]
}

# test_tool NAME: tests/lib/NAME.c, which the Makefile builds beside it; by hand it is built here.
test_tool() {
	local dir=$BATS_FILE_TMPDIR/tools
	command -v "$1" >/dev/null && return
	need "${CC:-cc}"
	mkdir -p "$dir"
	"${CC:-cc}" -D_GNU_SOURCE -O2 -o "$dir/$1" "$abs_top_srcdir/tests/lib/$1.c" || return
	PATH=$PATH:$dir
}

# unpack_images: the kernel-written images, unpacked into $BATS_FILE_TMPDIR/images.
unpack_images() {
	local folder
	mkdir -p "$BATS_FILE_TMPDIR/images"
	for folder in "$abs_top_srcdir"/tests/images/[0-9]*/; do
		[ -e "$folder/truth" ] || continue
		gzip -dc "$folder/image.gz" >"$BATS_FILE_TMPDIR/images/$(basename "$folder")"
	done
}

# each_image COMMAND...: COMMAND IMAGE for every one; all are tried.
each_image() {
	untraced each_untraced "$@"
}

each_untraced() {
	local image tried=0 bad=()
	for image in "$BATS_FILE_TMPDIR"/images/*; do
		tried=$((tried + 1))
		"$@" "$image" </dev/null || bad+=("${image##*/}")
	done
	[ ${#bad[@]} = 0 ] || echo "wrong: ${bad[*]}" >&2
	[ "$tried" -gt 20 ] && [ ${#bad[@]} = 0 ]
}

# no_answer FILE COMMAND...: what COMMAND printed is nothing or, if it prints JSON, one line that
# says no more than what went wrong.
no_answer() {
	if [[ "${*:2}" != *json* ]]; then
		[ ! -s "$1" ]
		return
	fi
	[ "$(wc -l <"$1")" = 1 ] && grep -qxE '\{"path":"[^"]*",("status":"damaged","exit_status":1|'\
'"status":"error","exit_status":3|"status":"no answer","exit_status":4),"error":"[^{]+"\}' "$1"
}

# sanitized PROGRAM: it can't live under a limit of address space.
sanitized() {
	grep -q __asan_init "$(command -v "$1")"
}

# exit_status COMMAND...: sets $status; stdout goes through, stderr is kept in $stderr.
exit_status() {
	stderr=$BATS_TEST_TMPDIR/stderr
	status=0
	"$@" 2>"$stderr" || status=$?
}

# wrong WHAT: says so, with what the last program had to say.
wrong() {
	echo "$@" >&2
	[ ! -s "${stderr:-}" ] || head -n 5 "$stderr" >&2
	return 1
}

# says TEXT: the last program's stderr holds it.
says() {
	grep -qF -e "$1" "$stderr" || wrong "does not say \"$1\":"
}

silent() {
	[ ! -s "$stderr" ] || wrong "is not silent:"
}

# one_of STATUS...: $status is one of them.
one_of() {
	[[ " $* " == *" $status "* ]] || wrong "exit status $status, wanted one of $*"
}

# btrfs_signature FILE: what libblkid knows btrfs by; 2.41 looks at the checksum and at the sizes of
# sectors and nodes, too. The rest of that block is zero.
btrfs_signature() {
	local offset bytes
	while read -r offset bytes; do
		printf "$bytes" | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
	done <<-'END'
		65536 \221\153\370\371
		65600 _BHRfS_M
		65680 \0\020\0\0\0\100\0\0
	END
}
