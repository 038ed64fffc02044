# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Lives of metadata, in pieces; the host says which of them go on from which, and keeps what each
# has left. $store is a folder of the host, with witnesses of the device while it is active.

sectors=32768
store=/run/store
PATH=$tools:$PATH

# ask WITNESS [OPTION...]: of the active target, by a metadata snapshot.
ask() {
	witness=$1
	shift
	era_take_snapshot
	status=0
	era_invalidate -m --written-since 1 -o "$store/list" --witness "$store/$witness" "$@" \
		"$metadata_dev" \
		2>"$store/said" || status=$?
	era_drop_snapshot
	echo "answer: $status $(cat "$store/said")"
}

# The life begins: it is written from end to end, and then at some places.
boot_1() {
	era_start $sectors 8
	era_write 0 1024
	era_write 1024 1024
	era_write 2048 1024
	era_write 3072 1024
	era_checkpoint
	era_write 100 3
	era_digest
	era_remove
}

# It goes on, asks while it is active, and the power fails.
boot_2() {
	mkdir "$store"
	mount -t hostfs none "$store" -o "$folder"
	era_start $sectors 8
	era_write 500 40
	ask one --witness-out "$store/live"
	era_write 1000 40
	ask live
	era_checkpoint
	era_write 3000 5
	era_write 100 3
	crash
}

# An older copy goes on: in as many eras and more, and it is written to more.
boot_3() {
	era_start $sectors 8
	for n in 1 2 3 4 5 6 7 8 9 10; do
		era_write $((n * 64)) 32
		era_checkpoint
	done
	era_write 100 3
	era_remove
}

# Metadata that the kernel made, with one more era in each boot.
boot_4() {
	era_start $sectors 8
	era_write 0 1024
	era_write 1024 1024
	era_remove
}
