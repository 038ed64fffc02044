/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Do a superblock and the trees that it leads to belong together? */
#ifndef ERA_ERA_DOUBT_H
#define ERA_ERA_DOUBT_H

#include "base/compiler.h"
#include "era/view.h"

/* Asks that of a live, repairing view.  Where they contradict each other the view begins anew with
 * ERA_VIEW_ALL_LOST (noted), in an era after all that are found.  0 or an error: then it is closed. */
int era_view_doubt(struct era_view *view) must_check;

#endif
