/* Allocation. Owns nothing. Any thread. */
#include "ob/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *or_abort(void *p)
{
    if (!p) {
        static const char text[] = "out of memory\n";
        (void)!fwrite(text, 1, sizeof(text) - 1, stderr);
        abort();
    }
    return p;
}

void *ob_calloc(size_t n, size_t size)
{
    /* calloc(0) may give NULL, which would look like an error. */
    return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *ob_realloc(void *p, size_t size)
{
    return or_abort(realloc(p, size ? size : 1));
}

char *ob_strdup(const char *s)
{
    return or_abort(strdup(s));
}

char *ob_strf(const char *fmt, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&s, fmt, args);
    va_end(args);
    return or_abort(n < 0 ? NULL : s);
}
