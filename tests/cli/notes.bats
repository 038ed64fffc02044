#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# Notes of devices that were there without their targets: what can't be read may say that it was the
# device of these metadata. The directory is that of the system, in a mount namespace of its own.

load ../lib/common
load ../lib/cases

notes=/var/lib/era-tools

setup() {
	need_ours era_format era_invalidate
	need_mount_namespace
	scratch
	truncate -s 1M meta
	era_format -q --block-size 64k --device-size 1M meta
}

# listed STATUS COMMAND [PREFIX...]: after the shell's COMMAND, where /var/lib is empty.
listed() {
	status_is "$1" unshare $namespace bash -c '
		mount -t tmpfs none /var/lib && mkdir -p "$1" && cd / && eval "$2" || exit 9
		cd "$OLDPWD" && shift 2
		exec "$@" era_invalidate --written-since 1 --format ranges meta
	' - "$notes" "$2" timeout 10 "${@:3}"
}

# note METADATA: the command that prints one.
note() {
	echo "printf '%s\n' '2026-11-29 18:18:24 UTC' '$1' /dev/mapper/org ''"
}

@test "notes of these metadata and of others" {
	listed 0 true
	listed 0 "rmdir $notes"
	listed 0 "$(note /nowhere) >$notes/data.untracked"
	listed 4 "$(note "$PWD/meta") >$notes/data.untracked"
	says "the device data was there without its target since 2026-11-29 18:18:24 UTC"
	listed 4 "$(note "$PWD/meta") >'$notes/we ird.untracked'"
	listed 4 "{ $(note /nowhere); $(note "$PWD/meta"); } >$notes/data.untracked"
}

@test "notes that are not understood" {
	for command in "ln -s /nowhere" "mkdir" "mkfifo" "touch" "ln -s x.untracked" \
		"printf '2026\\n/nowhere\\n/dev/org\\n' >"; do
		listed 4 "$command $notes/x.untracked"
		says "there is no list, since $notes/x.untracked is not understood"
	done
}

@test "a directory that can't be read" {
	local unable="setpriv --bounding-set=-all --inh-caps=-all"
	need setpriv
	for command in "rmdir $notes; touch $notes" "rmdir $notes; ln -s /nowhere $notes" \
		"rmdir $notes; ln -s era-tools $notes"; do
		listed 4 "$command"
		says "there is no list, since $notes cannot be read"
	done
	listed 0 true $unable
	listed 4 "chmod 300 $notes" $unable
	says "there is no list, since $notes cannot be read: Permission denied"
	listed 4 "$(note /nowhere) >$notes/data.untracked; chmod 200 $notes/data.untracked" $unable
	says "there is no list, since $notes/data.untracked is not understood"
}
