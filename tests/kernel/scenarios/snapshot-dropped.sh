# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Two metadata snapshots came and went.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 0 10
	era_take_snapshot
	era_write 5 10
	era_drop_snapshot
	era_checkpoint
	era_write 3000
	era_take_snapshot
	era_write 7
	era_drop_snapshot
	era_remove
}
