/* Every SQL statement of the log streams. */
#pragma once

#include "ob/db.h"

extern const ob_db_stmt log_store_ingest_stmts[]; /* the ingesting thread's connection */
extern const ob_db_stmt log_store_stmts[];        /* the workers' */

typedef struct log_key {
    const char *account, *region, *group, *stream;
} log_key;

/* Where a stream stands; its row is made when missing and stays locked until the transaction ends.
 */
typedef struct log_position {
    int64_t stream_id;
    int64_t end_offset;
    int64_t lines;
} log_position;
int log_store_open(ob_db *db, const log_key *key, int64_t now_ms, log_position *ret, ob_error *err);

/* Appends 'n' lines behind 'at' and moves it. */
int log_store_append(ob_db *db,
                     log_position *at,
                     const int64_t *times,
                     const void *const *texts,
                     const int *lens,
                     size_t n,
                     int64_t end_offset,
                     int64_t now_ms,
                     ob_error *err);

/* The hash of an instance's token: *ret is new, NULL when there is no such instance. */
int log_store_token_hash(ob_db *db, const char *instance, char **ret, ob_error *err);

/* A stream by name. Errors: -ENOENT; *ret_group_exists tells whether its group has any stream. */
int log_store_find(
    ob_db *db, const log_key *key, int64_t *ret_id, bool *ret_group_exists, ob_error *err);

/* Events (n, at_ms, ingested_at_ms, message) of a stream: n in [from, to), at_ms in [start_ms,
 * end_ms), the first or the last 'limit' of them, ascending. */
int log_store_read(ob_db *db,
                   int64_t stream_id,
                   int64_t from,
                   int64_t to,
                   int64_t start_ms,
                   int64_t end_ms,
                   bool last,
                   int limit,
                   PGresult **ret,
                   ob_error *err);
