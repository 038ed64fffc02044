#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup of a disk that is not in use: TARGET equals the source afterwards, only what was
# written is copied, and what contradicts the last backup is refused or makes a full one. Without a
# kernel, a write is a write to the file and era mark, by the function of that name.

load ../lib/common
load ../lib/backups
load ../lib/cases

setup_file() {
	need_ours era_apply era_backup era_format era_mark ofdlock
	need jq
	cd "$BATS_FILE_TMPDIR"
	era_format -q --block-size 64k --device-size 10M --era 100 meta
	head -c 10M /dev/urandom >disk
	dd if=/dev/zero of=disk bs=64k seek=10 count=30 conv=notrunc status=none
	era_backup -q --offline meta --source disk T
}

setup() {
	scratch
	cp "$BATS_FILE_TMPDIR"/{meta,disk,T,T.era} .
	# What identifies a file is its path.
	sed -i "s,^origin .*,origin file:$PWD/disk," T.era
	checksum T.era
}

teardown() {
	[ -z "${elsewhere:-}" ] || rm -r "$elsewhere"
}

# behind FIRST COUNT [FILE]: a write past the target.
behind() {
	dd if=/dev/urandom of="${3:-disk}" bs=64k seek="$1" count="$2" conv=notrunc status=none
}

# write FIRST COUNT
write() {
	behind "$1" "$2" || return
	echo "$1 $2" | era_mark --ranges - --unit blocks -q meta >/dev/null
}

# backup [OPTION...]: what was said is in the file said, and the document in json.
backup() {
	if ! era_backup --offline meta --source disk --json "$@" T >json 2>said; then
		cat said
		return 1
	fi
	cmp disk T
}

# is MEMBER VALUE
is() {
	[ "$(jq -r ".$1" json)" = "$2" ] || { cat json; return 1; }
}

# full TEXT: the backup is one, and this is why.
full() {
	backup || return
	is backup full || return
	grep -q "T: a full backup: .*$1" said || { cat said; return 1; }
}

# refused STATUS TEXT ARGUMENT...
refused() {
	refused_by "$1" "$2" era_backup --source disk "${@:3}"
}

@test "a full backup, then what was written" {
	rm T T.era
	full "there is none yet"
	is data_bytes $((130 * 65536))
	is zero_bytes $((30 * 65536))
	[ "$(stat -c %b T)" -lt $((140 * 128)) ]
	write 20 3
	write 159 1
	backup
	is backup incremental
	is data_bytes $((4 * 65536))
	backup
	is data_bytes 0
	is listed_bytes 0
	dd if=/dev/zero of=disk bs=64k seek=159 count=1 conv=notrunc status=none
	echo 159 1 | era_mark --ranges - --unit blocks -q meta
	backup
	is zero_bytes 65536
	[ "$(ls T*)" = "T
T.era" ]
}

@test "a dry run changes nothing" {
	write 20 3
	refused 0 "(incremental): 192 KiB would be copied" --offline meta -n T
	refused 0 "(full): 10 MiB would be copied" --offline meta -n --full T
	mv T.era state
	refused 4 "has no state" --offline meta -n T
}

@test "a disk whose size is no multiple of anything; one that has grown" {
	rm T T.era
	era_format -q --force --block-size 64k --device-size 10500096 --era 100 meta
	truncate -s 10500096 disk
	backup
	truncate -s 10499999 disk
	backup --full
	write 159 1
	truncate -s 10499999 disk
	backup
	is backup incremental
	# Tracked it is not yet: there is none, and the next one is no full one for it.
	truncate -s 10700000 disk
	refused 4 "disk: has 10700000 bytes, but 161 blocks of 65536 bytes are tracked: there is no backup until the target has its size" \
		--offline meta T
	truncate -s 10499999 disk
	backup
	is backup incremental
	# What was added has era 0, as with the kernel, and is in the backup.
	era_dump --logical meta | sed 's/nr_blocks="161"/nr_blocks="163"/
		s,</era_array>,<era block="161" era="0"/><era block="162" era="0"/>&,' >xml
	era_restore -q -i xml -o meta
	head -c 200000 /dev/urandom >>disk
	truncate -s $((163 * 65536 - 4567)) disk
	backup
	is backup incremental
	is device_size $((163 * 65536 - 4567))
}

# refused_and_noted TEXT OPTION...: TARGET is as it was, and the state says what was found.
refused_and_noted() {
	cp T before
	status_is 4 era_backup --source disk --offline meta "${@:2}" T || return
	grep "$1" "$stderr" && cmp T before && grep '^refuted 1$' T.era
}

# Older metadata come to the era of the backup in time, and then nothing contradicts them.
come_to_the_era() {
	local n
	for n in 1 2 3 4; do
		printf '%s\n' "0 40" "41 119" | era_mark --ranges - --unit blocks -q meta >/dev/null
	done
}

@test "what was refuted once stays so until a full backup is complete" {
	cp meta older
	write 20 3
	backup
	cp T.era was
	write 40 1
	cp older meta
	refused_and_noted "no increment is possible" --incremental-only
	come_to_the_era
	refused 4 "an earlier run has found metadata" --offline meta --incremental-only T
	# Nothing else knows.
	cp T.era noted
	cp was T.era
	status_is 0 era_backup -n -q --incremental-only --offline meta --source disk T
	cp noted T.era
	full "an earlier run has found metadata"
	write 30 1
	backup
	is backup incremental
}

@test "an older TARGET is noticed, though nothing was written since a newer one" {
	cp T older
	write 77 1
	for _ in 1 2 3 4; do
		backup
		is backup incremental
	done
	cp older T
	full "it was changed since it was made, or is another backup"
}

@test "metadata made anew, older ones, those of another size" {
	cp meta older
	write 20 3
	backup
	cp meta newer
	# Older ones, in which something was written since.
	cp older meta
	write 30 1
	refused_and_noted "no increment is possible" --incremental-only
	full "earlier run has found"
	# Anew, with eras that begin below and above.
	for era in 1 50 4000000000; do
		era_format -q --force --block-size 64k --device-size 10M --era $era meta
		behind 70 2
		backup
		is listed_bytes $((160 * 65536))
		write 80 1
		backup
		is backup incremental
	done
	era_format -q --force --block-size 64k --device-size 20M --era 100 meta
	refused_and_noted "blocks"
	era_format -q --force --block-size 128k --device-size 10M --era 4000000001 meta
	full "earlier run has found"
	# No metadata, or damaged ones.
	dd if=/dev/urandom of=meta bs=4k count=1 conv=notrunc status=none
	refused 1 "" --offline meta T
}

@test "a TARGET that was changed, exchanged, cut or lost" {
	write 20 3
	behind 158 2 T
	refused 4 "no increment is possible: .*differs at byte" --offline meta --incremental-only T
	full "differs at byte"
	truncate -s 9M T
	full "size"
	# An older one.
	cp T old
	write 50 100
	backup
	cp old T
	full "differs at byte"
	rm T
	full "size"
	rm T T.era
	full "there is none yet"
}

@test "a TARGET that is no backup, or of another disk" {
	mv T.era state
	refused 4 "T: has no state: .*--force" --offline meta T
	backup --force
	cp disk disk2
	cp meta meta2
	behind 0 160 disk2
	era_backup -q --offline meta2 --source disk2 T2
	# Swapped on the command line.
	status_is 4 era_backup --offline meta2 --source disk2 T
	grep -q "T: is a backup of another origin: found file:.*/disk, wanted file:.*/disk2; --force" \
		"$stderr"
	cmp disk T
	# Swapped on the disk, with their states and without.
	cp T swap
	cp T2 T
	cp swap T2
	full "differs at byte"
	mv T2 T
	mv T2.era T.era
	refused 4 "another origin" --offline meta T
	backup --force
	is backup full
}

@test "what is in use is refused" {
	for file in meta disk T; do
		(
			ofdlock write "$file" \
				sh -c 'echo >locked; while [ -e locked ]; do sleep 0.02; done' &
			until [ -e locked ]; do
				sleep 0.02
			done
			status=0
			refused 3 "in use" --offline meta T || status=$?
			rm locked
			wait
			exit $status
		)
	done
}

# delayed FILE: its end comes when the file go does.
delayed() {
	head -c 1000 "$1"
	until [ -e go ]; do
		sleep 0.02
	done
	tail -c +1001 "$1"
}

@test "two first backups at the same time: the second is refused, and leaves the other alone" {
	local apply
	rm T T.era
	era_backup -q --full --offline meta --source disk - >full
	delayed full | era_apply - T &
	apply=$!
	until grep -q '@era-tools' /proc/net/unix; do
		sleep 0.02
	done
	status_is 3 era_backup --offline meta --source disk T
	grep -q "T: is in use" "$stderr"
	[ ! -e T ]
	touch go
	wait $apply
	cmp disk T
	[ -e T.era ]
}

@test "a delta for another machine" {
	cp T U
	cp T.era U.era
	write 20 3
	era_apply --print-state U | era_backup -q --base - --offline meta --source disk - |
		era_apply -q - U
	cmp disk U
	write 30 3
	era_apply --print-state U >base
	era_backup --base base --offline meta --source disk - >delta 2>said
	[ "$(stat -c %s delta)" -lt 300000 ]
	cmp T "$BATS_FILE_TMPDIR/T"
	era_apply -q delta U
	cmp disk U
	status_is 4 era_backup --incremental-only --offline meta --source disk - >none
	[ ! -s none ]
	era_backup --offline meta --source disk - 2>said | era_apply -q - V
	grep -q "a full backup: no --base" said
	cmp disk V
	# Nobody reads it.
	status=0
	era_backup -q --offline meta --source disk - | head -c 1 >/dev/null || status=$?
	[ "$status" = 3 ]
}

@test "all is compared with --verify" {
	write 20 3
	backup --verify
	is verified true
	behind 3 1
	dd if=/dev/zero of=disk bs=64k seek=100 count=2 conv=notrunc status=none
	status_is 1 era_backup --offline meta --source disk --verify T
	grep -q "T: 65536 bytes at byte 196608: differs, and was not listed" "$stderr"
	grep -q "T: 131072 bytes at byte 6553600: is zero in the source, .*discarded?" "$stderr"
	grep -q "differs from disk in 2 ranges, 192 KiB" "$stderr"
	backup --full --verify
}

@test "--limit" {
	local before after
	write 0 16
	before=${EPOCHREALTIME//[!0-9]/}
	backup --limit 2M
	after=${EPOCHREALTIME//[!0-9]/}
	[ $((after - before)) -ge 480000 ]
}

# await_copy: it has begun to copy, or has ended.
await_copy() {
	while ! grep -q '"copy"' progress && kill -0 $pid 2>/dev/null; do
		sleep 0.02
	done
}

@test "--keep with a TARGET that is a link to another filesystem" {
	elsewhere=$(mktemp -d /dev/shm/era.XXXXXX) || skip "needs /dev/shm"
	[ "$(stat -c %d "$elsewhere")" != "$(stat -c %d .)" ] || skip "needs two filesystems"
	truncate -s 0 "$elsewhere/T"
	rm T T.era
	ln -s "$elsewhere/T" T
	status_is 3 era_backup --offline meta --source disk --keep 2 T
	grep -q "T: leads to $elsewhere/T, on another filesystem" "$stderr"
	[ ! -s "$elsewhere/T" ]
	[ ! -e T.era ]
}

@test "--keep and --in-place on the command line" {
	local ending
	for ending in "--keep 0 T" "--keep 2 -" "--in-place -"; do
		# shellcheck disable=SC2086
		status_is 2 era_backup --offline meta --source disk $ending
	done
	status_is 2 era_backup --offline meta --source disk --keep 0 T
	grep -q -e "--keep: found 0, wanted at least 1" "$stderr"
	backup --in-place
}

@test "a signal ends it, and TARGET is as it was" {
	write 0 160
	cp T before
	for signal in INT TERM HUP; do
		: >progress
		env --default-signal=INT era_backup -q --offline meta --source disk --limit 128k \
			--progress-fd=3 T 3>progress &
		pid=$!
		await_copy
		kill -$signal $pid
		status=0
		wait $pid || status=$?
		[ "$status" = $((128 + $(kill -l $signal))) ]
		cmp T before
		[ ! -e T.delta ]
	done
	backup
	is backup incremental
}

# begin_to_apply: as it is when a run was stopped after the mark, for want of space here.
begin_to_apply() {
	era_apply --print-state T | era_backup -q --base - --offline meta --source disk - >T.delta
	(
		ulimit -f 1600
		trap '' XFSZ
		era_apply -q T.delta T || :
	)
	grep -q "^applying" T.era
}

@test "what an earlier run has begun to apply is finished first" {
	write 30 3
	begin_to_apply
	write 40 2
	backup
	grep -q "an earlier run has begun to apply is finished" said
	is backup incremental
	is data_bytes $((2 * 65536))
	[ ! -e T.delta ]
}

@test "where a delta that was begun is gone, or damaged, a full backup follows" {
	local damage
	for damage in 'rm T.delta' 'truncate -s 1000 T.delta' 'cp disk T.delta' ': >T.delta'; do
		write 30 3
		begin_to_apply
		eval "$damage"
		status_is 4 era_backup --incremental-only --offline meta --source disk T
		backup
		grep -q "a full backup: an earlier delta was applied in part, and is gone" said
		is backup full
		[ ! -e T.delta ]
	done
}

@test "kills at random times" {
	local n
	RANDOM=${ERA_SEED:-1}
	for ((n = 0; n < ${ERA_KILLS:-10}; n++)); do
		write $((RANDOM % 150)) $((RANDOM % 10 + 1))
		era_backup -q --offline meta --source disk T &
		pid=$!
		sleep "0.0$((RANDOM % 25 + 10))"
		kill -9 $pid 2>/dev/null || :
		wait $pid 2>/dev/null || :
		if [ $((n % 3)) = 0 ]; then
			backup || return
			is backup incremental || return
		fi
	done
	backup
}
