# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The origin loses blocks whose era was the only one there was, gets them back as never written, and
# the same are written again: what the older metadata said of them is too low now.

metadata=256K

boot_1() {
	era_create 8192 8
	era_write 900 20
	era_checkpoint
	era_digest
	era_resize 4120
	era_digest
	era_resize 8192
	era_write 905 2
	crash
}
