/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Text from outside, above all a name, may be any bytes.  These calls say which of them are UTF-8,
 * and show the others.
 *
 * UTF-8 is as in RFC 3629: no character in more bytes than it needs, no surrogates, nothing after
 * U+10FFFF.  A control character is one of U+0000 to U+001F and U+007F to U+009F.
 */
#ifndef ERA_BASE_UTF8_H
#define ERA_BASE_UTF8_H

#include <stddef.h>

/* The number of bytes at the start of text that are whole characters, no control characters, and
 * none of the ASCII characters in `except`. */
size_t utf8_plain(const char *text, const char *except);

/* The number of bytes in the first character of text; 0 at its end, and if it isn't UTF-8. */
size_t utf8_len(const char *text);

/* Copies text as one printable line: a newline becomes \n, a backslash \\, and every byte of any
 * other control character, or of anything that isn't UTF-8, \xHH.  What does not fit into size
 * bytes, which must be at least 1, is left out.  Returns the length. */
size_t utf8_escape(const char *text, char *to, size_t size);

#endif
