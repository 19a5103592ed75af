/* Text from outside: files, environment variables, other programs' answers, and whatever is cut to
 * a length. JSON and PostgreSQL refuse what is no UTF-8 (RFC 3629), PostgreSQL also NUL: here it is
 * cut between characters, and each byte that belongs to none becomes U+FFFD. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at 'at', of which 'left' may be read; 0: none begins here. NUL is none. */
size_t ob_utf8_sequence(const char *at, size_t left);

/* Only whole characters, and no NUL? */
bool ob_text_is_utf8(const char *data, size_t len);

/* Copies 'len' bytes into 'dst' of 'size' (at least 1), with a NUL behind. Returns the length. */
size_t ob_text_copy(char *dst, size_t size, const char *src, size_t len);

/* As snprintf, and the outcome is text: at most size - 1 bytes. Arguments may lie in 'dst'. */
__attribute__((format(printf, 3, 4))) void
ob_text_format(char *dst, size_t size, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) void
ob_text_vformat(char *dst, size_t size, const char *fmt, va_list args);

/* At most the first 'max' bytes of 'src'. New, free() it. */
char *ob_text_dup(const char *src, size_t max);

/* ob_text_copy of a NUL-terminated text (NULL: an empty one); returns dst. */
char *ob_text_into(char *dst, size_t size, const char *src);

/* At most the first 'max' bytes of a text, until the end of the enclosing block: for "%s", where
 * "%.100s" would cut within a character. max: a constant. */
#define ob_cut(text, max) ob_text_into((char[(max) + 1]){ 0 }, (max) + 1, (text))
