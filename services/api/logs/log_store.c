/* Owns every SQL statement of log_group, log_stream and log_event but those of retention. Thread:
 * the owner of the connection.
 *
 * Invariants: within a stream n counts up and at_ms never falls, so (at_ms, n) is one order for
 * positions and for times; a stream's row is locked while lines are appended to it. */
#include "log_store.h"

#include <string.h>

#include "ob/clock.h"

#define KEYS                                                                                       \
    "unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY"                       \
    " AS k(account, region, log_group, name, ord)"
#define SAME_KEY                                                                                   \
    "s.account = k.account AND s.region = k.region AND s.log_group = k.log_group AND s.name = "    \
    "k.name"

const ob_db_stmt log_store_ingest_stmts[] = {
    { "log_make_groups",
      "INSERT INTO log_group (account, region, name, created_at_ms)"
      " SELECT DISTINCT k.account, k.region, k.log_group, $4::bigint"
      " FROM unnest($1::text[], $2::text[], $3::text[]) AS k(account, region, log_group)"
      " WHERE NOT EXISTS (SELECT FROM log_group g WHERE g.account = k.account"
      " AND g.region = k.region AND g.name = k.log_group) ORDER BY 1, 2, 3 ON CONFLICT DO "
      "NOTHING" },
    { "log_make_streams",
      "INSERT INTO log_stream (account, region, log_group, name, job_id, idx, created_at_ms)"
      " SELECT k.account, k.region, k.log_group, k.name, k.job_id::uuid, k.idx, $7::bigint"
      " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[])"
      " AS k(account, region, log_group, name, job_id, idx)"
      " WHERE NOT EXISTS (SELECT FROM log_stream s WHERE " SAME_KEY ")"
      " ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING" },
    { "log_open",
      "SELECT k.ord, s.id, s.end_offset, s.lines, s.first_at_ms, s.last_at_ms"
      " FROM " KEYS " JOIN log_stream s ON " SAME_KEY " ORDER BY s.id FOR UPDATE OF s" },
    { "log_append", "INSERT INTO log_event (stream_id, at_ms, n, ingested_at_ms, message)"
                    " SELECT i.stream_id, i.at_ms, i.n, $1::bigint, i.message"
                    " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])"
                    " AS i(stream_id, at_ms, n, message)" },
    { "log_move",
      "UPDATE log_stream s SET end_offset = m.end_offset, lines = m.lines,"
      " first_at_ms = m.first_ms, last_at_ms = m.last_ms, last_ingested_at_ms = $1"
      " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])"
      " AS m(id, end_offset, lines, first_ms, last_ms) WHERE s.id = m.id" },
    { "log_runs", "SELECT k.ord, j.definition, left(j.detail, 400), CASE"
                  " WHEN strpos(j.detail, '\"logConfiguration\":') > 0"
                  " THEN j.detail::json #>> '{container,logConfiguration}' END"
                  " FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[]) WITH ORDINALITY"
                  " AS k(job_id, idx, run, instance_id, ord) JOIN job j ON j.id = k.job_id"
                  " WHERE EXISTS (SELECT FROM placement p WHERE p.instance_id = k.instance_id"
                  " AND p.job_id = k.job_id AND p.idx = k.idx AND p.run = k.run)"
                  " OR EXISTS (SELECT FROM attempt a WHERE a.job_id = k.job_id AND a.idx = k.idx"
                  " AND a.run = k.run AND a.instance_id = k.instance_id)" },
    { "log_token_hash", "SELECT token_hash FROM instance WHERE id = $1" },
    { 0 },
};

/* AWS counts 26 bytes an event besides its text. A page has one event, however long. The messages
 * are only fetched from where they lie when they are in the page. */
#define PAGE_OF(events, order)                                                                     \
    "SELECT * FROM (SELECT e.*, count(*) OVER () AS found, row_number() OVER w AS nth,"            \
    " sum(octet_length(e.message) + 26) OVER w AS bytes FROM (" events ") AS e"                    \
    " WINDOW w AS (ORDER BY " order " ROWS UNBOUNDED PRECEDING)) AS p"                             \
    " WHERE p.bytes <= 1048576 OR p.nth = 1"

#define SQL_READ(dir)                                                                              \
    "SELECT n, at_ms, ingested_at_ms, message FROM (" PAGE_OF(                                     \
        "SELECT n, at_ms, ingested_at_ms, message FROM log_event WHERE stream_id = $1"             \
        " AND (at_ms, n) >= ($2::bigint, $3::bigint) AND (at_ms, n) < ($4::bigint, $5::bigint)"    \
        " AND at_ms >= $6 AND at_ms < $7 ORDER BY at_ms " dir ", n " dir " LIMIT $8",              \
        "e.at_ms " dir ", e.n " dir) ") AS p ORDER BY at_ms, n"

/* $1 start, $2 end, $3 ingested until, $4-$6 behind, $7 limit */
#define IN_SPAN(cmp)                                                                               \
    "e.at_ms BETWEEN $1 AND $2 AND e.ingested_at_ms <= $3"                                         \
    " AND e.at_ms " cmp "= $4::bigint"                                                             \
    " AND (e.at_ms, e.stream_id, e.n) " cmp " ($4::bigint, $5::bigint, $6::bigint)"
#define IN_TIME(dir) "at_ms " dir ", stream_id " dir ", n " dir
#define SEARCH_COLUMNS "e.n, e.at_ms, e.ingested_at_ms, e.message, s.name, e.stream_id"
/* Of a few streams: each from its own place. */
#define SQL_SEARCH_SOME(cmp, dir)                                                                  \
    PAGE_OF("SELECT " SEARCH_COLUMNS                                                               \
            " FROM log_stream s CROSS JOIN LATERAL (SELECT e.* FROM log_event e"                   \
            " WHERE e.stream_id = s.id AND " IN_SPAN(                                              \
                cmp) " ORDER BY e.at_ms " dir ", e.n " dir                                         \
                     " LIMIT $7) AS e WHERE s.id = ANY ($8::bigint[])"                             \
                     " ORDER BY " IN_TIME(dir) " LIMIT $7",                                        \
            IN_TIME(dir))                                                                          \
    " ORDER BY " IN_TIME(dir)
/* Of many: along the time. */
#define SQL_SEARCH_ALL(cmp, dir)                                                                   \
    PAGE_OF("SELECT " SEARCH_COLUMNS " FROM log_event e JOIN log_stream s ON s.id = e.stream_id"   \
            " WHERE s.account = $8 AND s.region = $9 AND s.log_group = $10"                        \
            " AND starts_with(s.name, $11) AND " IN_SPAN(cmp) " ORDER BY e.at_ms " dir             \
                                                              ", e.stream_id " dir ", e.n " dir    \
                                                              " LIMIT $7",                         \
            IN_TIME(dir))                                                                          \
    " ORDER BY " IN_TIME(dir)

#define IN_GROUP "account = $1 AND region = $2 AND log_group = $3"
#define BEGINS "name >= $4 AND name < $4 || chr(1114111)"
/* As the index by time has it. */
#define IN_GROUP_BY_TIME                                                                           \
    "account || ' ' || region || ' ' || log_group = $1::text || ' ' || $2::text || ' ' || "        \
    "$3::text"
#define STREAM_COLUMNS                                                                             \
    "SELECT name, created_at_ms, first_at_ms, last_at_ms, last_ingested_at_ms, id FROM log_stream" \
    " WHERE "
#define SQL_STREAMS_BY_NAME(cmp, dir)                                                              \
    STREAM_COLUMNS IN_GROUP " AND " BEGINS " AND ($5::text IS NULL OR name " cmp " $5)"            \
                            " ORDER BY name " dir " LIMIT $6"
#define SQL_STREAMS_BY_TIME(cmp, dir)                                                              \
    STREAM_COLUMNS IN_GROUP_BY_TIME " AND ($5::bigint = 0 OR (last_at_ms, id) " cmp                \
                                    " ($4::bigint, $5::bigint))"                                   \
                                    " ORDER BY last_at_ms " dir ", id " dir " LIMIT $6"
#define GROUP_COLUMNS                                                                              \
    "SELECT g.name, g.created_at_ms, (SELECT coalesce(sum(s.end_offset), 0) FROM log_stream s"     \
    " WHERE s.account = $1 AND s.region = $2 AND s.log_group = g.name) FROM"                       \
    " (SELECT name, created_at_ms FROM log_group WHERE account = $1 AND region = $2"               \
    " UNION ALL SELECT '" LOG_GROUP_DEFAULT "', 0 WHERE NOT EXISTS (SELECT FROM log_group"         \
    " WHERE account = $1 AND region = $2 AND name = '" LOG_GROUP_DEFAULT "')) AS g"

const ob_db_stmt log_store_stmts[] = {
    { "log_find", "SELECT id FROM log_stream WHERE " IN_GROUP " AND name = $4" },
    { "log_group", "SELECT 1 FROM log_group WHERE account = $1 AND region = $2 AND name = $3" },
    { "log_group_make", "INSERT INTO log_group (account, region, name, created_at_ms)"
                        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING" },
    { "log_read_first", SQL_READ("ASC") },
    { "log_read_last", SQL_READ("DESC") },
    { "log_named", "SELECT id, name FROM log_stream WHERE " IN_GROUP
                   " AND name = ANY ($6::text[]) AND last_at_ms >= $4 AND first_at_ms <= $5" },
    { "log_prefixed",
      "SELECT id, name FROM log_stream WHERE " IN_GROUP
      " AND starts_with(name, $6) AND last_at_ms >= $4 AND first_at_ms <= $5 LIMIT $7" },
    { "log_search_some", SQL_SEARCH_SOME(">", "ASC") },
    { "log_search_some_back", SQL_SEARCH_SOME("<", "DESC") },
    { "log_search_all", SQL_SEARCH_ALL(">", "ASC") },
    { "log_search_all_back", SQL_SEARCH_ALL("<", "DESC") },
    { "log_groups", GROUP_COLUMNS
      " WHERE starts_with(g.name, $3) AND ($4::text IS NULL OR strpos(g.name, $4) > 0)"
      " AND ($5::text IS NULL OR g.name > $5) ORDER BY g.name LIMIT $6" },
    { "log_groups_named", GROUP_COLUMNS " WHERE g.name = ANY ($3::text[]) ORDER BY g.name" },
    { "log_streams", SQL_STREAMS_BY_NAME(">", "ASC") },
    { "log_streams_back", SQL_STREAMS_BY_NAME("<", "DESC") },
    { "log_streams_time", SQL_STREAMS_BY_TIME(">", "ASC") },
    { "log_streams_time_back", SQL_STREAMS_BY_TIME("<", "DESC") },
    { 0 },
};

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
    int r = ob_db_exec(db, "log_make_groups", &groups, NULL, err);
    if (r < 0)
        return r;
    params_keys(&streams, c, n, true);
    ob_param_text_array(&streams, c->job, n);
    ob_param_int32_array(&streams, c->index, n);
    ob_param_int(&streams, now_ms);
    return ob_db_exec(db, "log_make_streams", &streams, NULL, err);
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
    r = ob_db_exec(db, "log_open", &p, &res, err);
    if (r < 0)
        return r;
    if ((size_t)PQntuples(res) != n)
        return ob_fail_retry(err, EAGAIN, "a log stream vanished");
    for (int row = 0; row < PQntuples(res); row++) {
        log_position *to = at[ob_col_int(res, row, 0, 1) - 1];
        to->id = ob_col_int(res, row, 1, 0);
        to->end_offset = ob_col_int(res, row, 2, 0);
        to->lines = ob_col_int(res, row, 3, 0);
        to->first_ms = ob_col_int(res, row, 4, 0);
        to->last_ms = ob_col_int(res, row, 5, 0);
    }
    return 0;
}

int log_store_move(ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    int64_t *columns[5];
    for (size_t c = 0; c < 5; c++)
        columns[c] = ob_calloc(n + 1, sizeof(int64_t));
    for (size_t i = 0; i < n; i++) {
        columns[0][i] = at[i]->id;
        columns[1][i] = at[i]->end_offset;
        columns[2][i] = at[i]->lines;
        columns[3][i] = at[i]->first_ms;
        columns[4][i] = at[i]->last_ms;
    }
    ob_param_int(&p, now_ms);
    for (size_t c = 0; c < 5; c++) {
        ob_param_int64_array(&p, columns[c], n);
        free(columns[c]);
    }
    return ob_db_exec(db, "log_move", &p, NULL, err);
}

int log_store_append(ob_db *db, const log_lines *lines, int64_t now_ms, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, now_ms);
    ob_param_int64_array(&p, lines->streams, lines->n);
    ob_param_int64_array(&p, lines->times, lines->n);
    ob_param_int64_array(&p, lines->numbers, lines->n);
    ob_param_bytes_array(&p, lines->texts, lines->lens, lines->n);
    return ob_db_exec(db, "log_append", &p, NULL, err);
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
    return ob_db_exec(db, "log_runs", &p, ret, err);
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
    int r = ob_db_exec(db, "log_find", &p, &res, err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return ob_fail(err, ENOENT, "no such log stream");
    *ret_id = ob_col_int(res, 0, 0, 0);
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
    int r = ob_db_exec(db, "log_group", &p, &res, err);
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
    return ob_db_exec(db, "log_group_make", &p, NULL, err);
}

int log_store_read(ob_db *db,
                   int64_t stream_id,
                   log_place from,
                   log_place to,
                   int64_t start_ms,
                   int64_t end_ms,
                   bool last,
                   int limit,
                   PGresult **ret,
                   ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, stream_id);
    ob_param_int(&p, from.at_ms);
    ob_param_int(&p, from.n);
    ob_param_int(&p, to.at_ms);
    ob_param_int(&p, to.n);
    ob_param_int(&p, start_ms);
    ob_param_int(&p, end_ms);
    ob_param_int(&p, limit);
    return ob_db_exec(db, last ? "log_read_last" : "log_read_first", &p, ret, err);
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
        return ob_db_exec(db, "log_named", &p, ret, err);
    }
    ob_param_text(&p, search->prefix);
    ob_param_int(&p, limit);
    return ob_db_exec(db, "log_prefixed", &p, ret, err);
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
        return ob_db_exec(db, search->backward ? "log_search_some_back" : "log_search_some", &p,
                          ret, err);
    }
    params_group(&p, search->account, search->region, search->group);
    ob_param_text(&p, search->prefix);
    return ob_db_exec(db, search->backward ? "log_search_all_back" : "log_search_all", &p, ret,
                      err);
}

int log_store_groups(ob_db *db,
                     const char *account,
                     const char *region,
                     const char *prefix,
                     const char *match,
                     const char *after,
                     int limit,
                     PGresult **ret,
                     ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, account, region, prefix);
    ob_param_text(&p, match);
    ob_param_text(&p, after);
    ob_param_int(&p, limit);
    return ob_db_exec(db, "log_groups", &p, ret, err);
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
    return ob_db_exec(db, "log_groups_named", &p, ret, err);
}

int log_store_streams_by_name(ob_db *db,
                              const log_key *group,
                              const char *prefix,
                              bool descending,
                              const char *after_name,
                              int limit,
                              PGresult **ret,
                              ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, group->account, group->region, group->group);
    ob_param_text(&p, prefix);
    ob_param_text(&p, after_name);
    ob_param_int(&p, limit);
    return ob_db_exec(db, descending ? "log_streams_back" : "log_streams", &p, ret, err);
}

int log_store_streams_by_time(ob_db *db,
                              const log_key *group,
                              bool descending,
                              int64_t after_ms,
                              int64_t after_id,
                              int limit,
                              PGresult **ret,
                              ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    params_group(&p, group->account, group->region, group->group);
    ob_param_int(&p, after_ms);
    ob_param_int(&p, after_id);
    ob_param_int(&p, limit);
    return ob_db_exec(db, descending ? "log_streams_time_back" : "log_streams_time", &p, ret, err);
}
