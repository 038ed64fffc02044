# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Two archived eras and one that the power took: its writes are in the current writeset alone.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 0 10
	era_checkpoint
	era_write 5 10
	era_write 2000
	era_checkpoint
	era_write 8 2
	era_write 3000 7
	crash
}
