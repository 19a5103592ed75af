/* After a restart: the runs begun before, according to the spool and the runtime. */
#pragma once

#include "attempts.h"

/* Fills the table and the tombstones from the spool. */
void adopt_load(attempts *a);
/* A container that the runtime did not start (runtime_callbacks.found). */
void adopt_found(attempts *a, const char *run);
/* All containers have been found: a run in the spool without a container is over. */
void adopt_listed(attempts *a);
