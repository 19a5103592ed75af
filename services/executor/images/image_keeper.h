/* Changes the store of images (image_store.h): adds, names, removes. Only openbatch-image does. */
#pragma once

#include <stdio.h>

#include "image_store.h"

/* Moves a complete folder to its place, unless that image is there already; gives it a name
 * (entry->id is the image) and holds it. name, platform: a complete name; NULL: no name yet.
 * Errors: -errno. */
int image_keeper_add(const char *dir,
                     const char *folder,
                     const char *name,
                     const char *platform,
                     const image_entry *entry,
                     int *ret_fd,
                     ob_error *err);

/* Removes images without a name, and, while all take more than limit_bytes (0: no limit), the one
 * that was used last the longest ago. What is in use or was loaded stays. *ret_over: all still take
 * more. Errors: -errno. */
int image_keeper_make_room(const char *dir, int64_t limit_bytes, bool *ret_over, ob_error *err);
/* Deletes what killed processes have left. */
void image_keeper_sweep(const char *dir);

/* Takes a name from an image, and removes the image if that was its last one. what: a complete
 * name, or the beginning of an id (all its names). Errors: -ENOENT; -EBUSY: it is in use. */
int image_keeper_remove(const char *dir, const char *what, ob_error *err);
/* Prints a table of all images. */
void image_keeper_list(const char *dir, FILE *out);
