#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup of a disk that a target in userspace serves. What the storage does for "make a
# snapshot" is a copy of the file, while nobody writes.

load ../lib/common
load target

setup() {
	target_setup disk 10M meta 1M
	need jq
	need_ours era_apply era_backup
	start
	write_random 0 160
}

start() {
	target_start file disk era-metadata=meta "${fresh[@]}" era-socket=ctl
}

# backup [OPTION...]: what was said is in the file said, and the document in json.
backup() {
	if ! era_backup --snapshot 'cp disk snap' --source snap --release 'mv snap old' --json \
		"$@" ctl T >json 2>said; then
		cat said
		return 1
	fi
	cmp old T || return
	fails test -e snap
}

# is MEMBER VALUE
is() {
	[ "$(jq -r ".$1" json)" = "$2" ] || { cat json; return 1; }
}

# no_snapshot: none is held.
no_snapshot() {
	[ "$(era_ctl ctl status | cut -d ' ' -f 4)" = - ]
}

@test "a full backup, then what was written" {
	backup
	is backup full
	write_random 20 3
	write_random 100 1
	backup
	is backup incremental
	is listed_bytes $((4 * 65536))
	is origin "metadata file:$PWD/meta"
	backup --verify
	is listed_bytes 0
	no_snapshot
	# After it was stopped, and after it was killed.
	target_stop
	start
	write_random 30 1
	backup
	is backup incremental
	write_random 40 2
	target_kill
	start
	backup
	is backup incremental
	# The target stopped: the same backup goes on offline.
	write_random 50 2
	target_stop
	era_backup --offline meta --source disk T --json >json
	is backup incremental
	is listed_bytes $((2 * 65536))
	cmp disk T
}

# await FILE: it appears, or the backup ends.
await() {
	while [ ! -e "$1" ] && kill -0 $pid 2>/dev/null; do
		sleep 0.01
	done
}

@test "what is written while the snapshot is made is in this backup or the next" {
	local n
	cat >make <<-'END'
		exec 3>&- 4>&-
		wait_for() {
			touch "$1"
			while [ ! -e "$2" ]; do sleep 0.01; done
		}
		wait_for begun written
		cp disk snap
		wait_for made written.too
	END
	backup
	for n in 1 2 3; do
		rm -f begun written made written.too
		era_backup -q --snapshot 'sh make' --source snap ctl T &
		pid=$!
		await begun
		write_random $((20 * n)) 3
		touch written
		await made
		write_random $((20 * n + 10)) 3
		touch written.too
		wait $pid
		cmp snap T
	done
	backup
	[ "$(jq .listed_bytes json)" -ge $((3 * 65536)) ]
	cmp disk T
}

@test "a command that fails" {
	backup
	cp T.era state
	write_random 20 3
	status_is 3 era_backup --snapshot 'cp disk snap; exit 7' --source snap \
		--release 'touch released' ctl T
	grep -q "exit 7: ended with status 7" "$stderr"
	[ ! -e released ]
	# The snapshot was made, and is not where it should be.
	status_is 3 era_backup --snapshot 'cp disk snap' --source missing \
		--release 'touch released' ctl T
	[ -e released ]
	cmp T.era state
	cmp old T
	no_snapshot
	# The release fails after the backup.
	status_is 3 era_backup --snapshot 'cp disk snap' --source snap --release false ctl T
	grep -q "false: ended with status 1" "$stderr"
	cmp disk T
}

@test "a command gets no descriptor but its input and outputs" {
	era_backup -q --source snap ctl T --snapshot \
		'cp disk snap; ls -l /proc/$$/fd >fds' 3>&- 4>&-
	grep " 2 -> " fds
	fails grep " [3-9] -> " fds
}

@test "--freeze: of a filesystem, and of a disk in use" {
	status_is 3 era_backup --freeze . --snapshot 'cp disk snap' --source snap ctl T
	grep -q "^era_backup: .: cannot freeze: no filesystem is mounted there" "$stderr"
	status_is 3 era_backup --converge --freeze missing --source disk ctl T
	grep -q "missing: cannot open" "$stderr"
	[ ! -e T ]
	[ ! -e snap ]
	no_snapshot
	status_is 2 era_backup --offline meta --freeze / --source disk T
	grep -q -e "--freeze goes with --snapshot and --converge only" "$stderr"
	status_is 2 era_backup --converge --freeze / --timeout 601 --source disk ctl T
	grep -q "found 601, wanted at most 600" "$stderr"
	# shellcheck disable=SC2046
	status_is 2 era_backup --converge $(printf -- '--freeze %d ' {1..17}) --source disk ctl T
	grep -q -e "--freeze: is given more than 16 times" "$stderr"
}

@test "somebody else's metadata snapshot is refused" {
	backup
	cp T.era state
	write_random 20 3
	era_ctl ctl take_metadata_snap
	status_is 4 era_backup --snapshot 'cp disk snap' --source snap ctl T
	grep -q "a metadata snapshot is held that is not this backup's" "$stderr"
	[ ! -e snap ]
	cmp T.era state
	fails no_snapshot
	# Also one that is taken while the command runs.
	era_ctl ctl drop_metadata_snap
	status_is 3 era_backup --snapshot 'cp disk snap; era_ctl ctl take_metadata_snap' \
		--source snap ctl T
	fails no_snapshot
	cmp T.era state
	era_ctl ctl drop_metadata_snap
	backup
	is backup incremental
}

@test "an older copy that took the place of the metadata, with a metadata snapshot" {
	backup
	era_ctl ctl take_metadata_snap >/dev/null
	cp meta older
	era_ctl ctl drop_metadata_snap >/dev/null
	write_random 20 3
	mv meta theirs
	mv older meta
	status_is 4 era_backup --snapshot 'cp disk snap' --source snap ctl T
	grep -q "$PWD/meta: has a metadata snapshot of era .*: are these other metadata than" \
		"$stderr"
	mv theirs meta
	backup
	is listed_bytes $((3 * 65536))
}

@test "its own metadata snapshot, left by a kill, is dropped by the next run" {
	local era
	backup
	write_random 20 3
	# As a run leaves it that was killed when it had taken it.
	era=$(era_ctl ctl status | cut -d ' ' -f 3)
	note $((era + 1))
	era_ctl ctl take_metadata_snap
	write_random 30 3
	backup
	grep -q "the metadata snapshot that an earlier run has left is dropped" said
	is backup incremental
	is listed_bytes $((6 * 65536))
	no_snapshot
	fails grep -q snapshot-era T.era
	# It was noted, and not taken; and then somebody else took one.
	era=$(era_ctl ctl status | cut -d ' ' -f 3)
	note $((era + 1))
	backup
	fails grep -q snapshot-era T.era
	note $((era + 1))
	era_ctl ctl take_metadata_snap
	status_is 4 era_backup --snapshot 'cp disk snap' --source snap ctl T
	grep -q "that is not this backup's" "$stderr"
	# What a run that was killed had asked for is done late: in the middle of the next one.
	era_ctl ctl drop_metadata_snap
	cat >late <<-'END'
		cp disk snap
		[ ! -e again ] || era_ctl ctl take_metadata_snap
	END
	# The barrier begins an era before it.
	era=$(era_ctl ctl status | cut -d ' ' -f 3)
	note $((era + 2))
	touch again
	status_is 3 era_backup --snapshot 'sh late' --source snap ctl T
	rm again
	backup
	grep -q "the metadata snapshot that an earlier run has left is dropped" said
}

# note ERA: as a run does it before it takes a metadata snapshot.
note() {
	sed -i '/^snapshot-era/d; $d' T.era
	echo "snapshot-era $1" >>T.era
	"$python" - >>T.era <<-'END'
		crc = 0xffffffff
		for byte in open("T.era", "rb").read():
		    crc ^= byte
		    for bit in range(8):
		        crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
		print("checksum %08x" % (crc ^ 0xffffffff))
	END
}

# backup_after_kill: what the run had asked for that was killed may be done late, in the middle of
# the next one, which then fails; the one after it gets over that. And a child that the run had just
# forked for a command holds its lock until it is that command.
backup_after_kill() {
	backup && return
	if grep -q "T: is in use" said; then
		sleep 0.5
		backup && return
	fi
	grep -q "a metadata snapshot is held already" said && backup
}

@test "kills at random times" {
	local n
	RANDOM=${ERA_SEED:-1}
	backup
	for ((n = 0; n < ${ERA_KILLS:-8}; n++)); do
		write_random $((RANDOM % 150)) $((RANDOM % 10 + 1))
		# With the command, which would go on, and write to what the next run has made.
		setsid "$(command -v era_backup)" -q --snapshot 'cp disk snap' --source snap ctl T &
		pid=$!
		sleep "0.0$((RANDOM % 50 + 10))"
		kill -9 -- -$pid 2>/dev/null || :
		wait $pid 2>/dev/null || :
		[ $((n % 2)) = 0 ] || continue
		backup_after_kill
		is backup incremental
		no_snapshot
	done
	backup
}

@test "a signal drops the metadata snapshot, and releases the storage's" {
	backup
	write_random 0 160
	cp T before
	: >progress
	era_backup --limit 128k --snapshot 'cp disk snap' --source snap --release 'mv snap old' \
		--progress-fd=3 -q ctl T 3>progress &
	pid=$!
	while ! grep -q '"copy"' progress && kill -0 $pid; do
		sleep 0.02
	done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	cmp T before
	[ ! -e snap ]
	no_snapshot
	# While the command runs.
	era_backup --snapshot 'cp disk snap; touch running; sleep 1' --source snap \
		--release 'mv snap old' -q ctl T &
	pid=$!
	until [ -e running ] || ! kill -0 $pid; do
		sleep 0.02
	done
	kill -INT $pid
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	[ ! -e snap ]
	cmp T before
	backup
}

# A merged delta tells of no metadata, so these may be any.
@test "what was made from a merged delta gets a full backup, and no increment" {
	local options=(--snapshot 'cp disk snap' --source snap)
	need rbd
	export CEPH_CONF=/dev/null
	era_backup "${options[@]}" ctl - >first
	era_apply -q first other
	era_apply --print-state other >base
	write_random 20 3
	era_backup "${options[@]}" --base base ctl - >second
	rbd --no-progress merge-diff first second merged 2>said || { cat said; false; }
	era_apply -q --no-checksum merged T
	cmp snap T
	era_apply --print-state T >base
	status_is 4 era_backup "${options[@]}" --incremental-only ctl T
	grep -q "does not say which metadata it is from, as a merged one" "$stderr"
	status_is 4 era_backup "${options[@]}" --incremental-only --base base ctl - >third
	write_random 40 2
	backup
	is backup full
	write_random 60 1
	backup
	is backup incremental
}

@test "a dry run; metadata made anew; a disk that has grown" {
	backup
	write_random 20 3
	era_backup -n --snapshot 'touch ran' --source none ctl T 2>said
	grep -q "(incremental): 192 KiB would be copied" said
	[ ! -e ran ]
	no_snapshot
	target_stop
	rm meta
	truncate -s 1M meta
	fresh=(era-block-size=64k era-format=yes era-first=1000)
	start
	write_random 80 1
	backup
	cmp disk T
	target_stop
	truncate -s 11M disk
	start
	write_random 165 2
	backup
	is backup incremental
	cmp disk T
}
