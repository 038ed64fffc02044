# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A metadata snapshot with undigested eras is held while the live metadata go on, digest them, and
# crash.

metadata=1M

boot_1() {
	era_create 160000 8
	era_hurry
	for n in 1 2 3 4 5 6; do
		era_write $((n * 500)) 20
		era_write 50
		era_checkpoint
	done
	era_take_snapshot
	for n in 1 2 3; do
		era_write $((n * 500 + 10)) 20
		era_checkpoint
	done
	era_digest
	era_write 51
	era_checkpoint
	era_write 19999
	crash
}
