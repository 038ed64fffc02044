/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/* How the descriptions begin by which a target in userspace tells its exports apart, to people and
 * to a backup that is given one as its source. */
#ifndef ERA_BASE_EXPORT_TEXT_H
#define ERA_BASE_EXPORT_TEXT_H

#define EXPORT_SINCE_TEXT "block status: data is what was written in era "
#define EXPORT_FROZEN_TEXT "all of the device as it was when era "

#endif
