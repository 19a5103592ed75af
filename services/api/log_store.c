/* Owns every SQL statement of log_stream and log_event. Thread: the owner of the connection. */
#include "log_store.h"

const ob_db_stmt log_store_ingest_stmts[] = {
    { "log_make", "INSERT INTO log_stream (account, region, log_group, name, created_at_ms)"
                  " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING" },
    { "log_open",
      "SELECT id, end_offset, lines FROM log_stream"
      " WHERE account = $1 AND region = $2 AND log_group = $3 AND name = $4 FOR UPDATE" },
    { "log_append",
      "INSERT INTO log_event (stream_id, n, at_ms, ingested_at_ms, message)"
      " SELECT $1, $2 + i.ord - 1, i.at_ms, $3, i.message"
      " FROM unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS i(at_ms, message, ord)" },
    { "log_move", "UPDATE log_stream SET end_offset = $2, lines = $3 WHERE id = $1" },
    { "log_token_hash", "SELECT token_hash FROM instance WHERE id = $1" },
    { 0 },
};

#define SQL_READ(order)                                                                            \
    "SELECT n, at_ms, ingested_at_ms, message FROM (SELECT * FROM log_event WHERE stream_id = $1"  \
    " AND n >= $2 AND n < $3 AND at_ms >= $4 AND at_ms < $5 ORDER BY n " order " LIMIT $6) AS e"   \
    " ORDER BY n"

const ob_db_stmt log_store_stmts[] = {
    { "log_find", "SELECT id FROM log_stream"
                  " WHERE account = $1 AND region = $2 AND log_group = $3 AND name = $4" },
    { "log_group",
      "SELECT 1 FROM log_stream WHERE account = $1 AND region = $2 AND log_group = $3 LIMIT 1" },
    { "log_read_first", SQL_READ("ASC") },
    { "log_read_last", SQL_READ("DESC") },
    { 0 },
};

static void params_key(ob_params *p, const log_key *key)
{
    ob_param_text(p, key->account);
    ob_param_text(p, key->region);
    ob_param_text(p, key->group);
    ob_param_text(p, key->stream);
}

int log_store_open(ob_db *db, const log_key *key, int64_t now_ms, log_position *ret, ob_error *err)
{
    for (int try = 0; try < 2; try++) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        ob_cleanup(ob_params_done) ob_params made = { 0 };
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        params_key(&p, key);
        int r = ob_db_exec(db, "log_open", &p, &res, err);
        if (r < 0)
            return r;
        if (PQntuples(res) > 0) {
            ret->stream_id = ob_col_int(res, 0, 0, 0);
            ret->end_offset = ob_col_int(res, 0, 1, 0);
            ret->lines = ob_col_int(res, 0, 2, 0);
            return 0;
        }
        params_key(&made, key);
        ob_param_int(&made, now_ms);
        r = ob_db_exec(db, "log_make", &made, NULL, err);
        if (r < 0)
            return r;
    }
    return ob_fail(err, EAGAIN, "log stream %s vanished", key->stream);
}

int log_store_append(ob_db *db,
                     log_position *at,
                     const int64_t *times,
                     const void *const *texts,
                     const int *lens,
                     size_t n,
                     int64_t end_offset,
                     int64_t now_ms,
                     ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_params_done) ob_params move = { 0 };
    if (n > 0) {
        ob_param_int(&p, at->stream_id);
        ob_param_int(&p, at->lines);
        ob_param_int(&p, now_ms);
        ob_param_int64_array(&p, times, n);
        ob_param_bytes_array(&p, texts, lens, n);
        int r = ob_db_exec(db, "log_append", &p, NULL, err);
        if (r < 0)
            return r;
    }
    at->lines += (int64_t)n;
    at->end_offset = end_offset;
    ob_param_int(&move, at->stream_id);
    ob_param_int(&move, at->end_offset);
    ob_param_int(&move, at->lines);
    return ob_db_exec(db, "log_move", &move, NULL, err);
}

int log_store_token_hash(ob_db *db, const char *instance, char **ret, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, instance);
    int r = ob_db_exec(db, "log_token_hash", &p, &res, err);
    if (r < 0)
        return r;
    *ret = PQntuples(res) > 0 ? ob_strdup(ob_col(res, 0, 0)) : NULL;
    return 0;
}

int log_store_find(
    ob_db *db, const log_key *key, int64_t *ret_id, bool *ret_group_exists, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_params_done) ob_params group = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *any = NULL;
    params_key(&p, key);
    int r = ob_db_exec(db, "log_find", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) > 0) {
        *ret_group_exists = true;
        *ret_id = ob_col_int(res, 0, 0, 0);
        return 0;
    }
    ob_param_text(&group, key->account);
    ob_param_text(&group, key->region);
    ob_param_text(&group, key->group);
    r = ob_db_exec(db, "log_group", &group, &any, err);
    if (r < 0)
        return r;
    *ret_group_exists = PQntuples(any) > 0;
    return ob_fail(err, ENOENT, "no such log stream");
}

int log_store_read(ob_db *db,
                   int64_t stream_id,
                   int64_t from,
                   int64_t to,
                   int64_t start_ms,
                   int64_t end_ms,
                   bool last,
                   int limit,
                   PGresult **ret,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, stream_id);
    ob_param_int(&p, from);
    ob_param_int(&p, to);
    ob_param_int(&p, start_ms);
    ob_param_int(&p, end_ms);
    ob_param_int(&p, limit);
    return ob_db_exec(db, last ? "log_read_last" : "log_read_first", &p, ret, err);
}
