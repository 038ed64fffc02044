# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The origin shrinks, the writeset that was longer is digested, and the origin grows again: the
# blocks come back as never written.

metadata=256K

boot_1() {
	era_create 8192 8
	era_write 0
	era_write 500 100
	era_write 1023
	era_remove
}

boot_2() {
	era_create 4120 8 1
	era_digest
	era_resize 8192
	era_write 700
	era_remove
}
