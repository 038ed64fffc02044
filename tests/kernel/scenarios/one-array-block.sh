# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# As many data blocks as one block of the era array holds.

metadata=256K

boot_1() {
	era_create 8144 8
	era_write 0
	era_write 1010 8
	era_checkpoint
	era_digest
	era_write 1017
	era_write 509 2
	era_remove
}
