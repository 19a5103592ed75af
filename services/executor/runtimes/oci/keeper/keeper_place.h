/* Where a keeper works: the folder of an attempt, which the executor made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct keeper_place {
    const char *home, *instance;
    const char *id;  /* NULL: only the instance's control group is meant */
    char group[600]; /* control group */
    int fd;          /* of the attempt's folder, once it was entered */
} keeper_place;

typedef enum keeper_entry {
    KEEPER_ENTERED,
    KEEPER_NOTHING, /* there is no folder, or nothing is in it */
    KEEPER_REFUSED,
} keeper_entry;

/* Is the home one of the OCI runtime? Then its control group is known. False: why says why not, for
 * a person. */
bool keeper_place_find(keeper_place *p, char *why, size_t size);
/* Opens the attempt's folder, if it is one: it becomes the working directory. */
keeper_entry keeper_place_enter(keeper_place *p, char *why, size_t size);
