/* One way to fail: functions return 0 or a negative errno and fill an ob_error
 * (docs/architecture.md). */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "ob/mem.h"

/* What went wrong, for a person. Plain data; zero-initialise it. */
typedef struct ob_error {
    char text[512];
    bool retriable; /* the same call may succeed later: the other side is away or busy */
} ob_error;

/* Fills 'err' (may be NULL) and returns -code: `return ob_fail(err, EINVAL, "queue %s ...", name);`
 * The outcome is text (ob/text.h), whatever the arguments are. */
__attribute__((format(printf, 3, 4))) int ob_fail(ob_error *err, int code, const char *fmt, ...);

/* As ob_fail, and marks the error as retriable. */
__attribute__((format(printf, 3, 4))) int
ob_fail_retry(ob_error *err, int code, const char *fmt, ...);

/* Puts "context: " before what 'err' says already. */
__attribute__((format(printf, 2, 3))) void ob_error_context(ob_error *err, const char *fmt, ...);
