/* Runs the programs that copy and unpack images. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/buf.h"
#include "ob/error.h"
#include "ob/point.h"

/* Called while something is being done, several times a second at most. */
typedef struct image_progress {
    void (*fn)(void *arg);
    void *arg;
} image_progress;

typedef struct image_program {
    const char *const *argv; /* NULL ends it; the first is looked for in PATH */
    const char *folder;      /* where it runs; NULL: here */
    int keep_fd;             /* a descriptor that it inherits; 0: none */
    ob_buf *out;             /* what it prints; NULL: nobody needs it */
    size_t out_max;          /* if it prints more, it has failed */
    const json_t *hidden;    /* values that its error must not repeat; NULL: none */
    const image_progress *progress;
    const char *limit_folder; /* an absolute path: it is killed once that takes more than */
    int64_t limit_bytes;      /* 0: no limit */
} image_program;

/* Runs it to its end. It dies with this process. Passes the point (OB_POINT_NONE: it changes
 * nothing, or only files that nobody else reads). Errors: -ENOENT: it is not installed; -EFBIG: it
 * has written more than the limit; -EIO: it failed, with its own last error. */
int image_program_run(ob_point point, const image_program *program, ob_error *err);
/* Fails with -EFBIG: an image takes more than all images may. */
int image_program_too_large(int64_t limit_bytes, ob_error *err);
