# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A metadata snapshot keeps its own number of blocks while the origin shrinks and grows.

metadata=256K

boot_1() {
	era_create 8192 8
	era_write 0 10
	era_write 1000 20
	era_take_snapshot
	era_digest
	era_write 500 20
	era_write 900
	era_resize 4096 2
	era_digest
	era_write 511
	era_resize 16384
	era_write 2047
	crash
}
