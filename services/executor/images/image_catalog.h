/* All images and names of a store, as they are now: read by image_keeper.c under the store's lock.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "image_store.h"

typedef struct image_row {
    char id[IMAGE_ID_TEXT];
    char platform[IMAGE_PLATFORM_MAX];
    int64_t bytes;
    int64_t used_ms; /* wall clock */
    json_t *names;   /* complete names, an array */
    bool loaded;     /* one of them by hand */
    char from[16];   /* of its last name */
} image_row;

typedef struct image_catalog {
    image_row *rows; /* by the time of their last use, the oldest first */
    size_t n;
} image_catalog;

void image_catalog_read(const char *dir, image_catalog *ret);
void image_catalog_done(image_catalog *catalog);

/* Is its root the lower layer of a mount that this process sees? */
bool image_is_mounted(const char *id);
