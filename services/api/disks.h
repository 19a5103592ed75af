/* Which disk is full, of those that the copy needs. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

typedef struct disks disks;

/* Looks every second at the disks of 'list': NAME=FOLDER;..., or NAME~FOLDER for one without which
 * jobs can be accepted. Tells the service's health ("disk"). Errors: -EINVAL (the list), -errno. */
int disks_start(const char *list, disks **ret, ob_error *err);
/* NULL: nothing. */
void disks_stop(disks *d);
/* Is one full that is needed to accept jobs? Any thread. */
bool disks_are_full(const disks *d);
