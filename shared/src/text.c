/* Makes valid text from bytes. Owns nothing. Any thread. */
#include "ob/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ob/mem.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define CHARACTER_MAX 4            /* bytes of the longest character */

size_t ob_utf8_sequence(const char *at, size_t left)
{
    const uint8_t *p = (const uint8_t *)at;
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return p[0] ? 1 : 0;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed, a surrogate, or above U+10FFFF. */
    bool is_bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                  (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return is_bad ? 0 : n;
}

/* The number of leading ASCII bytes without NUL, eight at a time: most text consists only of
 * them. */
static size_t plain_prefix(const char *data, size_t len)
{
    size_t i = 0;
    for (uint64_t word; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        uint64_t zeros = (word - 0x0101010101010101u) & ~word;
        if ((word | zeros) & 0x8080808080808080u)
            break;
    }
    return i;
}

bool ob_text_is_utf8(const char *data, size_t len)
{
    for (size_t i = plain_prefix(data, len), n; i < len; i += n) {
        n = ob_utf8_sequence(data + i, len - i);
        if (n == 0)
            return false;
        if (n > 1)
            n += plain_prefix(data + i + n, len - i - n);
    }
    return true;
}

size_t ob_text_copy(char *dst, size_t size, const char *src, size_t len)
{
    size_t have = 0;
    for (size_t i = 0; i < len;) {
        size_t room = size - 1 - have;
        size_t plain = plain_prefix(src + i, len - i < room ? len - i : room);
        if (plain > 0) {
            memcpy(dst + have, src + i, plain);
            have += plain;
            i += plain;
            continue;
        }
        size_t n = ob_utf8_sequence(src + i, len - i);
        const char *from = n ? src + i : REPLACEMENT;
        size_t bytes = n ? n : strlen(REPLACEMENT);
        if (have + bytes >= size)
            break;
        memcpy(dst + have, from, bytes);
        have += bytes;
        i += n ? n : 1;
    }
    dst[have] = '\0';
    return have;
}

void ob_text_vformat(char *dst, size_t size, const char *fmt, va_list args)
{
    /* With space for one more character, so that vsnprintf cuts after what fits. */
    size_t room = size + CHARACTER_MAX;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, room);
    (void)vsnprintf(text, room, fmt, args);
    (void)ob_text_copy(dst, size, text, strlen(text));
}

void ob_text_format(char *dst, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    ob_text_vformat(dst, size, fmt, args);
    va_end(args);
}

char *ob_text_number(char *at, int64_t number)
{
    char digits[OB_NUMBER_MAX];
    size_t n = 0;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[n++] = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *at++ = '-';
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

char *ob_text_dup(const char *src, size_t max)
{
    size_t len = strnlen(src, max + CHARACTER_MAX);
    size_t size = (len < max ? len : max) + 1;
    char *dst = ob_calloc(1, size);
    (void)ob_text_copy(dst, size, src, len);
    return dst;
}

char *ob_text_into(char *dst, size_t size, const char *src)
{
    (void)ob_text_copy(dst, size, src ? src : "", src ? strnlen(src, size + CHARACTER_MAX) : 0);
    return dst;
}

char *ob_text_url_encode(const char *text)
{
    char *out = ob_calloc(strlen(text) * 3 + 1, 1), *p = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            *p++ = (char)c;
        else
            p += sprintf(p, "%%%02X", c);
    }
    return out;
}
