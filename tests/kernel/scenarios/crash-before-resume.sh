# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The power fails between format and the first resume; what a later life leaves still tells of it in
# the space map.

metadata=256K

boot_1() {
	era_load 8192 8
	crash
}

boot_2() {
	era_create 8192 8
	era_write 1 2
	era_checkpoint
	era_write 1000
	era_remove
}
