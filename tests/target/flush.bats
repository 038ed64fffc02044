#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The origin is flushed before an era is given out: lossy.c loses all that is not.

load ../lib/common
load target

setup() {
	target_setup
	need_lossy
}

@test "killed at any point: one cache for all connections" {
	play lossy crash "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-1}" multi=yes
}

@test "killed at any point: a cache for each connection" {
	play lossy crash "${ERA_TARGET_ROUNDS:-3}" "${ERA_TARGET_SEED:-2}"
}

@test "killed at any point: layers that are not parallel are never called twice at once" {
	play lossy crash "${ERA_TARGET_ROUNDS:-1}" "${ERA_TARGET_SEED:-3}" model=all slow=300
	play lossy crash "${ERA_TARGET_ROUNDS:-1}" "${ERA_TARGET_SEED:-4}" model=requests slow=300
	play lossy crash "${ERA_TARGET_ROUNDS:-1}" "${ERA_TARGET_SEED:-5}" model=connections \
		slow=300
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
	target_start eval get_size='echo 1048576' pread='head -c $3 /dev/zero' \
		pwrite='cat >/dev/null' \
		can_write='exit 0' can_flush='exit 3' era-metadata=meta "${fresh[@]}"
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

# One block of 16 is written in era 2, one in era 3, where the flush fails.
fail_flush() {
	truncate -s 1M disk meta
	rm -f meta fails
	target_start eval get_size='echo 1048576' \
		pread='dd if=disk bs=65536 count=1 2>/dev/null | head -c $3' \
		pwrite='cat >/dev/null' can_write='exit 0' can_flush='exit 0' \
		flush='[ ! -e fails ]' \
		era-metadata=meta "${fresh[@]}" era-socket=ctl
	[ "$(era_ctl ctl checkpoint)" = 2 ] || return
	qemu-io -f raw "$uri" -c "write 0 4k" || return
	[ "$(era_ctl ctl checkpoint)" = 3 ] || return
	touch fails
	qemu-io -f raw "$uri" -c "write 128k 4k" -c flush || :
	status_is 3 era_ctl ctl checkpoint || return
	target_stop
}

refuses_list() {
	status_is 4 "$@" >list || return
	[ ! -s list ] || return
	grep -q "a flush of the origin has failed, .* no answer is safe" "$stderr"
}

@test "metadata that remember a flush that failed give no answer until the target has marked again" {
	need qemu-io
	fail_flush
	era_check meta >said 2>&1
	grep "note: .*a flush of the origin has failed .*found 2, wanted after 3" said
	refuses_list era_invalidate --written-since 1 meta
	refuses_list era_invalidate --written-since 3 meta
	refuses_list era_dump meta
	target_fails -r file disk era-metadata=meta
	grep "no answer is safe" said
	status_is 5 era_invalidate --repair --written-since 3 --format ranges meta >list
	[ "$(cat list)" = "0 1048576" ]
	truncate -s 1M new
	status_is 5 era_repair -i meta -o new
	[ "$(era_invalidate --written-since 3 --format ranges new)" = "0 1048576" ]
	target_start file disk era-metadata=meta
	target_stop
	[ "$(era_invalidate --written-since 4 --format ranges meta)" = $'0 65536\n131072 65536' ]
}
