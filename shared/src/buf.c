/* Bytes that grow. Owns their memory; aborts when there is none. Any thread, one owner at a time.
 */
#include "ob/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ob/mem.h"
#include "ob/text.h"

#define FIRST_CAP 256

static void reserve(ob_buf *buf, size_t more)
{
    if (buf->len + more + 1 <= buf->cap)
        return;
    size_t cap = buf->cap ? buf->cap : FIRST_CAP;
    while (cap < buf->len + more + 1)
        cap *= 2;
    buf->at = ob_realloc(buf->at, cap);
    buf->cap = cap;
}

void ob_buf_done(ob_buf *buf)
{
    free(buf->at);
    *buf = (ob_buf){ 0 };
}

void ob_buf_add(ob_buf *buf, const char *data, size_t len)
{
    reserve(buf, len);
    memcpy(buf->at + buf->len, data, len);
    buf->len += len;
    buf->at[buf->len] = '\0';
}

void ob_buf_str(ob_buf *buf, const char *s)
{
    ob_buf_add(buf, s, strlen(s));
}

void ob_buf_addf(ob_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    reserve(buf, 64);
    int n = vsnprintf(buf->at + buf->len, buf->cap - buf->len, fmt, args);
    if (n >= 0 && (size_t)n >= buf->cap - buf->len) {
        reserve(buf, (size_t)n);
        n = vsnprintf(buf->at + buf->len, buf->cap - buf->len, fmt, again);
    }
    va_end(again);
    va_end(args);
    if (n > 0)
        buf->len += (size_t)n;
}

void ob_buf_number(ob_buf *buf, int64_t number)
{
    reserve(buf, OB_NUMBER_MAX);
    char *end = ob_text_number(buf->at + buf->len, number);
    *end = '\0';
    buf->len = (size_t)(end - buf->at);
}

static void add_escaped(ob_buf *buf, const char *s)
{
    while (*s) {
        size_t plain = 0;
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        ob_buf_add(buf, s, plain);
        s += plain;
        if (!*s)
            break;
        if (*s == '"' || *s == '\\')
            ob_buf_addf(buf, "\\%c", *s);
        else
            ob_buf_addf(buf, "\\u%04x", (unsigned)(unsigned char)*s);
        s++;
    }
}

void ob_buf_json(ob_buf *buf, const char *s)
{
    if (!s) {
        ob_buf_add(buf, "null", 4);
        return;
    }
    size_t len = strlen(s);
    ob_buf_add(buf, "\"", 1);
    if (ob_text_is_utf8(s, len)) {
        add_escaped(buf, s);
    } else {
        size_t size = 3 * len + 1; /* U+FFFD has three bytes */
        ob_cleanup(ob_freep) char *text = ob_calloc(1, size);
        (void)ob_text_copy(text, size, s, len);
        add_escaped(buf, text);
    }
    ob_buf_add(buf, "\"", 1);
}
