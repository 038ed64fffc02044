# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Runs that begin and end on, before and after the limits of a bitset's words of 64: digested,
# archived and current.

metadata=256K

runs() {
	era_write $(($1 + 60)) 8
	era_write $(($1 + 127))
	era_write $(($1 + 192)) 64
	era_write $(($1 + 319)) 66
	era_write $(($1 + 448)) 128
}

boot_1() {
	era_create 32768 8
	runs 0
	era_checkpoint
	era_digest
	runs 1000
	runs 2
	era_checkpoint
	runs 2000
	runs 63
	crash
}
