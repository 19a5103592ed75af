/* Small files that a service writes for itself or for others. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "ob/error.h"
#include "ob/point.h"

/* Writes a file as a whole: others see the old text or the new one. Passes the point. flush: also
 * after the loss of power. Errors: -errno. */
int ob_file_write(
    ob_point point, const char *path, mode_t mode, const char *text, bool flush, ob_error *err);
/* Removes a file, if it is there. Passes the point. */
void ob_file_remove(ob_point point, const char *path);
