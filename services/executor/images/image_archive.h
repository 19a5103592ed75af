/* Archives of images: what docker save and tools of OCI write. */
#pragma once

#include <jansson.h>

#include "image_program.h"

/* One image of an archive. */
typedef struct image_archived {
    char *source;  /* as skopeo names it: docker-archive:…, oci-archive:… */
    json_t *names; /* complete names, an array; perhaps empty */
} image_archived;

typedef struct image_archive {
    image_archived *images;
    size_t n;
} image_archive;

/* Reads what is in it; path: absolute. Errors: -EINVAL: it is no archive of images; -errno. */
int image_archive_read(const char *path, image_archive *ret, ob_error *err);
void image_archive_done(image_archive *archive);
