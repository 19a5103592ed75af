/* Stores chunks of batch.logs in PostgreSQL. */
#pragma once

#include <jansson.h>

#include "log_runs.h"
#include "ob/db.h"

/* A message of batch.logs (docs/messages.md). */
typedef struct log_chunk {
    json_t *msg;  /* owned */
    bool asked;   /* the intake's */
    bool genuine; /* it comes from the instance that it names (log_senders.c) */
    log_run *run; /* a reference; set by whoever knows whose it is, before log_batch_store */
    size_t bytes;
    int64_t since_ms; /* monotonic: when it arrived */
    bool waits;       /* it is after a gap that may still close */
    bool hurries;     /* it does not wait any longer (log_patience.c) */
    struct log_chunk *prev, *next;
} log_chunk;

log_chunk *log_chunk_new(json_t *msg, size_t bytes);
void log_chunk_free(log_chunk *chunk);
void log_chunks_free(log_chunk **list);

/* Does PostgreSQL accept its run's names? A bad one would block all later chunks. */
bool log_chunk_is_usable(const log_chunk *chunk);

/* Chunks that were not accepted, or not wholly. */
typedef struct log_refused {
    size_t far;  /* too far after the end */
    size_t past; /* past the limit */
} log_refused;

/* Stores the new lines of the chunks in one transaction. Chunks after a gap that may still close
 * stay in *list, the others are freed. limit: bytes of a run's output; 0: all is stored. On failure
 * the list is unchanged. Thread: the owner of 'db'. */
int log_batch_store(
    ob_db *db, int64_t limit, log_chunk **list, log_refused *ret_refused, ob_error *err);
