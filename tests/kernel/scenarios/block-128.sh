# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Blocks of 64 KiB.

metadata=256K

boot_1() {
	era_create 131072 128
	era_write 0 3
	era_write_sectors 12799 2
	era_checkpoint
	era_write 1 4
	era_write 1023
	crash
}
