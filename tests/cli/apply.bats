#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era apply: a delta on the right TARGET makes the next backup of it, and any other TARGET is
# refused and left as it was. mkdelta makes the deltas, of what three disks differ in.

load ../lib/common
load ../lib/backups
load ../lib/cases

name() {
	local id
	printf -v id "%02x" "$1"
	printf "era-%d-" "$1"
	printf "$id%.0s" {1..16}
}

# disk1 to disk3: one block more, one less, zeroes, a size that is no multiple of anything; disk3
# has grown.
setup_file() {
	need_ours era_apply mkdelta
	cd "$BATS_FILE_TMPDIR"
	head -c 1000000 /dev/urandom >disk1
	truncate -s 2000100 disk1
	cp disk1 disk2
	printf x | dd of=disk2 bs=1 seek=300000 conv=notrunc status=none
	printf x | dd of=disk2 bs=1 seek=1900000 conv=notrunc status=none
	dd if=/dev/zero of=disk2 bs=65536 count=2 seek=6 conv=notrunc status=none
	cp disk2 disk3
	head -c 70000 /dev/urandom | dd of=disk3 bs=65536 seek=6 conv=notrunc status=none
	truncate -s 2500000 disk3
	printf x | dd of=disk3 bs=1 seek=2499999 conv=notrunc status=none
	mkdelta - 1 - disk1 >full1
	mkdelta - 2 - disk2 >full2
	mkdelta 1 2 disk1 disk2 >d12
	mkdelta 2 3 disk2 disk3 >d23
	mkdelta 3 4 disk3 disk1 >d34
	era_apply -q full1 backup1
	cp backup1 backup2
	cp backup1.era backup2.era
	era_apply -q d12 backup2
}

setup() {
	scratch
	ln -s "$BATS_FILE_TMPDIR"/{disk[123],full[12],d??} .
	take backup1 T
}

# take BACKUP TARGET: a copy, with its state.
take() {
	cp "$BATS_FILE_TMPDIR/$1" "$2"
	cp "$BATS_FILE_TMPDIR/$1.era" "$2.era"
}

# refused STATUS TEXT ARGUMENT...
refused() {
	refused_by "$1" "$2" era_apply "${@:3}"
}

@test "a full backup, and two deltas" {
	era_apply full1 new
	cmp new disk1
	era_apply d12 new
	cmp new disk2
	era_apply d23 new
	cmp new disk3
	era_apply d34 new
	cmp new disk1
	[ "$(ls new*)" = "new
new.era" ]
}

@test "from a pipe, and compressed" {
	cat d12 | era_apply - T
	cmp T disk2
	gzip -c d23 | era_apply - T
	cmp T disk3
	gzip -c d34 >d34.gz
	era_apply d34.gz T
	cmp T disk1
	take backup1 T
	cat d12 | era_apply --no-stage - T
	cmp T disk2
	[ ! -e T.delta ]
}

@test "zeroes are holes" {
	era_apply -q full1 new
	[ "$(stat -c %b new)" -lt $((1100000 / 512)) ]
	head -c 2000100 /dev/urandom >disk
	mkdelta - 5 - disk >full
	mkdelta 5 6 disk disk1 >d
	era_apply -q full dense
	era_apply -q d dense
	cmp dense disk1
	[ "$(stat -c %b dense)" -lt $((1100000 / 512)) ]
}

@test "applied twice" {
	era_apply d12 T
	cp T.era state
	era_apply d12 T 2>said
	grep -q "T: is already $(name 2)" said
	cmp T disk2
	cmp T.era state
	cat d12 | era_apply - T
	cat full2 | era_apply - T
	cmp T.era state
	[ ! -e T.delta ]
}

@test "another base is refused" {
	refused 4 "wrong base: found $(name 1), wanted $(name 2)" d23 T
	era_apply -q d12 T
	refused 4 "wrong base: found $(name 2), wanted $(name 3)" d34 T
	mkdelta 1 7 disk1 disk3 >d17
	refused 4 "wrong base: found $(name 2), wanted $(name 1)" d17 T
	cat d17 | refused 4 "wrong base" - T
	refused 4 "wrong base" --force d17 T
}

@test "a TARGET that was changed is refused" {
	era_apply -q d12 T
	# in what was written last
	printf y | dd of=T bs=1 seek=300000 conv=notrunc status=none
	refused 4 "T: was changed since it was made, or is another backup: it differs at byte" d23 T
	refused 4 "T: was changed" d12 T
	cat d23 | refused 4 "T: was changed" - T
	cat d23 | refused 4 "T: was changed" --no-stage - T
	status_is 4 era_apply --print-state T
}

@test "so is one with a filesystem whose superblock alone was changed" {
	local tool
	for tool in mkfs.ext4 tune2fs; do
		need "$tool"
	done
	truncate -s 8M disk
	mkfs.ext4 -q -F -O metadata_csum disk
	mkdelta - 4 - disk >full
	era_apply -q full ext
	cp disk later
	printf x | dd of=later bs=1 seek=5000000 conv=notrunc status=none
	mkdelta 4 5 disk later >d
	# The superblock has a CRC of its own contents.
	tune2fs -L other ext
	refused 4 "ext: was changed" d ext
}

@test "an older TARGET, and another one, are refused" {
	take backup2 T
	cp "$BATS_FILE_TMPDIR/backup1" T
	refused 4 "T: was changed" d23 T
	# they were swapped, but not their states
	head -c 2000100 /dev/urandom >other
	mkdelta - 9 - other >full9
	era_apply -q full9 S
	take backup2 T
	mv T hold
	mv S T
	mv hold S
	refused 4 "T: was changed" d23 T
	# an older one with its state
	take backup1 T
	refused 4 "wrong base" d23 T
}

@test "a TARGET of another size is refused" {
	truncate -s 2000000 T
	refused 4 "its size is not that of the backup: found 2000000 bytes, wanted 2000100" d12 T
	truncate -s 2000101 T
	refused 4 "its size is not that of the backup" d12 T
	# the delta says another size than the state
	truncate -s 2000100 T
	truncate -s 2000000 disk
	mkdelta 1 2 disk disk2 >d
	refused 4 "its size is not that of the delta's base" d T
}

@test "a TARGET without a state is refused" {
	rm T.era
	refused 4 "T: has no state that says which backup it is" d12 T
	refused 4 "T: has no state: it is no backup" full2 T
	era_apply --force full2 T
	cmp T disk2
	status_is 4 era_apply d12 nothing
	[ -z "$(find . -name "nothing*")" ]
	: >empty
	era_apply full1 empty
	cmp empty disk1
}

@test "a full backup of another origin is refused" {
	MKDELTA_ORIGIN=another mkdelta - 8 - disk2 >full8
	refused 4 "T: is a backup of another origin: found test, wanted another" full8 T
	cat full8 | refused 4 "T: is a backup of another origin" - T
	era_apply --force full8 T
	cmp T disk2
	take backup1 T
	era_apply full2 T
	cmp T disk2
}

@test "a damaged state is refused" {
	sed -i 's/^size .*/size 2000101/' T.era
	refused 1 "T.era: state of a backup: its checksum is wrong" d12 T
	refused 1 "its checksum is wrong" full2 T
	refused 4 "T: has no state" --force d12 T
	echo other >T.era
	refused 1 "this is none" d12 T
	era_apply --force full2 T
	cmp T disk2
	status_is 0 era_apply --print-state T >state
	cmp state T.era
}

@test "a delta without a checksum" {
	# the trailer has 40 bytes, "test" and the checksum
	head -c -48 d12 >without
	refused 1 "ends without a checksum" without T
	cat without | refused 1 "ends without a checksum" - T
	era_apply --no-checksum without T
	cmp T disk2
	# It doesn't say from which size it leads, but that is known to TARGET's state.
	cp disk2 grown
	truncate -s 2400000 grown
	cp grown changed
	printf x | dd of=changed bs=1 seek=5 conv=notrunc status=none
	mkdelta 2 3 grown changed >d
	refused 4 "its size is not that of the delta's base" d T
	head -c -48 d >without
	refused 4 "is smaller, and what was added is not in the delta" --no-checksum without T
}

@test "a dry run changes nothing" {
	refused 0 "T: would become $(name 2): 128 KiB of data and 128 KiB of zeroes" -n d12 T
	cat d12 | refused 0 "T: would become $(name 2)" -n - T
	refused 4 "wrong base" -n d23 T
	era_apply -n full1 new
	[ -z "$(find . -name "new*")" ]
}

@test "JSON" {
	need jq
	era_apply --json -n d12 T | jq -e ".delta == \"d12\" and .result == \"applied\" and .dry_run and
		.from == \"$(name 1)\" and .to == \"$(name 2)\" and .device_size == 2000100 and
		.data_bytes == 131072 and .zero_bytes == 131072"
	era_apply --print-state --json T | jq -e ".base.name == \"$(name 1)\" and .base.era == 1 and
		.base.device_size == 2000100 and .base.block_size == 65536 and
		.base.origin == \"test\" and .base.witness == false and .applying == null"
	era_apply --json full1 new | jq -e '.from == null and .result == "applied"'
	era_apply --json full1 new | jq -e '.result == "already applied"'
	status_is 4 era_apply --json d23 T |
		jq -e '.exit_status == 4 and (.error | test("wrong base"))'
}

@test "a state elsewhere" {
	mkdir states
	era_apply --state states/new full1 new
	[ "$(ls states)" = new ]
	[ ! -e new.era ]
	cat d12 | era_apply --state states/new - new
	cmp new disk2
	[ "$(ls states)" = new ]
}

# Files of most file systems can't be so large.
@test "a backup that TARGET has no room for leaves it as it was" {
	local size=$((1 << 60))
	{
		printf 'rbd diff v1\nf&\0\0\0%st&\0\0\0%s' "$(name 1)" "$(name 2)"
		printf 's\0\0\0\0\0\0\0\x10'
		printf 'z\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10e'
	} >huge
	if truncate -s "$size" try 2>/dev/null; then
		skip_test "files may have $size bytes here"
	fi
	refused 3 "cannot add .* bytes at byte 2000100: File too large" --no-checksum huge T
	cat huge | refused 3 "File too large" --no-checksum --no-stage - T
	era_apply d12 T
	(
		printf 'rbd diff v1\nt&\0\0\0%ss\0\0\0\0\0\0\0\x10' "$(name 2)"
		printf 'z\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10e'
	) >full
	status_is 3 era_apply --no-checksum full new
	[ -z "$(find . -name "new*")" ]
}

# On a loop device, with strace to see what is asked of it.
@test "a block device" {
	need losetup blockdev
	[ "$(id -u)" = 0 ] || skip_test "needs root for a loop device"
	head -c 3000320 /dev/urandom >image
	cp image before
	loop=$(losetup -f --show image 2>/dev/null) || skip_test "no loop device is to be had"
	status_is 3 era_apply full1 "$loop"
	grep -q "is a device, beside which no state lasts: --state says where it is" "$stderr"
	status_is 4 era_apply --state S full1 "$loop"
	cmp "$loop" before
	era_apply --force --state S full1 "$loop"
	cat d12 | era_apply --state S - "$loop"
	cmp -n 2000100 "$loop" disk2
	# what lies behind stays
	cmp -i 2000100 "$loop" before
	status_is 3 ofdlock device "$loop" era_apply --state S d23 "$loop"
	grep -q "is in use" "$stderr"
	head -c 4000000 /dev/zero >large
	mkdelta 2 7 disk2 large >d27
	status_is 3 era_apply --state S d27 "$loop"
	grep -q "is too small: found 3000320 bytes, wanted 4000000" "$stderr"
	if strace -e trace=none true 2>/dev/null; then
		ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
			strace -f -o calls -e trace=ioctl,fallocate era_apply --state S d23 "$loop"
		grep -q BLKZEROOUT calls
		fails grep -E "DISCARD|fallocate" calls
		cmp -n 2500000 "$loop" disk3
	fi
}

teardown() {
	[ -z "${loop:-}" ] || losetup -d "$loop"
}

@test "two deltas that rbd has merged" {
	need rbd
	export CEPH_CONF=/dev/null
	rbd --no-progress merge-diff d12 d23 m13 2>said || { cat said; false; }
	refused 1 "ends without a checksum" m13 T
	era_apply --no-checksum m13 T
	cmp T disk3
	rbd --no-progress merge-diff full1 d12 - 2>said | era_apply --no-checksum - new
	cmp new disk2
	rbd --no-progress merge-diff m13 d34 - 2>said >m14
	rbd --no-progress merge-diff full1 m14 - 2>said | era_apply --no-checksum - newest
	cmp newest disk1
	status_is 4 era_apply --no-checksum m13 newest
	# Which origin it is of, is unknown then: T says it.
	rbd --no-progress merge-diff full1 d12 merged 2>said
	refused 4 "is a backup of another origin: found .*, wanted an unknown one" \
		--no-checksum merged T
	era_apply --no-checksum --force merged T
	cmp T disk2
	fails grep -q '^origin' T.era
}

@test "the memory does not depend on the delta" {
	head -c 100000000 <(yes 'what a disk holds') >disk
	mkdelta - 1 - disk >full
	(
		sanitized era_apply || ulimit -v 65536
		era_apply full new
		cat d12 | era_apply - T
	)
	cmp new disk
	cmp T disk2
}

@test "a TARGET in use is refused" {
	status_is 3 ofdlock read T era_apply d12 T
	grep -q "T: is in use" "$stderr"
}
