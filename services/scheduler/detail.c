/* Reads the text of job.detail. Holds no state; never writes. The text comes from the api through
 * PostgreSQL; if it is not JSON, reading stops at its NUL. Any thread. */
#include "detail.h"

#include <string.h>

static const char *skip_space(const char *s)
{
    while (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r')
        s++;
    return s;
}

/* 's' is at a quote; returns the text after the closing one. */
static const char *skip_string(const char *s)
{
    for (s++; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
    }
    return *s ? s + 1 : s;
}

static const char *skip_value(const char *s)
{
    int depth = 0;
    while (*s) {
        if (*s == '"') {
            s = skip_string(s);
            if (depth == 0)
                return s;
            continue;
        }
        if (*s == '{' || *s == '[') {
            depth++;
        } else if (*s == '}' || *s == ']') {
            if (depth == 0)
                return s; /* the end of what holds a bare value */
            if (--depth == 0)
                return s + 1;
        } else if (depth == 0 && (*s == ',' || *s == ' ' || *s == '\n')) {
            return s;
        }
        s++;
    }
    return s;
}

bool detail_next(const char **pos, detail_span *key, detail_span *value)
{
    const char *s = skip_space(*pos);
    if (*s != '{' && *s != ',')
        return false;
    s = skip_space(s + 1);
    if (*s != '"')
        return false;
    const char *end = skip_string(s);
    *key = (detail_span){ s + 1, end > s + 1 ? (size_t)(end - s) - 2 : 0 };
    s = skip_space(end);
    if (*s != ':')
        return false;
    s = skip_space(s + 1);
    end = skip_value(s);
    if (end == s)
        return false;
    *value = (detail_span){ s, (size_t)(end - s) };
    *pos = end;
    return true;
}

bool detail_is(const detail_span *span, const char *text)
{
    return span->len == strlen(text) && memcmp(span->at, text, span->len) == 0;
}

bool detail_get(const char *object, const char *name, detail_span *ret_value)
{
    detail_span key, value;
    while (detail_next(&object, &key, &value)) {
        if (detail_is(&key, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

detail_span detail_string(const char *object, const char *name)
{
    detail_span value;
    if (!detail_get(object, name, &value) || value.len < 2 || value.at[0] != '"')
        return (detail_span){ "", 0 };
    return (detail_span){ value.at + 1, value.len - 2 };
}

/* Cuts off the text before 'c'. */
static detail_span cut(detail_span *rest, char c)
{
    const char *at = memchr(rest->at, c, rest->len);
    size_t len = at ? (size_t)(at - rest->at) : rest->len;
    detail_span part = { rest->at, len };
    size_t used = at ? len + 1 : len;
    rest->at += used;
    rest->len -= used;
    return part;
}

detail_arn detail_arn_of(const char *object, const char *name)
{
    detail_span rest = detail_string(object, name);
    detail_arn arn;
    (void)cut(&rest, ':'); /* arn */
    (void)cut(&rest, ':'); /* aws */
    (void)cut(&rest, ':'); /* batch */
    arn.region = cut(&rest, ':');
    arn.account = cut(&rest, ':');
    (void)cut(&rest, '/'); /* job, job-queue */
    arn.name = rest;
    return arn;
}
