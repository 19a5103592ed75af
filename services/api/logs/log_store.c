/* Owns log_group, log_stream and log_event, but for what retention deletes. Thread: the owner of
 * the connection.
 *
 * Invariants: within a stream n counts up and at_ms never falls, so (at_ms, n) is one order for
 * positions and for times; a stream's row is locked while lines are appended to it. */
#include "log_store.h"

#include <string.h>

#include "log_intake_sql.h"
#include "logs_sql.h"
#include "ob/clock.h"

/* ---- the ingesting thread -------------------------------------------------------------------- */

typedef struct key_columns {
    const char **account, **region, **group, **stream, **job;
    int32_t *index;
} key_columns;

static void columns_done(key_columns *c)
{
    free(c->account);
    free(c->region);
    free(c->group);
    free(c->stream);
    free(c->job);
    free(c->index);
}

static void columns_of(key_columns *c, log_position *const *at, size_t n)
{
    c->account = ob_calloc(n, sizeof(*c->account));
    c->region = ob_calloc(n, sizeof(*c->region));
    c->group = ob_calloc(n, sizeof(*c->group));
    c->stream = ob_calloc(n, sizeof(*c->stream));
    c->job = ob_calloc(n, sizeof(*c->job));
    c->index = ob_calloc(n, sizeof(*c->index));
    for (size_t i = 0; i < n; i++) {
        c->account[i] = at[i]->key.account;
        c->region[i] = at[i]->key.region;
        c->group[i] = at[i]->key.group;
        c->stream[i] = at[i]->key.stream;
        c->job[i] = at[i]->job_id;
        c->index[i] = at[i]->index;
    }
}

static void params_keys(ob_params *p, const key_columns *c, size_t n, bool streams)
{
    ob_param_text_array(p, c->account, n);
    ob_param_text_array(p, c->region, n);
    ob_param_text_array(p, c->group, n);
    if (streams)
        ob_param_text_array(p, c->stream, n);
}

static int make_missing(ob_db *db, const key_columns *c, size_t n, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params groups = { 0 };
    ob_cleanup(ob_params_done) ob_params streams = { 0 };
    params_keys(&groups, c, n, false);
    ob_param_int(&groups, now_ms);
    int r = ob_db_exec(db, STMT_LOG_MAKE_GROUPS, &groups, NULL, err);
    if (r < 0)
        return r;
    params_keys(&streams, c, n, true);
    ob_param_text_array(&streams, c->job, n);
    ob_param_int32_array(&streams, c->index, n);
    ob_param_int(&streams, now_ms);
    return ob_db_exec(db, STMT_LOG_MAKE_STREAMS, &streams, NULL, err);
}

int log_store_open(ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err)
{
    ob_cleanup(columns_done) key_columns c = { 0 };
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    columns_of(&c, at, n);
    int r = make_missing(db, &c, n, now_ms, err);
    if (r < 0)
        return r;
    params_keys(&p, &c, n, true);
    r = ob_db_exec(db, STMT_LOG_OPEN, &p, &res, err);
    if (r < 0)
        return r;
    if ((size_t)PQntuples(res) != n)
        return ob_fail_retry(err, EAGAIN, "a log stream vanished");
    for (int row = 0; row < PQntuples(res); row++) {
        log_position *to = at[ob_col_int(res, row, LOG_OPEN_COL_ORD, 1) - 1];
        to->id = ob_col_int(res, row, LOG_OPEN_COL_ID, 0);
        to->end_offset = ob_col_int(res, row, LOG_OPEN_COL_END_OFFSET, 0);
        to->lines = ob_col_int(res, row, LOG_OPEN_COL_LINES, 0);
        to->first_ms = ob_col_int(res, row, LOG_OPEN_COL_FIRST_AT_MS, 0);
        to->last_ms = ob_col_int(res, row, LOG_OPEN_COL_LAST_AT_MS, 0);
    }
    return 0;
}

/* The parameter of this name: 'member' of each position. */
#define COLUMN(name, member)                                                                       \
    OB_PARAM_COLUMN(&p, LOG_MOVE_##name, int64, int64_t, at, n, (*row)->member)

int log_store_move(ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, now_ms);
    COLUMN(ID, id);
    COLUMN(END_OFFSET, end_offset);
    COLUMN(LINES, lines);
    COLUMN(FIRST_AT_MS, first_ms);
    COLUMN(LAST_AT_MS, last_ms);
    return ob_db_exec(db, STMT_LOG_MOVE, &p, NULL, err);
}
#undef COLUMN

int log_store_append(ob_db *db, const log_lines *lines, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, now_ms);
    ob_param_int64_array(&p, lines->streams, lines->n);
    ob_param_int64_array(&p, lines->times, lines->n);
    ob_param_int64_array(&p, lines->numbers, lines->n);
    ob_param_bytes_array(&p, lines->texts, lines->lens, lines->n);
    return ob_db_exec(db, STMT_LOG_APPEND, &p, NULL, err);
}

int log_store_runs(ob_db *db,
                   const ob_run_ref *refs,
                   const char *const *instances,
                   size_t n,
                   PGresult **ret,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_freep) ob_uuid *ids = ob_calloc(n, sizeof(*ids));
    ob_cleanup(ob_freep) int32_t *indexes = ob_calloc(n, sizeof(*indexes));
    ob_cleanup(ob_freep) int32_t *runs = ob_calloc(n, sizeof(*runs));
    for (size_t i = 0; i < n; i++) {
        ids[i] = refs[i].id;
        indexes[i] = refs[i].index;
        runs[i] = refs[i].run;
    }
    ob_param_uuid_array(&p, ids, n);
    ob_param_int32_array(&p, indexes, n);
    ob_param_int32_array(&p, runs, n);
    ob_param_text_array(&p, instances, n);
    return ob_db_exec(db, STMT_LOG_RUNS, &p, ret, err);
}

int log_store_senders(
    ob_db *db, const char *const *instances, size_t n, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, instances, n);
    return ob_db_exec(db, STMT_LOG_SENDERS, &p, ret, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void params_group(ob_params *p, const char *account, const char *region, const char *group)
{
    ob_param_text(p, account);
    ob_param_text(p, region);
    ob_param_text(p, group);
}

int log_store_find(ob_db *db, const log_key *key, int64_t *ret_id, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    params_group(&p, key->account, key->region, key->group);
    ob_param_text(&p, key->stream);
    int r = ob_db_exec(db, STMT_LOG_FIND, &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "the log stream does not exist");
    *ret_id = ob_col_int(res, 0, LOG_FOUND_COL_ID, 0);
    return 0;
}

int log_store_group_exists(
    ob_db *db, const char *account, const char *region, const char *group, bool *ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    *ret = strcmp(group, LOG_GROUP_DEFAULT) == 0;
    if (*ret)
        return 0;
    params_group(&p, account, region, group);
    int r = ob_db_exec(db, STMT_LOG_GROUP, &p, &res, err);
    if (r == 0)
        *ret = PQntuples(res) > 0;
    return r;
}

int log_store_group_make(
    ob_db *db, const char *account, const char *region, const char *group, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, account, region, group);
    ob_param_int(&p, ob_wall_ms());
    return ob_db_exec(db, STMT_LOG_GROUP_MAKE, &p, NULL, err);
}

int log_store_read(ob_db *db,
                   int64_t stream_id,
                   const log_window *window,
                   int limit,
                   PGresult **ret,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, stream_id);
    ob_param_int(&p, window->from.at_ms);
    ob_param_int(&p, window->from.n);
    ob_param_int(&p, window->to.at_ms);
    ob_param_int(&p, window->to.n);
    ob_param_int(&p, window->start_ms);
    ob_param_int(&p, window->end_ms);
    ob_param_int(&p, limit);
    return ob_db_exec(db, window->last ? STMT_LOG_READ_LAST : STMT_LOG_READ_FIRST, &p, ret, err);
}

log_search_place log_search_begin(bool backward)
{
    return backward ? (log_search_place){ INT64_MAX, INT64_MAX, INT64_MAX }
                    : (log_search_place){ -1, -1, -1 };
}

int log_store_candidates(ob_db *db,
                         const log_search *search,
                         const char *const *names,
                         size_t n_names,
                         int limit,
                         PGresult **ret,
                         ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, search->account, search->region, search->group);
    ob_param_int(&p, search->start_ms);
    ob_param_int(&p, search->end_ms);
    if (names) {
        ob_param_text_array(&p, names, n_names);
        return ob_db_exec(db, STMT_LOG_NAMED, &p, ret, err);
    }
    ob_param_text(&p, search->prefix);
    ob_param_int(&p, limit);
    return ob_db_exec(db, STMT_LOG_PREFIXED, &p, ret, err);
}

int log_store_search(ob_db *db, const log_search *search, int limit, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, search->start_ms);
    ob_param_int(&p, search->end_ms);
    ob_param_int(&p, search->ingested_until_ms);
    ob_param_int(&p, search->behind.at_ms);
    ob_param_int(&p, search->behind.stream_id);
    ob_param_int(&p, search->behind.n);
    ob_param_int(&p, limit);
    if (search->streams) {
        ob_param_int64_array(&p, search->streams, search->n_streams);
        return ob_db_exec(db, search->backward ? STMT_LOG_SEARCH_SOME_BACK : STMT_LOG_SEARCH_SOME,
                          &p, ret, err);
    }
    params_group(&p, search->account, search->region, search->group);
    ob_param_text(&p, search->prefix);
    return ob_db_exec(db, search->backward ? STMT_LOG_SEARCH_ALL_BACK : STMT_LOG_SEARCH_ALL, &p,
                      ret, err);
}

int log_store_groups(ob_db *db, const log_group_page *page, PGresult **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, page->account, page->region, page->prefix);
    ob_param_text(&p, page->match);
    ob_param_text(&p, page->after);
    ob_param_int(&p, page->limit);
    return ob_db_exec(db, STMT_LOG_GROUPS, &p, ret, err);
}

int log_store_groups_named(ob_db *db,
                           const char *account,
                           const char *region,
                           const char *const *names,
                           size_t n,
                           PGresult **ret,
                           ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text(&p, account);
    ob_param_text(&p, region);
    ob_param_text_array(&p, names, n);
    return ob_db_exec(db, STMT_LOG_GROUPS_NAMED, &p, ret, err);
}

int log_store_streams_by_name(ob_db *db,
                              const log_stream_page *page,
                              const char *prefix,
                              const char *after_name,
                              PGresult **ret,
                              ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, page->account, page->region, page->group);
    ob_param_text(&p, prefix);
    ob_param_text(&p, after_name);
    ob_param_int(&p, page->limit);
    return ob_db_exec(db, page->descending ? STMT_LOG_STREAMS_BACK : STMT_LOG_STREAMS, &p, ret,
                      err);
}

int log_store_streams_by_time(ob_db *db,
                              const log_stream_page *page,
                              int64_t after_ms,
                              int64_t after_id,
                              PGresult **ret,
                              ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, page->account, page->region, page->group);
    ob_param_int(&p, after_ms);
    ob_param_int(&p, after_id);
    ob_param_int(&p, page->limit);
    return ob_db_exec(db, page->descending ? STMT_LOG_STREAMS_TIME_BACK : STMT_LOG_STREAMS_TIME, &p,
                      ret, err);
}
