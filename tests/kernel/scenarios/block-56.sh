# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Blocks of no power of two, and the last one is partial: 23 of 56 sectors.

metadata=256K

boot_1() {
	era_create 28023 56
	era_write 0 2
	era_write_sectors 28022 1
	era_checkpoint
	era_write_sectors 27999 24
	era_write_sectors 55 2
	era_checkpoint
	era_write 100 17
	era_remove
}
