#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The origin is flushed before an era is given out: lossy.c loses all that is not.

load ../lib/common
load target

setup() {
	need_target
	scratch
	export LOSSY_PLUGIN=$abs_top_builddir/tests/target/lossy.so
	[ -e "$LOSSY_PLUGIN" ] || skip_test "lossy.so is not built"
}

@test "killed at any point: one cache for all connections" {
	play lossy crash "${ERA_TARGET_ROUNDS:-6}" "${ERA_TARGET_SEED:-1}" multi=yes
}

@test "killed at any point: a cache for each connection" {
	play lossy crash "${ERA_TARGET_ROUNDS:-6}" "${ERA_TARGET_SEED:-2}"
}

@test "killed at any point: layers that are not parallel are never called twice at once" {
	play lossy crash "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-3}" model=all slow=300
	play lossy crash "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-4}" model=requests slow=300
	play lossy crash "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-5}" model=connections slow=300
}

@test "a flush that fails is final until the restart, which marks again" {
	play lossy fail "${ERA_TARGET_ROUNDS:-4}" "${ERA_TARGET_SEED:-6}"
}

@test "a flush that fails, one cache for all connections" {
	play lossy fail "${ERA_TARGET_ROUNDS:-4}" "${ERA_TARGET_SEED:-7}" multi=yes
}

@test "what a server that was killed has left in a cache below is flushed by the next one" {
	play lossy leave "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-8}" multi=yes
}

@test "a layer that cannot flush, or is known to ignore it, is said" {
	truncate -s 1M disk
	target_start eval get_size='echo 1048576' pread='head -c $3 /dev/zero' pwrite='cat >/dev/null' \
		can_write='exit 0' can_flush='exit 3' era-metadata=meta era-block-size=64k era-format=yes
	nbdinfo --list "$uri" | grep "cannot be flushed below"
	target_stop
	grep "the layer below cannot flush" log
	target_start --filter=fua file disk fuamode=discard era-metadata=meta
	nbdinfo --size "$uri"
	target_stop
	grep "ignores flushes (fuamode=discard)" log
	rm log
	above="--filter=fua" target_start file disk fuamode=discard era-metadata=meta
	nbdinfo --size "$uri"
	target_stop
	[ "$(grep -c "ignores flushes" log)" = 0 ]
}
