/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* Names of devices that may not be there yet. */
#ifndef ERA_BOOT_SAME_DEVICE_H
#define ERA_BOOT_SAME_DEVICE_H

#include <stdbool.h>

#include "base/compiler.h"

/* Do two paths lead to one device, as far as can be told: are they equal, or those of one logical
 * volume (/dev/VG/LV and /dev/mapper/VG-LV), or is there one device at both now? */
bool is_same_device(const char *a, const char *b) must_check;

#endif
