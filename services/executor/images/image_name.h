/* Names of images as Docker reads them. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

/* The complete name: registry, path, and a tag or a digest. busybox is
 * docker.io/library/busybox:latest. With a digest the tag has no meaning and is left out. The id of
 * an image, sha256:<64 hex digits>, with or without the prefix, becomes one with it. *ret is new.
 * Errors: -EINVAL. */
int image_name_parse(const char *name, char **ret, ob_error *err);

/* For complete names. Is it an id? */
bool image_name_is_id(const char *full);
/* Is its registry on this host? As Docker does, such a one may answer without TLS. */
bool image_name_is_local(const char *full);
