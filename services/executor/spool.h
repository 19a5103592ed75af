/* Data that must survive this process, in OPENBATCH_INSTANCE_DIR: a small durable map of JSON
 * members by key. Keys are runs, "last" for the highest (epoch, seq), and "seal" for what belongs
 * to the instance's key. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ob/error.h"

typedef struct spool spool;

/* Waits up to wait_ms for the lock of the directory (one executor per instance), creates the
 * directory if it is missing, and loads and compacts the spool. Errors: -EBUSY (another executor
 * holds the lock), -errno. */
int spool_open(const char *dir, int wait_ms, spool **ret, ob_error *err);
/* Closes without writing what is pending. */
void spool_free(spool *s);

/* The members of 'key', borrowed, or NULL. */
const json_t *spool_get(const spool *s, const char *key);
/* All keys: {key: {name: value}}, borrowed. Changed by spool_set and spool_drop: iterate over a
 * copy when those are called. */
const json_t *spool_all(const spool *s);

/* Sets a member; takes 'value' (NULL: null). durable: the next spool_sync flushes it to the disk;
 * otherwise it is only written (it survives the process, not the machine). */
void spool_set(spool *s, const char *key, const char *name, json_t *value, bool durable);
/* Forgets a key. */
void spool_drop(spool *s, const char *key);

/* Writes pending changes without a flush: they survive the process. Errors: as spool_sync. */
int spool_write(spool *s, ob_error *err);
/* Writes pending changes; returns when durable ones are on the disk. Cheap if there are none.
 * Errors: -errno (disk full ...): everything stays pending, call again. */
int spool_sync(spool *s, ob_error *err);
