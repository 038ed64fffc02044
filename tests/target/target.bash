# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=bash
#
# A target for tests: nbdkit with our filter, from the build tree. The players beside are in Python,
# for libnbd's sake, and use target.py; they run in the test's own folder. Debian's python3-libnbd
# is for Debian's python3.

target_dir=$abs_top_srcdir/tests/target
ERA_FILTER=$abs_top_builddir/target/nbdkit-era-filter.so
PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$target_dir
uri='nbd+unix:///?socket=nbd'
# Parameters of metadata that are made.
# shellcheck disable=SC2034 # for the tests
fresh=(era-block-size=64k era-format=yes era-first=1)

# look_once: in all tests of a file. What a filter with sanitizers is linked with must be there
# before it.
look_once() {
	"$python" -c 'import nbd' 2>/dev/null || skip_test "needs python3-libnbd" || return
	ldd "$ERA_FILTER" | awk '/lib(a|ub|t)san/ { printf "%s%s", s, $3; s = " " }' \
		>"$BATS_FILE_TMPDIR/preload"
}

need_target() {
	need nbdkit nbdinfo "$python"
	[ -e "$ERA_FILTER" ] || skip_test "the filter is not built: needs nbdkit's headers"
	need_ours era_check era_ctl era_dump era_invalidate listens
	[ -e "$BATS_FILE_TMPDIR/preload" ] || look_once || return
	ERA_PRELOAD=$(<"$BATS_FILE_TMPDIR/preload")
	# nbdkit leaves open connections as they are when it ends.
	ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99}:detect_leaks=0
	export ASAN_OPTIONS ERA_FILTER ERA_PRELOAD PYTHONDONTWRITEBYTECODE PYTHONPATH
}

# need_lossy: the layer below that forgets what was not flushed.
need_lossy() {
	export LOSSY_PLUGIN=$abs_top_builddir/tests/target/lossy.so
	[ -e "$LOSSY_PLUGIN" ] || skip_test "lossy.so is not built"
}

# target_setup [FILE SIZE]...: a folder of its own with these files.
target_setup() {
	need_target
	scratch
	while [ $# != 0 ]; do
		truncate -s "$2" "$1" || return
		shift 2
	done
}

play() {
	"$python" "$target_dir/$1.py" "${@:2}"
}

# write_random FIRST COUNT: random data, in blocks of 64 KiB, by a client.
write_random() {
	"$python" -c '
import nbd, os, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
first, count = int(sys.argv[2]), int(sys.argv[3])
for n in range(first, first + count):
	h.pwrite(os.urandom(65536), n * 65536)
h.flush()' "$uri" "$1" "$2"
}

# target_fails ARGUMENT...: nbdkit does not start; what it says goes to the file said.
target_fails() {
	rm -f nbd.refused
	fails env LD_PRELOAD="$ERA_PRELOAD" timeout -k 1 20 nbdkit -f -U nbd.refused \
		-P pid.refused \
		--filter="$ERA_FILTER" "$@" >said 2>&1
}

# target_start ARGUMENT...: with our filter before these; $above is for those before it. When it
# returns clients may connect, and wait until the origin is open.
target_start() {
	local n ctl
	ctl=$(printf '%s\n' "$@" | sed -n 's/^era-socket=//p')
	rm -f nbd pid
	# shellcheck disable=SC2086
	LD_PRELOAD=$ERA_PRELOAD nbdkit -f -U nbd -P pid ${above:-} --filter="$ERA_FILTER" "$@" \
		>>log 2>&1 3>&- &
	target_pid=$!
	for ((n = 0; n < 1000; n++)); do
		if [ -s pid ] && { [ -z "$ctl" ] || listens "$ctl"; }; then
			return 0
		fi
		kill -0 "$target_pid" 2>/dev/null || break
		sleep 0.02
	done
	cat log
	return 1
}

target_stop() {
	kill "$target_pid" || return
	target_await
}

# target_await: it ends, or has been told to.
target_await() {
	local status=0 watchdog
	{ sleep 60; kill -9 "$target_pid"; } >/dev/null 2>&1 3>&- &
	watchdog=$!
	wait "$target_pid" || status=$?
	kill "$watchdog" 2>/dev/null || :
	# With the address sanitizer nbdkit has been seen to hang in a destructor, after all is
	# done.
	[ -z "$ERA_PRELOAD" ] || [ "$status" != 137 ] || status=0
	[ "$status" = 0 ] || cat log
	target_pid=
	return "$status"
}

target_kill() {
	[ -n "${target_pid:-}" ] || return 0
	kill -9 "$target_pid" 2>/dev/null || :
	wait "$target_pid" 2>/dev/null || :
	target_pid=
}

teardown() {
	target_kill
}
