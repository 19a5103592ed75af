/* One way to fail: functions return 0 or a negative errno and fill an ob_error
 * (docs/architecture.md). */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "ob/mem.h"

/* What went wrong, for a person. Plain data; zero-initialise it. */
typedef struct ob_error {
    char text[512];
    bool retriable; /* the same call may succeed later, because the other side is not reachable or
                       busy */
} ob_error;

/* Fills 'err' (may be NULL) and returns -code: `return ob_fail(err, EINVAL, "queue %s ...", name);`
 * The result is valid text (ob/text.h) for any arguments. */
__attribute__((format(printf, 3, 4))) int ob_fail(ob_error *err, int code, const char *fmt, ...);

/* As ob_fail, and marks the error as retriable. */
__attribute__((format(printf, 3, 4))) int
ob_fail_retry(ob_error *err, int code, const char *fmt, ...);

/* Puts "context: " before the text of 'err'. */
__attribute__((format(printf, 2, 3))) void ob_error_context(ob_error *err, const char *fmt, ...);
