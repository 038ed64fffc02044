# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Blocks written again and again, in digested eras, in several writesets that are not digested, and
# in the current one: the newest era counts.

metadata=512K

boot_1() {
	era_create 160000 8
	era_write 0 40
	era_checkpoint
	era_digest
	era_hurry
	for n in 1 2 3 4 5 6; do
		era_write 0
		era_write $((n * 2)) 8
		era_write $((18000 - n)) 3
		era_checkpoint
	done
	era_write 3
	era_write 30 3
	era_expect_writesets 2
	crash
}
