/* After a restart: what the spool and the runtime say of the runs begun before. */
#pragma once

#include "attempts.h"

/* Fills the table and the tombstones from the spool. */
void adopt_load(attempts *a);
/* A container that the runtime was not told of (runtime_callbacks.found). */
void adopt_found(attempts *a, const char *run);
/* All that exists was found: what the spool knows and the runtime does not have is over. */
void adopt_listed(attempts *a);
