#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
#
# era backup --converge with the kernel's target: of a mounted filesystem in use, whose storage has
# no snapshots. After each run TARGET is what the storage had while the device was suspended, and
# the filesystem in it needs no recovery.
#
# ERA_CONVERGES=N makes N of them for each number of writers, ERA_CONVERGE_KILLS=N kills so often,
# and ERA_SEED draws other moments.

load ../lib/common
load ../lib/cases
load ../lib/truth
load kernel

rounds=${ERA_CONVERGES:-2}
kills=${ERA_CONVERGE_KILLS:-4}

setup() {
	need_kernel
	need_ours era_backup era_check
	need_device_mapper
	need mke2fs e2fsck
	test_tool blocks
	need_ours hold_hook.so
	dir=$BATS_TEST_TMPDIR/run
	mkdir "$dir"
	truncate -s 256K "$dir/metadata"
	truncate -s 12M "$dir/disk" "$dir/cow"
	mke2fs -q -t ext4 "$dir/disk"
}

boot() {
	guest_seconds=$((400 + rounds * 60))
	guest_boot "$dir" "$kernel_dir/converge.sh" "$@" ubd1="$dir/disk" ubd2="$dir/cow" \
		folder="$dir" rounds="$rounds" helpers="$(dirname "$(command -v blocks)")" &&
		sed -n 's/^answer: //p' "$dir/console.$1" >"$dir/answers"
}

# all_same NR: so many backups, each the same as its snapshot, and clean.
all_same() {
	local nr=$1
	awk '/^(full|incremental) / { n++; rounds += $2; waited += $3; bytes += $4
			if ($3 > most) most = $3 }
		END { printf "# %d backups, %.1f rounds each; writers waited %.0f ms, " \
			"at most %.0f, for %.0f KiB\n", n, rounds / n, waited / n / 1000,
			most / 1000, bytes / n / 1024 }' "$dir/answers" >&3
	[ "$(grep -c '^same$' "$dir/answers")" = "$nr" ]
	[ "$(grep -c '^clean$' "$dir/answers")" = "$nr" ]
}

@test "six and twelve writers, with fsync, on a slow disk" {
	boot 1 phases=6:20,12:60
	all_same $((2 * rounds))
	[ "$(grep -c '^incremental' "$dir/answers")" = $((2 * rounds - 1)) ]
	status_is 0 era_check -q "$dir/metadata"
}

@test "too much is written, the time is over, the program stands still, a filesystem is frozen" {
	boot 2
	all_same 3
	grep '^ended' "$dir/answers" >"$dir/ended"
	printf 'ended %s\n' 4 3 'by force' | diff - "$dir/ended"
}

# two_filesystems: side by side on the disk.
two_filesystems() {
	truncate -s 6M "$dir/half"
	mke2fs -q -t ext4 "$dir/half"
	cat "$dir/half" "$dir/half" >"$dir/disk"
}

@test "filesystems above the device are frozen, and clean in the backup" {
	two_filesystems
	boot 3
	diff "$dir/answers" - <<-'END'
		dirty
		dirty
		clean
		clean
		ended 3 1
		ended 3 1
		ended 3
		ended 3 1
		clean
		clean
		clean
		clean
	END
	status_is 0 era_check -q "$dir/metadata"
}

@test "kill -9 of each process while they are frozen" {
	local n struck held
	two_filesystems
	boot 4 kills="$kills" draw="${ERA_SEED:-1}"
	read -r n struck held < <(sed -n 's/^kills //p' "$dir/answers")
	echo "# $n backups, $struck kills, $held while writers were held" >&3
	[ "$n" -ge $((kills * 3)) ]
	[ "$struck" -gt 0 ]
	[ "$held" -gt 0 ]
	[ "$(tail -n 2 "$dir/answers" | grep -c '^clean$')" = 2 ]
}

@test "the first backup needs space for TARGET and its delta, and nothing more" {
	boot 5
	all_same 2
	[ "$(tail -n 1 "$dir/answers")" = "left T T.era " ]
}
