/* A growing text. Owns its memory; aborts when there is none. Any thread, one owner a text. */
#include "growing_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ob/error.h"

static void reserve(text *t, size_t more)
{
    if (t->len + more + 1 <= t->cap)
        return;
    size_t cap = t->cap ? t->cap : 1024;
    while (cap < t->len + more + 1)
        cap *= 2;
    t->at = ob_realloc(t->at, cap);
    t->cap = cap;
}

void text_done(text *t)
{
    free(t->at);
    *t = (text){ 0 };
}

void text_add(text *t, const char *data, size_t len)
{
    reserve(t, len);
    memcpy(t->at + t->len, data, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_str(text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_addf(text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    reserve(t, 64);
    int n = vsnprintf(t->at + t->len, t->cap - t->len, fmt, args);
    if (n >= 0 && (size_t)n >= t->cap - t->len) {
        reserve(t, (size_t)n);
        n = vsnprintf(t->at + t->len, t->cap - t->len, fmt, again);
    }
    va_end(again);
    va_end(args);
    if (n > 0)
        t->len += (size_t)n;
}

void text_json(text *t, const char *s)
{
    if (!s) {
        text_add(t, "null", 4);
        return;
    }
    text_add(t, "\"", 1);
    while (*s) {
        size_t plain = 0;
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        text_add(t, s, plain);
        s += plain;
        if (!*s)
            break;
        if (*s == '"' || *s == '\\')
            text_addf(t, "\\%c", *s);
        else
            text_addf(t, "\\u%04x", (unsigned)(unsigned char)*s);
        s++;
    }
    text_add(t, "\"", 1);
}
