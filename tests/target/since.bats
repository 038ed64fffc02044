#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Many connections that open since=N at once share their lists, and none lacks a block.

load ../lib/common
load target

setup() {
	target_setup
	need_ours drive
}

@test "since=N shared by many: what was written before an opening is in its list" {
	play since law "${ERA_SINCE_SECONDS:-2}"
}

@test "since=N opened by sixteen at once costs hardly more than one" {
	play since cost
}

@test "since=N: an opening ends when its client has gone, or the server stops" {
	play since stop
}

@test "since=N: lists of many different eras are bounded, and go with their connections" {
	truncate -s 1M disk
	target_start file disk era-metadata=meta era-block-size=4k era-format=yes era-socket=ctl
	status_is 2 era_ctl ctl ctl checkpoint
	"$python" -c '
import nbd
def opened(since):
    h = nbd.NBD()
    h.set_export_name(f"since={since}")
    h.connect_unix("nbd")
    return h
held = [opened(n) for n in range(64)]
try:
    opened(64)
    raise SystemExit("a list too many")
except nbd.Error:
    pass
held.append(opened(5))
held.pop(9).shutdown()
for n in range(200):
    try:
        opened(64)
        raise SystemExit(0)
    except nbd.Error:
        pass
raise SystemExit("no list went")'
	target_stop
	grep "64 lists are held" log
}
