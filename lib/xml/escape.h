/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#ifndef ERA_XML_ESCAPE_H
#define ERA_XML_ESCAPE_H

#include "base/sink.h"

/* Writes text as the content of an element, or between double quotes as an attribute's value.  It
 * must consist of characters that XML can hold. */
void xml_put_escaped(struct sink *sink, const char *text);

#endif
