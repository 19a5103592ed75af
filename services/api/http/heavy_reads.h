/* Limits the heavy reads of one access key that run at a time, so that a key that floods the api
 * delays only itself. */
#pragma once

#include <stddef.h>

#include "ob/error.h"

typedef struct turns turns;

/* running: heavy reads of one key at a time; waiting: the number that may wait for a turn. Any
 * thread, as for all functions below. */
turns *turns_new(size_t running, size_t waiting);
/* No request may have a turn. */
void turns_free(turns *t);

/* Waits for a turn of the key, oldest first, for at most two seconds; give it back. Errors: -EBUSY:
 * too many requests of the key wait, or there was no turn in time. */
int turns_take(turns *t, const char *key_id, ob_error *err);
void turns_give(turns *t, const char *key_id);
