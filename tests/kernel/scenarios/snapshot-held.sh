# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A metadata snapshot is held over a clean stop.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 0 10
	era_checkpoint
	era_write 5 10
	era_take_snapshot
	era_remove
}
