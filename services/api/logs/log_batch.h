/* Chunks of batch.logs on their way into PostgreSQL. */
#pragma once

#include <jansson.h>

#include "log_runs.h"
#include "ob/db.h"

/* A message of batch.logs (docs/messages.md). */
typedef struct log_chunk {
    json_t *msg;  /* owned */
    bool asked;   /* the intake's */
    log_run *run; /* a reference; set by whoever knows whose it is, before log_batch_store */
    size_t bytes;
    int64_t since_ms; /* monotonic: when it arrived */
    bool waits;       /* it lies behind a gap which may still close */
    bool hurries;     /* it does not wait any longer */
    struct log_chunk *prev, *next;
} log_chunk;

log_chunk *log_chunk_new(json_t *msg, size_t bytes);
void log_chunk_free(log_chunk *chunk);
void log_chunks_free(log_chunk **list);

/* Are its run's names such that PostgreSQL takes them? What is not would hold up all that comes
 * behind it. */
bool log_chunk_is_usable(const log_chunk *chunk);

/* Stores what is new of the chunks, in one transaction; those that lie behind a gap which may still
 * close are left in *list, the others freed. *ret_far: so many of these lay too far behind the end
 * of what there is to be believed. On failure the list is as it was. Thread: the owner of 'db'. */
int log_batch_store(ob_db *db, log_chunk **list, size_t *ret_far, ob_error *err);

/* Of what waits, ends the waiting of the oldest until the rest is within bounds, for each run and
 * in all; or of everything. */
void log_batch_hurry(log_chunk *list, bool all);
