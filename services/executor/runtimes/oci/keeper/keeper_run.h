/* The life of one container, from its folder to its end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../oci_words.h"
#include "keeper_place.h"
#include "keeper_room.h"

typedef struct keeper_plan {
    const char *runtime; /* crun or runc: a path */
    keeper_place place;
    keeper_room room;
    int stop_signal;
    bool output;                           /* is output kept? */
    uint64_t limit;                        /* bytes of it; 0: all */
    const char *fills[OCI_VOLUMES_MAX][2]; /* volumes: name, and place in the image */
    int fill_count;
} keeper_plan;

/* Runs the container of the attempt's folder (OCI_CONFIG_FILE). The result is for exit(). */
int keeper_run(keeper_plan *plan);
/* Ends and removes what a keeper that was killed has left: all but the state and the output. */
int keeper_clean(keeper_plan *plan);
/* Can a root be made in the folder, and written to? */
int keeper_try(keeper_plan *plan);
