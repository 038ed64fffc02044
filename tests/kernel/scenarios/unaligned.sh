# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Writes that begin or end inside a data block mark all that they touch.

metadata=256K

boot_1() {
	era_create 24000 24
	era_write_sectors 23 1
	era_write_sectors 24 1
	era_checkpoint
	era_write_sectors 100 1
	era_write_sectors 239 2
	era_write_sectors 1201 200
	era_checkpoint
	era_write_sectors 47 26
	era_write_sectors 2399 1200
	era_remove
}
