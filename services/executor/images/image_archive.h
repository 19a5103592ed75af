/* Archives of images: what docker save and tools of OCI write. */
#pragma once

#include <jansson.h>

#include "image_program.h"

/* One image of an archive. */
typedef struct image_archived {
    char *source;  /* as skopeo names it, in the folder where the archive was prepared */
    json_t *names; /* complete names, an array; perhaps empty */
} image_archived;

typedef struct image_archive {
    image_archived *images;
    size_t n;
    bool is_layout;           /* of OCI */
    const char *decompressor; /* NULL: it is not compressed */
} image_archive;

/* Reads what is in it; path: absolute. Errors: -EINVAL: it is no archive of images; -errno. */
int image_archive_read(const char *path, image_archive *ret, ob_error *err);
void image_archive_done(image_archive *archive);

/* Prepares it for skopeo, in the folder 'work': an archive of OCI is unpacked, one of docker save
 * is decompressed. path: absolute. limit_bytes: 0: no limit. Errors: -EINVAL: an archive of OCI has
 * more than folders and plain files; -EFBIG: it takes more than the limit; -errno. */
int image_archive_prepare(const image_archive *archive,
                          const char *work,
                          const char *path,
                          int64_t limit_bytes,
                          const image_progress *progress,
                          ob_error *err);
