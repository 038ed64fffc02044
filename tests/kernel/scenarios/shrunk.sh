# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The origin shrinks, with its eras digested.

metadata=256K

boot_1() {
	era_create 24000 8
	era_write 0 5
	era_write 1100 20
	era_write 2999
	era_checkpoint
	era_digest
	era_write 3
	era_resize 8960 2
	era_write 1119
	era_remove
}
