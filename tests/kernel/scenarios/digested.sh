# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# As many eras as in "undigested", all of them digested into the era array.

metadata=512K

boot_1() {
	era_create 160000 8
	era_hurry
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		era_write $((n * 1000)) $n
		era_write $((19000 + n))
		era_checkpoint
	done
	era_digest
	era_remove
}
