# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
# shellcheck shell=sh
#
# Does a kernel boot here, and find its modules? (need_kernel in kernel.bash)

# shellcheck disable=SC2034
metadata=256K

boot_1() {
	era_create 1024 8
	era_remove
}
