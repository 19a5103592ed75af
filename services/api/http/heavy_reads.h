/* How many heavy reads of one access key run at a time: who floods the api keeps himself waiting,
 * and nobody else. */
#pragma once

#include <stddef.h>

#include "ob/error.h"

typedef struct turns turns;

/* running: heavy reads of one key at a time; waiting: those that may wait for their turn. Any
 * thread, as all that follow. */
turns *turns_new(size_t running, size_t waiting);
/* Nobody may have a turn. */
void turns_free(turns *t);

/* Waits for a turn of the key, the oldest first, for two seconds at most; to be given back. Errors:
 * -EBUSY: too many of the key's are waiting, or none got a turn in time. */
int turns_take(turns *t, const char *key_id, ob_error *err);
void turns_give(turns *t, const char *key_id);
