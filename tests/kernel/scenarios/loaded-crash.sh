# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# The power fails between format and the first resume.

metadata=256K

boot_1() {
	era_load 8192 8
	crash
}
