/* Which of the disks that the copy needs is full. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

typedef struct disks disks;

/* Checks the disks of 'list' every second: NAME=FOLDER;..., or NAME~FOLDER for one without which
 * jobs can be accepted. Reports to the service's health ("disk"). Errors: -EINVAL (the list),
 * -errno. */
int disks_start(const char *list, disks **ret, ob_error *err);
/* NULL: nothing. */
void disks_stop(disks *d);
/* Is a disk full that is needed to accept jobs? Any thread. */
bool disks_are_full(const disks *d);
