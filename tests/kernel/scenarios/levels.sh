# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# So many data blocks that the era array's tree has internal nodes.

metadata=4M

boot_1() {
	era_create 2400979 8
	era_write 0
	era_write 1016 4
	era_write 256536 1018
	era_write_sectors 2400978 1
	era_checkpoint
	era_digest
	era_write 1017
	era_write 150000 130
	era_checkpoint
	era_write 32570 10
	era_write_sectors 2400970 9
	crash
}
