# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The origin grows twice, over several blocks of the era array.

metadata=256K

boot_1() {
	era_create 8000 8
	era_write 0 5
	era_write 999
	era_resize 24000
	era_write 998 5
	era_write 2999
	era_checkpoint
	era_resize 48000
	era_write 4 3
	era_write 5999
	era_remove
}
