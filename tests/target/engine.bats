#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# The engine on files: what it refuses, what it says, and that others can read its metadata. The
# commands are those of drive.c.

load ../lib/common
load ../lib/truth
load driven

setup() {
	need_ours era_check era_dump era_invalidate era_restore drive
	scratch
}

# refuses WORDS COMMANDS: the last of them, with these words.
refuses() {
	fails drive <<<"$2" 2>err >out
	grep -F -- "$1" err
}

blank() {
	truncate -s 0 metadata
	truncate -s "${1:-1M}" metadata
}

@test "metadata are made when told to, and only over zeroes" {
	blank
	refuses 'formatting was not asked for' 'open metadata 8'
	cmp metadata <(head -c 1M /dev/zero)
	driven 'open metadata 8 format' 'resume 1000' 'write 0 1' 'suspend'

	head -c 1M /dev/urandom >metadata
	cp metadata copy
	refuses 'checksum' 'open metadata 8 format'
	cmp metadata copy
	blank 4K
	refuses 'too small' 'open metadata 8 format'
	rm metadata
	refuses 'cannot open' 'open metadata 8 format'
}

@test "another block size, an impossible one and another version are refused" {
	blank
	driven 'open metadata 16 format' 'resume 1000' 'suspend'
	cp metadata copy
	refuses 'data block size: found 16 sectors, wanted 8' 'open metadata 8 format'
	refuses 'wanted a multiple of 8' 'open metadata 12'
	cmp metadata copy
	driven 'open metadata 0' 'resume 1000' 'suspend'
	truncate -s 1M empty
	refuses 'size of a data block must be given' 'open empty 0 format'
	blkedit metadata 0 40 02000000
	refuses 'version' 'open metadata 16'
}

@test "metadata in use are refused, and its own are locked" {
	local pid
	blank
	driven 'open metadata 8 format' 'resume 8000' 'write 0 1' 'suspend'
	for kind in read write; do
		fails ofdlock $kind metadata drive <<<'open metadata 8' 2>err
		grep 'is in use' err
	done
	coproc drive
	pid=$COPROC_PID	# it goes away with the process
	printf 'open metadata 8\nresume 8000\nwrite 80 1\ntake\nwrite 160 1\nstatus\n' \
		>&"${COPROC[1]}"
	while read -r line <&"${COPROC[0]}" && [[ $line != 8\ * ]]; do :; done
	[[ $line == 8\ */256\ 3\ [1-9]* ]]
	status_is 3 era_check metadata
	status_is 3 era_invalidate --written-since 1 metadata
	status_is 0 era_check -m metadata
	status_is 0 era_invalidate -m --written-since 2 --format ranges --unit blocks metadata >got
	[ "$(cat got)" = "10 1" ]
	eval "exec ${COPROC[1]}>&-"
	wait "$pid"
}

@test "the lines are the kernel's" {
	blank
	driven 'open metadata 128 format' 'resume 8000' 'status' 'table' 'take' 'fails take' \
		'status' \
		'drop' 'fails drop' 'status' 'checkpoint' 'status' 'fails write 7999 2' \
		'write 7999 1' \
		'suspend' 'fails write 0 1' 'resume 8000' 'status'
	grep -v '^truth' out >lines
	grep -xE '8 [0-9]+/256 1 -' lines
	grep -x 'metadata origin 128' lines
	grep -xE '8 [0-9]+/256 2 [0-9]+' lines
	grep -xE '8 [0-9]+/256 2 -' lines
	grep -xE '8 [0-9]+/256 3 -' lines
	grep -xE '8 [0-9]+/256 4 -' lines
}

@test "since an era: the same as era_invalidate says" {
	local era
	blank
	driven 'open metadata 8 format' 'resume 40000' 'write 100 20' 'checkpoint' 'write 39999 1' \
		'write 104 1' 'checkpoint' 'digest' 'write 0 9' 'checkpoint' 'suspend'
	for era in 0 1 2 3 4 5; do
		era_invalidate --written-since $era --format ranges --unit blocks metadata >want
		cp metadata live
		printf 'open live 8\nresume 40000\nsince %d\n' $era | drive |
			grep -v '^truth' >got || :
		same "since $era" want got
	done
	cp metadata live
	refuses 'is after the current one' $'open live 8\nresume 40000\nsince 6\nsince 7'
}

@test "a device too small, or full: it is said, and the last commit is whole" {
	blank 80K
	refuses 'no room for an era on 100000 data blocks; wanted' \
		$'open metadata 8 format\nresume 800000'
	status_is 0 era_check metadata

	# Eras pile up until there is no room for another; that is said, and the target goes on.
	refuses 'the metadata have no room for another era' "open metadata 8
resume 8000
write 0 1
checkpoint
checkpoint
checkpoint
checkpoint
checkpoint
checkpoint"
	status_is 0 era_check metadata
	status_is 0 era_invalidate --written-since 2 --format ranges --unit blocks metadata >got
	[ ! -s got ]
}

@test "digestion never lowers what the array says" {
	blank
	driven 'open metadata 8 format' 'resume 80' 'write 56 1' 'crash'
	era_dump metadata | sed -e 's/current_era="1"/current_era="9"/' \
		-e 's/writeset era="1"/writeset era="3"/' \
		-e 's/block="7" era="1"/block="7" era="6"/' >metadata.xml
	era_restore -q -i metadata.xml -o metadata
	printf '%s\n' 'open metadata 8' 'resume 80' 'digest' 'suspend' | drive
	era_dump --logical metadata | grep -F 'block="7" era="6"'
}

@test "a writeset that contradicts itself isn't digested" {
	blank
	driven 'open metadata 8 format' 'resume 80' 'write 56 1' 'crash'
	blkedit metadata 0 188 05000000
	printf '%s\n' 'open metadata 8' 'resume 80' 'write 0 1' 'fails digest' 'fails write 8 1' \
		'fails checkpoint' \
		'status' | drive 2>err >out
	grep -x 'Error: .*bit.*' out
	grep 'the target is read-only' err
	# The writeset is still there, for era_repair.
	status_is 1 era_check metadata
	status_is 5 era_invalidate -r --written-since 1 --format ranges --unit blocks metadata >got
	[ "$(cat got)" = '0 10' ]
}

@test "a snapshot whose clone is damaged can't be dropped, and all else goes on" {
	local clone
	blank
	driven 'open metadata 8 format' 'resume 80' 'take' 'suspend'
	clone=$(od -A n -t u8 -j 216 -N 8 metadata)
	printf x | dd of=metadata bs=1 seek=$((clone * 4096 + 100)) conv=notrunc status=none
	printf '%s\n' 'open metadata 8' 'resume 80' 'fails drop' 'write 8 1' 'checkpoint' 'digest' \
		'status' |
		drive 2>err | tail -n 1 >line
	grep -xE '8 [0-9]+/256 4 [0-9]+' line
	grep -F "block $((clone)): metadata snapshot" err
}

# The writeset of era 2 is empty when it is archived; its blocks are those of era 3's later.
@test "without the superblock, what lies in the blocks of an old writeset is not taken for it" {
	need_ours era_repair
	blank 200K
	driven 'open metadata 8 format' 'resume 80' 'write 32 8' 'write 72 8' checkpoint \
		checkpoint digest 'write 72 8' crash
	printf x | dd of=metadata bs=1 seek=41 conv=notrunc status=none
	status_is 5 era_repair -q -i metadata -o repaired --block-size=4k
	status_is 0 era_invalidate --written-since 3 --format ranges --unit blocks repaired >out
	same "written since 3" <(echo 9 1) out
}

@test "a snapshot that would leave no room to digest is refused, and all else goes on" {
	blank 144K
	# A full copy of the array would be the snapshot's: there is no room for another one.
	printf '%s\n' 'open metadata 8 format' 'resume 120000' 'write 0 120000' 'fails take' \
		'checkpoint' \
		'digest' 'write 0 1' 'checkpoint' 'digest' 'status' | drive 2>err | tail -n 1 >line
	grep -F 'no room for another era yet' err
	grep -xE '8 [0-9]+/36 3 -' line
	status_is 0 era_check metadata
}

# recommended BLOCK_SECTORS BLOCKS: a blank device of that size.
recommended() {
	truncate -s \
		"$(era_metadata_size --block-size "${1}s" --device-size "$(($1 * $2))s" --unit bytes)" \
		metadata
}

# Each had come to its end after some hundred checkpoints, for good.
@test "a storm of checkpoints at the recommended size: all go on, with a snapshot and without" {
	local blocks i
	need_ours era_metadata_size
	for blocks in 16384 262144; do
		rm -f metadata
		recommended 8 "$blocks"
		{
			printf '%s\n' 'open metadata 8 format digester' "resume $((blocks * 8))"
			for ((i = 0; i < 400; i++)); do
				[ "$i" != 200 ] || echo take
				printf '%s\n' checkpoint "write $((i * 8)) 8"
			done
			echo "write 0 $((blocks * 8))"
		} | drive >out
		[ "$(grep -c 'truth: era' out)" = 402 ]
		status_is 0 era_check metadata
	done
}

@test "checkpoints that nothing is digested between are refused in the end, and marks never" {
	local i
	need_ours era_metadata_size
	recommended 8 16384
	{
		printf '%s\n' 'open metadata 8 format' 'resume 131072'
		for ((i = 0; i < 40; i++)); do printf '%s\n' checkpoint "write 0 131072"; done
	} | drive >out 2>err && return 1
	grep -F 'no room for another era yet' err
	printf '%s\n' 'open metadata 8' 'resume 131072' 'write 0 131072' 'digest' 'checkpoint' \
		'take' 'digest' \
		'checkpoint' 'write 0 131072' | drive >out
	status_is 0 era_check metadata
}

@test "killed at any moment, all that was acknowledged is there" {
	local i pid total=0
	blank
	driven 'open metadata 8 format' 'resume 80000' 'checkpoint' 'suspend'
	for i in 1 2 3 4; do
		{ echo 'open metadata 8 digester'
		  echo 'resume 80000'
		  for ((n = 0; n < 200; n++)); do printf 'storm 4 50 %d\ncheckpoint\n' \
			"$RANDOM"; done
		} | drive >out &
		pid=$!
		sleep 0.$i
		kill -9 $pid
		wait $pid || :
		status_is 0 era_check metadata
		# A line may be cut short.
		sed '$d' out | awk '$2 == "era" { era = $3 }
			$2 == "write" { last[int($3 / 8)] = era }
			END { for (b in last) print b, last[b] }' >acknowledged
		era_dump --logical metadata |
			awk -F '"' 'NR == FNR { split($0, w, " "); want[w[1]] = w[2]; next }
			/<era block=/ && ($2 in want) && $4 < want[$2] { print "lost:", $2, want[$2], $4; bad = 1 }
			END { exit bad }' acknowledged -
		total=$((total + $(wc -l <acknowledged)))
	done
	[ "$total" -gt 0 ]
}
