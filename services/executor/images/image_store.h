/* The store of unpacked images: a folder that all executors of a host and `openbatch image` share.
 * This part reads and holds; image_keeper.h changes it.
 *
 *   ob-image-store          the mark (owned.h): without it nothing is changed or removed
 *   lock                    flock: whoever changes names, or moves images, has it (short)
 *   images/<id>/rootfs      the unpacked root; nothing writes to it any more
 *   images/<id>/image.json  {id, platform, bytes, config}: config as the image has it
 *   images/<id>/lock        flock, shared by each use; its time is when the image was used last
 *   names/<hash>            {name, platforms: {platform: {id, from, source}}}
 *   pulls/<key>             flock: one at a time brings an image of that name and platform
 *   new/<key>               its work folder; without the lock, what is left of a killed process
 *   going/<id>.<n>          removed images whose files are being deleted
 *
 * id: the digest of the image's configuration, 64 hexadecimal digits. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/error.h"

#define IMAGE_STORE_MARK "ob-image-store"
#define IMAGE_STORE_OWNER "openbatch"
#define IMAGE_STORE_BYTES "21474836480" /* of all images, where no other limit is set */
#define IMAGE_ID_TEXT 65                /* with NUL */
#define IMAGE_PLATFORM_MAX 64           /* with NUL */

/* Where an image came from. Only what can be had again is removed to make room. */
#define IMAGE_FROM_LOAD "load"
#define IMAGE_FROM_REGISTRY "registry"
#define IMAGE_FROM_DOCKER "docker"

/* What a name stands for. */
typedef struct image_entry {
    char id[IMAGE_ID_TEXT];
    char from[16];
    char source[128]; /* the engine's own id of an image that came from one; otherwise empty */
} image_entry;

/* Makes the folders that are missing. Errors: -ENOTEMPTY: the folder is not a store, and other
 * files are in it; -errno. */
int image_store_make(const char *dir, ob_error *err);
/* A path in the store. New. */
__attribute__((format(printf, 2, 3))) char *image_store_path(const char *dir, const char *fmt, ...);

/* Is it an id: 64 hexadecimal digits? */
bool image_store_is_id(const char *text);
/* This host's platform in Docker's form: linux/amd64. */
const char *image_host_platform(void);

/* The file of a complete name, an absolute path if dir is one. New. */
char *image_store_name_file(const char *dir, const char *full);
/* What is in such a file, by its own name. New; NULL: there is none. */
json_t *image_store_name(const char *dir, const char *file);
/* What a complete name stands for. platform: NULL: this host's, or else one that was loaded.
 * Errors: -ENOENT. */
int image_store_find(const char *dir, const char *full, const char *platform, image_entry *ret);

/* Takes a shared lock of the image and notes that it is used: it is not removed while any process
 * has *ret_fd open (close-on-exec). Takes some milliseconds at most. Errors: -ENOENT: there is no
 * such image, or it is being removed. */
int image_store_hold(const char *dir, const char *id, int *ret_fd);
/* Notes that the image is used. */
void image_store_touch(int fd);
/* image.json. New; NULL: there is none. */
json_t *image_store_info(const char *dir, const char *id);
