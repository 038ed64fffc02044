/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata that a kernel's target has, and of one that is suspended.
 *
 * Linux archives the current writeset and commits when an era device is suspended, after the last
 * write that it lets through has been marked.  From then on until the resume the live metadata are
 * exact, and nothing changes them.  Whether the device is suspended is seen in sysfs, since a
 * status or a message would wait for the resume.
 */
#ifndef ERA_BLOCK_SUSPENDED_H
#define ERA_BLOCK_SUSPENDED_H

#include "base/compiler.h"
#include "block/dev.h"

/* ERA_NO_ANSWER, reported: it is no block device, is not held by devices of device mapper alone,
 * one of these is not suspended, or Linux is older than 5.19: those commit before the last write
 * has been marked. */
int suspended_check(const struct blk_dev *dev) must_check;

/* ERA_NO_ANSWER, reported: more than one device holds it. */
int shared_check(const struct blk_dev *dev) must_check;

#endif
