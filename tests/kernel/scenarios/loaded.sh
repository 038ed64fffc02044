# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# A table was loaded, which formats the metadata, and never resumed: era 0, no blocks.

metadata=256K

boot_1() {
	era_load 8192 8
	era_remove
}
