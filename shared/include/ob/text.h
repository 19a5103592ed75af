/* Text from outside (files, environment variables, answers of other programs) and text that is cut
 * to a length. JSON and PostgreSQL refuse bytes that are not UTF-8 (RFC 3629), and PostgreSQL also
 * refuses NUL. So text is cut here between characters, and each byte that is not part of a
 * character becomes U+FFFD. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of bytes of the character at 'at', of which 'left' may be read; 0: no character starts
 * here. NUL is not a character. */
size_t ob_utf8_sequence(const char *at, size_t left);

/* Does it consist of complete characters, without NUL? */
bool ob_text_is_utf8(const char *data, size_t len);

/* Copies 'len' bytes into 'dst' of 'size' (at least 1) as valid text and adds a NUL. Returns the
 * length. */
size_t ob_text_copy(char *dst, size_t size, const char *src, size_t len);

/* As snprintf, but the result is valid text of at most size - 1 bytes. Arguments may point into
 * 'dst'. */
__attribute__((format(printf, 3, 4))) void
ob_text_format(char *dst, size_t size, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) void
ob_text_vformat(char *dst, size_t size, const char *fmt, va_list args);

/* At most the first 'max' bytes of 'src'. New, free() it. */
char *ob_text_dup(const char *src, size_t max);

/* ob_text_copy of a NUL-terminated text (NULL: an empty one); returns dst. */
char *ob_text_into(char *dst, size_t size, const char *src);

/* Of a part of a path or a query: all but letters, digits and -._~ becomes %XX (RFC 3986, 2.3).
 * New, free() it. */
char *ob_text_url_encode(const char *text);

/* Writes a decimal number at 'at', without NUL: at most OB_NUMBER_MAX bytes. Returns its end. Most
 * of what the services write are numbers, and printf takes ten times as long. */
#define OB_NUMBER_MAX 20
char *ob_text_number(char *at, int64_t number);

/* At most the first 'max' bytes of a text, valid until the end of the enclosing block. Use it with
 * "%s" where "%.100s" would cut a character. max: a constant. */
#define ob_cut(text, max) ob_text_into((char[(max) + 1]){ 0 }, (max) + 1, (text))
