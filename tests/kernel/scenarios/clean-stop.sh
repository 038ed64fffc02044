# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Writes in four eras, then a clean stop: no writeset is current.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 0 10
	era_write 4000
	era_checkpoint
	era_write 5 10
	era_suspend
	era_resume
	era_write 100 3
	era_checkpoint
	era_write 4095
	era_remove
}
