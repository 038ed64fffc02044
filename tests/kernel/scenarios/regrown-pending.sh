# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# As "shrunk-pending", and the origin grows again: the blocks come back with their eras.

metadata=256K

boot_1() {
	era_create 8192 8
	era_write 0
	era_write 500 100
	era_write 1023
	era_remove
}

boot_2() {
	era_create 4120 8 1
	era_expect_writesets 1
	crash
}

boot_3() {
	era_create 8192 8
	era_expect_writesets 1
	era_write 700
	era_remove
}
