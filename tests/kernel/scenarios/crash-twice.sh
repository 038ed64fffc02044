# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A crash, a resume that archives what the crash left, and a crash again.

metadata=256K

boot_1() {
	era_create 32768 8
	era_write 64 64
	crash
}

boot_2() {
	era_create 32768 8
	era_write 100 3
	crash
}
