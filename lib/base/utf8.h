/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that comes from outside, a name above all, may be any bytes.  What of it is UTF-8, and how the
 * rest is shown.
 *
 * UTF-8 is what RFC 3629 says: no character in more bytes than it needs, no surrogates, nothing after
 * U+10FFFF.  A control character is one of U+0000 to U+001F and U+007F to U+009F.
 */
#ifndef ERA_BASE_UTF8_H
#define ERA_BASE_UTF8_H

#include <stddef.h>

/* How many bytes text begins with that are whole characters, no control characters, and none of the
 * ASCII characters in `except`. */
size_t utf8_plain(const char *text, const char *except);

/* How many bytes the character has that text begins with; 0 at its end, and for what isn't UTF-8. */
size_t utf8_len(const char *text);

/* Copies text as one printable line: a newline is \n, a backslash \\, and every byte of any other
 * control character and of what isn't UTF-8 \xHH.  What does not fit into size bytes, which must be
 * at least 1, is left out.  Returns the length. */
size_t utf8_escape(const char *text, char *to, size_t size);

#endif
