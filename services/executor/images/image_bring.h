/* Brings images into the store: from a Docker engine, a registry, or an archive. */
#pragma once

#include <stdio.h>

#include "image_program.h"

typedef struct image_bringer {
    const char *dir;         /* of the store, an absolute path */
    const char *engine;      /* DOCKER_HOST; empty or NULL: none is asked */
    const char *credentials; /* a config.json; empty: the user's own */
    const json_t *login;     /* a job's own credentials; NULL: those of 'credentials' */
    int64_t limit_bytes;     /* that one image may take; 0: no limit */
    const image_progress *progress;
} image_bringer;

/* The image with that name: it is brought if it is not there, or anyway with 'again'. Of several
 * processes that want the same image one brings it, and the others wait. platform: NULL: this
 * host's. ret_id: new. *ret_fd: it is held. Errors: -errno, with a text for users. */
int image_bring_named(const image_bringer *b,
                      const char *name,
                      const char *platform,
                      bool again,
                      char **ret_id,
                      int *ret_fd,
                      ob_error *err);

/* All images of an archive, under their own names, or one under 'name'. Prints what it has loaded.
 */
int image_bring_archive(const image_bringer *b, const char *path, const char *name, ob_error *err);
