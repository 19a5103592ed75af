/* Log groups, streams and events in PostgreSQL. */
#pragma once

#include "log_intake_sql.h"
#include "logs_sql.h"
#include "ob/db.h"
#include "ob/id.h"
#include "ob/log_target.h"
#include "ob/seal.h"

typedef struct log_key {
    const char *account, *region, *group, *stream;
} log_key;

/* ---- the ingesting thread -------------------------------------------------------------------- */

/* A stream and its position. 'id' is 0 until it is opened. */
typedef struct log_position {
    log_key key;        /* borrowed */
    const char *job_id; /* borrowed; NULL: not known */
    int32_t index;      /* of an array's child; -1: none */
    int64_t id;
    int64_t end_offset; /* bytes of output stored, line ends counted */
    int64_t lines;
    int64_t first_ms, last_ms; /* 0: no line yet */
} log_position;

/* Fills the positions of 'n' different streams, creates missing ones, and locks them until the
 * transaction ends. Two processes lock in the same order. */
int log_store_open(ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err);
/* Writes the positions back. */
int log_store_move(ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err);

/* Lines of any streams, as columns; texts are borrowed. */
typedef struct log_lines {
    int64_t *streams, *times, *numbers;
    const void **texts;
    int *lens;
    size_t n;
} log_lines;
int log_store_append(ob_db *db, const log_lines *lines, int64_t now_ms, ob_error *err);

/* Of those runs that are on their instance or have ended there (LOG_RUN_COL_*): which (from 1),
 * whose it is, the job's definition, its logConfiguration. */
int log_store_runs(ob_db *db,
                   const ob_run_ref *refs,
                   const char *const *instances,
                   size_t n,
                   PGresult **ret,
                   ob_error *err);

/* Of those instances that exist (LOG_SENDER_COL_*): what their rows say of their keys. */
int log_store_senders(
    ob_db *db, const char *const *instances, size_t n, PGresult **ret, ob_error *err);

/* ---- reading --------------------------------------------------------------------------------- */

#define LOG_GROUP_DEFAULT OB_LOG_GROUP /* exists without a row */
#define LOG_PAGE_BYTES 1048576
#define LOG_PAGE_EVENTS 10000
#define LOG_EVENT_BYTES 26 /* that AWS counts besides the text of an event */

/* A stream by name. Errors: -ENOENT. */
int log_store_find(ob_db *db, const log_key *key, int64_t *ret_id, ob_error *err);
int log_store_group_exists(ob_db *db,
                           const char *account,
                           const char *region,
                           const char *group,
                           bool *ret,
                           ob_error *err);
/* A job definition has named it. */
int log_store_group_make(
    ob_db *db, const char *account, const char *region, const char *group, ob_error *err);

/* A position between two events of a stream: before the event with this time and number. */
typedef struct log_place {
    int64_t at_ms, n;
} log_place;

/* The part of a stream that a page is taken from. */
typedef struct log_window {
    log_place from, to;       /* 'to' is not included */
    int64_t start_ms, end_ms; /* of at_ms; end_ms is not included */
    bool last;                /* the page is the last events of the window, not the first */
} log_window;

/* Events of a stream: at most 'limit' and LOG_PAGE_BYTES, ascending. Columns: LOG_COL_*. */
int log_store_read(ob_db *db,
                   int64_t stream_id,
                   const log_window *window,
                   int limit,
                   PGresult **ret,
                   ob_error *err);

/* The position of a search through many streams: after this event. */
typedef struct log_search_place {
    int64_t at_ms, stream_id, n;
} log_search_place;

typedef struct log_search {
    const char *account, *region, *group;
    const int64_t *streams; /* NULL: all of the group whose name begins with 'prefix' */
    size_t n_streams;
    const char *prefix;
    int64_t start_ms, end_ms;  /* both included */
    int64_t ingested_until_ms; /* events that were stored later are left out */
    bool backward;
    log_search_place behind; /* for a first page: see log_search_begin */
} log_search;
log_search_place log_search_begin(bool backward);

/* Streams with events in a span of time; LOG_CANDIDATE_COL_*. By names (NULL: by prefix, "" = all).
 */
int log_store_candidates(ob_db *db,
                         const log_search *search,
                         const char *const *names,
                         size_t n_names,
                         int limit,
                         PGresult **ret,
                         ob_error *err);
/* Events in the order of time, at most 'limit' and LOG_PAGE_BYTES. Columns: LOG_COL_*
 * and LOG_FOUND_IN_COL_*; FOUND: how many there were before the bytes were counted. */
int log_store_search(ob_db *db, const log_search *search, int limit, PGresult **ret, ob_error *err);

/* A page of groups, in the order of their names. */
typedef struct log_group_page {
    const char *account, *region;
    const char *prefix; /* of the name; "": any */
    const char *match;  /* a part of the name; NULL: any */
    const char *after;  /* the last name of the page before; NULL: none */
    int limit;
} log_group_page;

/* Columns: LOG_GROUP_COL_*. */
int log_store_groups(ob_db *db, const log_group_page *page, PGresult **ret, ob_error *err);
int log_store_groups_named(ob_db *db,
                           const char *account,
                           const char *region,
                           const char *const *names,
                           size_t n,
                           PGresult **ret,
                           ob_error *err);

/* A page of the streams of a group. */
typedef struct log_stream_page {
    const char *account, *region, *group;
    bool descending;
    int limit;
} log_stream_page;

/* Columns: LOG_STREAM_COL_*.
 * after_name / (after_ms, after_id): the last row of the page before; NULL / 0: none. */
int log_store_streams_by_name(ob_db *db,
                              const log_stream_page *page,
                              const char *prefix,
                              const char *after_name,
                              PGresult **ret,
                              ob_error *err);
int log_store_streams_by_time(ob_db *db,
                              const log_stream_page *page,
                              int64_t after_ms,
                              int64_t after_id,
                              PGresult **ret,
                              ob_error *err);
