/* Errors. Owns nothing: an ob_error belongs to the caller. Any thread. */
#include "ob/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ob/text.h"

__attribute__((format(printf, 4, 0))) static int
fail_with(ob_error *err, int code, bool retriable, const char *fmt, va_list args)
{
    assert(code > 0);
    if (err) {
        ob_text_vformat(err->text, sizeof(err->text), fmt, args);
        err->retriable = retriable;
    }
    return -code;
}

int ob_fail(ob_error *err, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int r = fail_with(err, code, false, fmt, args);
    va_end(args);
    return r;
}

int ob_fail_retry(ob_error *err, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int r = fail_with(err, code, true, fmt, args);
    va_end(args);
    return r;
}

void ob_error_context(ob_error *err, const char *fmt, ...)
{
    if (!err)
        return;
    char context[sizeof(err->text)];
    va_list args;
    va_start(args, fmt);
    ob_text_vformat(context, sizeof(context), fmt, args);
    va_end(args);
    ob_text_format(err->text, sizeof(err->text), "%s: %s", context, err->text);
}
