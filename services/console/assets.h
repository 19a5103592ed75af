/* The files of the page, embedded in the program by embed_assets.py, compressed with gzip. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct asset {
    const char *path; /* NULL at the end */
    const char *type;
    const char *etag; /* with its quotes */
    const uint8_t *data;
    size_t len;
} asset;
extern const asset assets[];
