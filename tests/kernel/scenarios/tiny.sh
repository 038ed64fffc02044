# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Less than one word of bits.

metadata=256K

boot_1() {
	era_create 320 8
	era_write 0
	era_write 38 2
	era_checkpoint
	era_write 10 3
	crash
}
