/* From an image as a registry has it to a folder of the store. All paths are in a work folder,
 * which nobody else writes to. limit_bytes: what a step makes may take; 0: no limit; -EFBIG: it
 * takes more. */
#pragma once

#include "image_program.h"
#include "image_store.h"

/* Copies an image into the layout <work>/layout. source: as skopeo names it. platform: of a list of
 * several; NULL: this host's. login: {"username", "password"} or {"identitytoken"} for its
 * registry, or NULL. Errors: -EIO, -ENOENT (a program is missing); the text is for users. */
int image_unpack_copy(const char *work,
                      const char *source,
                      const char *platform,
                      const char *registry,
                      const json_t *login,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err);

/* The image in <work>/layout: its id and its platform. */
int image_unpack_describe(const char *work,
                          char ret_id[IMAGE_ID_TEXT],
                          char ret_platform[IMAGE_PLATFORM_MAX],
                          ob_error *err);

/* Unpacks it into the folder <work>/image, which is then complete for the store. */
int image_unpack_root(const char *work,
                      int64_t limit_bytes,
                      const image_progress *progress,
                      ob_error *err);
