/* Images that a Docker engine has. */
#pragma once

#include "image_program.h"

/* Asks the engine at 'host' (DOCKER_HOST) for an image by its complete name or id. platform: only
 * that one is wanted; NULL: any. *ret is the engine's id of it, new. Errors: -ENOENT: it has none;
 * -EHOSTUNREACH: no engine answers. */
int image_engine_find(
    const char *host, const char *full, const char *platform, char **ret, ob_error *err);
/* Writes the image with that id into a new file, as docker save does. limit_bytes: 0: no limit.
 * Errors: -EFBIG: it takes more; -errno. */
int image_engine_save(const char *host,
                      const char *id,
                      const char *path,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err);
