# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Our programs read the metadata of an active target, from inside the guest. A buffered read has put
# the old superblock into the page cache, which the target doesn't know of. The answers go to the
# console, as "answer: ROUND N OFFSET LENGTH"; what they must be is in truth.snap.

metadata=256K

# refused STATUS COMMAND...
refused() {
	want=$1 got=0
	shift
	"$@" >/run/out 2>&1 || got=$?
	[ "$got" = "$want" ] || die "$*: status $got, wanted $want: $(cat /run/out)"
	echo "refused: $(cat /run/out)"
}

# ask ROUND
ask() {
	n=0
	while [ $n -le "$snap_era" ]; do
		era_invalidate -m --written-since $n --format ranges --unit blocks \
			"$metadata_dev" >/run/out || die "era_invalidate -m --written-since $n"
		sed "s/^/answer: $1 $n /" /run/out
		n=$((n + 1))
	done
	refused 4 era_invalidate -m --written-since $n "$metadata_dev"
	era_check -m -q "$metadata_dev" || die "era_check -m"
}

boot_1() {
	PATH=$tools:$PATH
	export TMPDIR=/run
	era_create 32768 8
	era_write 0 10
	era_checkpoint
	dd if="$metadata_dev" of=/run/old bs=4096 count=1 2>/dev/null
	refused 4 era_invalidate -m --written-since 0 "$metadata_dev"
	era_write 100 5
	era_take_snapshot
	snap_era=$era
	ask 1
	refused 3 era_invalidate --written-since 0 "$metadata_dev"
	refused 3 era_check "$metadata_dev"
	refused 3 era_dump "$metadata_dev"

	era_write 200
	era_checkpoint
	era_write 300
	ask 2

	era_remove
	era_check -q "$metadata_dev" || die "era_check of the stopped target"
}
