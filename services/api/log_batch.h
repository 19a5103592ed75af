/* Chunks of batch.logs on their way into PostgreSQL. */
#pragma once

#include <jansson.h>

#include "ob/db.h"

/* A message of batch.logs (docs/messages.md). */
typedef struct log_chunk {
    json_t *msg; /* owned */
    size_t bytes;
    int64_t since_ms; /* monotonic: when it arrived */
    struct log_chunk *prev, *next;
} log_chunk;

log_chunk *log_chunk_new(json_t *msg, size_t bytes);
void log_chunks_free(log_chunk **list);

/* Are its names such that PostgreSQL takes them? What is not would hold up all that comes behind
 * it. */
bool log_chunk_is_usable(const log_chunk *chunk);

/* Stores what is new of the chunks, in one transaction; those that lie behind a gap which may still
 * close are left in *list, the others freed. On failure the list is as it was. Thread: the owner of
 * 'db'. */
int log_batch_store(ob_db *db, log_chunk **list, ob_error *err);
