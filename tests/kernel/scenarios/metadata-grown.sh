# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The metadata device grew after it was formatted; its space map didn't.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 0 10
	era_remove
}

before_2() {
	truncate -s 1M metadata
}

boot_2() {
	era_create 32768 8
	era_write 5 10
	era_checkpoint
	era_write 4000
	crash
}
