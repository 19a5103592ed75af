/* The PostgreSQL wrapper, with a real server of its own. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>

#include "ob/clock.h"
#include "ob/db.h"
#include "ob/text.h"
#include "own_server.h"
#include "random_bytes.h"

static own_server server;
static char conninfo[128];

#define PARAMS ob_cleanup(ob_params_done) ob_params
#define RESULT ob_cleanup(ob_pq_clearp) PGresult
#define DB ob_cleanup(ob_db_freep) ob_db

static const ob_db_stmt stmts[] = {
    { "echo_arrays",
      "SELECT u, s, i, b, t, y FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::bigint[],"
      " $5::text[], $6::bytea[]) WITH ORDINALITY AS a(u, s, i, b, t, y, n) ORDER BY n",
      false },
    { "item_add", "INSERT INTO item (id, name) VALUES ($1, $2)", false },
    { "item_write", "INSERT INTO item (id, name) VALUES ($1, 'x')", true },
    { "item_count", "SELECT count(*) FROM item", false },
    { "fail_if", "SELECT CASE WHEN $1::int = 1 THEN 1 / 0 ELSE $1::int END", false },
    { "long_text", "SELECT repeat('x', $1::int), length($2)", false },
    { 0 },
};

static ob_db *open_db(void)
{
    ob_db *db = NULL;
    ob_error err = { 0 };
    if (ob_db_connect(conninfo, "test", &db, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(ob_db_sql(db,
                               "CREATE TABLE IF NOT EXISTS item (id int PRIMARY KEY, name text);"
                               " TRUNCATE item",
                               NULL, NULL, &err),
                     0);
    if (ob_db_prepare(db, stmts, &err) < 0)
        fail_msg("%s", err.text);
    return db;
}

static int64_t count_items(ob_db *db)
{
    RESULT *res = NULL;
    ob_error err = { 0 };
    if (ob_db_exec(db, "item_count", NULL, &res, &err) < 0)
        fail_msg("%s", err.text);
    return ob_col_int(res, 0, 0, -1);
}

static int add_item(ob_db *db, int id, const char *name, ob_error *err)
{
    PARAMS p = { 0 };
    ob_param_int(&p, id);
    ob_param_text(&p, name);
    return ob_db_exec(db, "item_add", &p, NULL, err);
}

static void queue_item(ob_db *db, int id)
{
    PARAMS p = { 0 };
    ob_error err = { 0 };
    ob_param_int(&p, id);
    ob_param_text(&p, "queued");
    assert_int_equal(ob_db_pipe_add(db, "item_add", &p, &err), 0);
}

static void binary_arrays_arrive_as_they_were(void **state)
{
    DB *db = open_db();
    const ob_uuid u[] = { ob_uuid_new(), ob_uuid_new(), { { 0 } } };
    const int16_t s[] = { 0, INT16_MIN, INT16_MAX };
    const int32_t i[] = { -1, INT32_MIN, INT32_MAX };
    const int64_t b[] = { INT64_MAX, INT64_MIN + 1, INT64_MIN };
    const char *const t[] = { "", NULL, "gr\xc3\xbc\xc3\x9f {\"a\",NULL}\\" };
    const void *const y[] = { "\0\xff\\", NULL, "" };
    const int y_len[] = { 3, 0, 0 };
    PARAMS p = { 0 };
    ob_param_uuid_array(&p, u, 3);
    ob_param_int16_array(&p, s, 3);
    ob_param_int32_array(&p, i, 3);
    ob_param_int64_array(&p, b, 3);
    ob_param_text_array(&p, t, 3);
    ob_param_bytes_array(&p, y, y_len, 3);
    RESULT *res = NULL;
    ob_error err = { 0 };
    if (ob_db_exec(db, "echo_arrays", &p, &res, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(PQntuples(res), 3);
    for (int row = 0; row < 3; row++) {
        ob_uuid id;
        assert_true(ob_col_uuid(res, row, 0, &id));
        assert_int_equal(ob_uuid_cmp(&id, &u[row]), 0);
        assert_int_equal(ob_col_int(res, row, 1, 7), s[row]);
    }
    assert_int_equal(ob_col_int(res, 0, 2, 7), -1);
    assert_null(ob_col(res, 1, 2));
    assert_int_equal(ob_col_int(res, 1, 2, 7), 7);
    assert_int_equal(ob_col_int(res, 2, 2, 7), INT32_MAX);
    assert_true(ob_col_int(res, 0, 3, 7) == INT64_MAX);
    assert_true(ob_col_int(res, 1, 3, 7) == INT64_MIN + 1);
    assert_null(ob_col(res, 2, 3));
    assert_string_equal(ob_col(res, 0, 4), "");
    assert_null(ob_col(res, 1, 4));
    assert_string_equal(ob_col(res, 2, 4), t[2]);
    void *bytes = NULL;
    size_t len = 0;
    assert_int_equal(ob_col_bytes(res, 0, 5, &bytes, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, y[0], 3);
    free(bytes);
    assert_int_equal(ob_col_bytes(res, 1, 5, &bytes, &len), -ENODATA);
    assert_int_equal(ob_col_bytes(res, 2, 5, &bytes, &len), 0);
    assert_int_equal(len, 0);
    free(bytes);
    assert_int_equal(ob_col_bytes(res, 2, 4, &bytes, &len), -EINVAL);
}

static void empty_arrays_are_arrays(void **state)
{
    DB *db = open_db();
    PARAMS p = { 0 };
    ob_param_uuid_array(&p, NULL, 0);
    ob_param_int16_array(&p, NULL, 0);
    ob_param_int32_array(&p, NULL, 0);
    ob_param_int64_array(&p, NULL, 0);
    ob_param_text_array(&p, NULL, 0);
    ob_param_bytes_array(&p, NULL, NULL, 0);
    RESULT *res = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_db_exec(db, "echo_arrays", &p, &res, &err), 0);
    assert_int_equal(PQntuples(res), 0);
}

/* Whatever bytes a text has, the statement is carried out, and good texts beside it are as given.
 */
static void texts_that_are_no_utf8_do_not_stop_a_statement(void **state)
{
    DB *db = open_db();
    uint64_t seed = 3;
    for (int i = 0; i < 500; i++) {
        char a[101], b[101];
        random_string(&seed, a, sizeof(a) - 1);
        random_string(&seed, b, sizeof(b) - 1);
        PARAMS p = { 0 };
        ob_param_text(&p, a);
        ob_param_text_array(&p, (const char *const[]){ b, "gut: é", a, NULL }, 4);
        RESULT *res = NULL;
        ob_error err = { 0 };
        if (ob_db_sql(db, "SELECT $1::text, t.* FROM unnest($2::text[]) AS t", &p, &res, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(PQntuples(res), 4);
        assert_string_equal(ob_col(res, 1, 1), "gut: é");
        assert_string_equal(ob_col(res, 0, 0), ob_col(res, 2, 1));
        if (ob_text_is_utf8(a, strlen(a)))
            assert_string_equal(ob_col(res, 0, 0), a);
        assert_null(ob_col(res, 3, 1));
    }
}

static void scalars_and_plain_sql_go_round(void **state)
{
    DB *db = open_db();
    ob_uuid id = ob_uuid_new();
    PARAMS p = { 0 };
    ob_param_uuid(&p, &id);
    ob_param_int(&p, INT64_MIN);
    ob_param_text(&p, NULL);
    ob_param_bytes(&p, "a\0b", 3);
    ob_param_bytes(&p, NULL, 0);
    RESULT *res = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_db_sql(db,
                               "SELECT $1::uuid, $2::bigint, $3::text IS NULL, $4::bytea,"
                               " $5::bytea IS NULL, current_setting('plan_cache_mode')",
                               &p, &res, &err),
                     0);
    ob_uuid back;
    assert_true(ob_col_uuid(res, 0, 0, &back));
    assert_int_equal(ob_uuid_cmp(&id, &back), 0);
    assert_true(ob_col_int(res, 0, 1, 0) == INT64_MIN);
    assert_true(ob_col_bool(res, 0, 2));
    assert_string_equal(ob_col(res, 0, 3), "\\x610062");
    assert_false(ob_col_bool(res, 0, 4));
    assert_string_equal(ob_col(res, 0, 5), "force_custom_plan");
    RESULT *plain = NULL;
    assert_int_equal(ob_db_exec(db, " SELECT 3", NULL, &plain, &err), 0);
    assert_int_equal(ob_col_int(plain, 0, 0, 0), 3);
}

static void errors_are_told_apart(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(add_item(db, 1, "a", &err), 0);
    assert_int_equal(add_item(db, 1, "b", &err), -EEXIST);
    assert_string_equal(ob_db_sqlstate(db), "23505");
    assert_null(strchr(err.text, '\n'));
    assert_int_equal(ob_db_sql(db, "SELEKT 1", NULL, NULL, &err), -EPROTO);
    assert_false(err.retriable);
    assert_int_equal(ob_db_exec(db, "no_such_statement", NULL, NULL, &err), -EPROTO);
    assert_int_equal(
        ob_db_sql(db, "SET statement_timeout = 50; SELECT pg_sleep(10)", NULL, NULL, &err),
        -EPROTO);
    assert_true(err.retriable);
    assert_true(ob_db_ok(db));
    assert_int_equal(count_items(db), 1);
    assert_string_equal(ob_db_sqlstate(db), "");
}

static void a_serialization_failure_asks_for_a_retry(void **state)
{
    DB *a = open_db();
    DB *b = open_db();
    ob_error err = { 0 };
    assert_int_equal(add_item(a, 1, "x", &err), 0);
    assert_int_equal(
        ob_db_sql(a, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM item", NULL, NULL, &err),
        0);
    assert_int_equal(ob_db_sql(b, "UPDATE item SET name = 'b'", NULL, NULL, &err), 0);
    assert_int_equal(ob_db_sql(a, "UPDATE item SET name = 'a'", NULL, NULL, &err), -EAGAIN);
    assert_true(err.retriable);
    assert_string_equal(ob_db_sqlstate(a), "40001");
    assert_int_equal(ob_db_exec(a, "ROLLBACK", NULL, NULL, &err), 0);
}

static void a_pipeline_gives_each_result(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    for (int i = 0; i < 3; i++)
        queue_item(db, i);
    assert_int_equal(ob_db_pipe_add(db, "item_count", NULL, &err), 0);
    PGresult *results[6];
    assert_int_equal(ob_db_pipe_commit(db, OB_POINT_API_SUBMIT, 5000, results, 6, &err), 0);
    assert_string_equal(PQcmdTuples(results[1]), "1");
    assert_int_equal(ob_col_int(results[4], 0, 0, -1), 3);
    assert_string_equal(PQcmdStatus(results[5]), "COMMIT");
    for (int i = 0; i < 6; i++)
        PQclear(results[i]);
    assert_int_equal(count_items(db), 3);
    /* Fewer results than statements, and none. */
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    queue_item(db, 10);
    queue_item(db, 11);
    assert_int_equal(ob_db_pipe_sync(db, 0, results, 1, &err), 0);
    PQclear(results[0]);
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sync(db, 0, NULL, 0, &err), 0);
    assert_int_equal(count_items(db), 5);
}

static void a_pipeline_that_fails_leaves_nothing_and_a_clean_connection(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ob_db_pipe_begin(db, &err), 0);
        assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
        queue_item(db, 1);
        PARAMS p = { 0 };
        ob_param_int(&p, 1);
        assert_int_equal(ob_db_pipe_add(db, "fail_if", &p, &err), 0);
        queue_item(db, 2);
        PGresult *results[5];
        assert_int_equal(ob_db_pipe_commit(db, OB_POINT_API_SUBMIT, 5000, results, 5, &err),
                         -EPROTO);
        assert_string_equal(ob_db_sqlstate(db), "22012");
        assert_non_null(strstr(err.text, "fail_if"));
        for (int i = 0; i < 5; i++)
            assert_null(results[i]);
        assert_true(ob_db_ok(db));
        assert_int_equal(PQtransactionStatus(ob_db_raw(db)), PQTRANS_IDLE);
        assert_int_equal(count_items(db), 0);
    }
}

static void an_open_transaction_survives_a_good_pipeline(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    queue_item(db, 1);
    assert_int_equal(ob_db_pipe_sync(db, 5000, NULL, 0, &err), 0);
    assert_int_equal(PQtransactionStatus(ob_db_raw(db)), PQTRANS_INTRANS);
    assert_int_equal(ob_db_exec(db, "ROLLBACK", NULL, NULL, &err), 0);
    assert_int_equal(count_items(db), 0);
}

static void a_pipeline_given_up_half_way_is_undone(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    queue_item(db, 1);
    assert_int_equal(ob_db_exec(db, "item_count", NULL, NULL, &err), -EBUSY);
    ob_db_pipe_abandon(db);
    assert_int_equal(count_items(db), 0);
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    queue_item(db, 1);
    assert_int_equal(ob_db_pipe_begin(db, &err), 0); /* does the same by itself */
    queue_item(db, 2);
    assert_int_equal(ob_db_pipe_sync(db, 5000, NULL, 0, &err), 0);
    assert_int_equal(count_items(db), 1);
    assert_int_equal(ob_db_pipe_add(db, "item_count", NULL, &err), -EINVAL);
    assert_int_equal(ob_db_pipe_sync(db, 5000, NULL, 0, &err), -EINVAL);
}

static int seen[8], n_seen;

static void see(ob_point point, ob_point_side side)
{
    assert_int_equal(point, OB_POINT_API_SUBMIT);
    seen[n_seen++] = side;
}

static void assert_seen(int n)
{
    assert_int_equal(n_seen, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(seen[i], i % 2 ? OB_POINT_AFTER : OB_POINT_BEFORE);
    n_seen = 0;
}

static int write_item(ob_db *db, int id, ob_error *err)
{
    PARAMS p = { 0 };
    ob_param_int(&p, id);
    return ob_db_write(db, OB_POINT_API_SUBMIT, "item_write", &p, NULL, err);
}

static void nothing_is_committed_without_passing_a_point(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    PARAMS p = { 0 };
    ob_param_int(&p, 1);
    ob_point_watch = see;
    assert_int_equal(ob_db_exec(db, "item_write", &p, NULL, &err), -EINVAL);
    assert_int_equal(write_item(db, 1, &err), 0);
    assert_seen(2);
    assert_int_equal(write_item(db, 1, &err), -EEXIST); /* it did not succeed */
    assert_seen(1);
    assert_int_equal(count_items(db), 1);

    PARAMS q = { 0 };
    ob_param_int(&q, 2);
    assert_int_equal(ob_db_sql(db, "BEGIN", NULL, NULL, &err), 0);
    assert_int_equal(ob_db_exec(db, "item_write", &q, NULL, &err), 0);
    assert_int_equal(ob_db_exec(db, "COMMIT", NULL, NULL, &err), -EINVAL);
    assert_int_equal(ob_db_sql(db, "COMMIT", NULL, NULL, &err), -EINVAL);
    assert_seen(0);
    assert_int_equal(ob_db_commit(db, OB_POINT_API_SUBMIT, &err), 0);
    assert_seen(2);
    assert_int_equal(count_items(db), 2);
    ob_point_watch = NULL;
}

static void no_pipeline_commits_without_passing_a_point(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    PARAMS p = { 0 };
    ob_param_int(&p, 1);
    ob_point_watch = see;
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_add(db, "item_write", &p, &err), -EINVAL);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    assert_int_equal(ob_db_pipe_add(db, "item_write", &p, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "COMMIT", &err), -EINVAL);
    assert_int_equal(ob_db_pipe_add(db, "COMMIT", NULL, &err), -EINVAL);
    assert_seen(0);
    assert_int_equal(ob_db_pipe_commit(db, OB_POINT_API_SUBMIT, 5000, NULL, 0, &err), 0);
    assert_seen(2);
    assert_int_equal(count_items(db), 1);
    ob_point_watch = NULL;
}

/* Both sides of the socket are full at once: whoever only writes waits for ever. */
static void large_pipelines_do_not_deadlock(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    enum { N = 300, SIZE = 100000 };
    char *text = malloc(SIZE + 1);
    memset(text, 'y', SIZE);
    text[SIZE] = '\0';
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    for (int i = 0; i < N; i++) {
        PARAMS p = { 0 };
        ob_param_int(&p, SIZE);
        ob_param_text(&p, text);
        assert_int_equal(ob_db_pipe_add(db, "long_text", &p, &err), 0);
    }
    free(text);
    PGresult *results[N];
    assert_int_equal(ob_db_pipe_sync(db, 60000, results, N, &err), 0);
    for (int i = 0; i < N; i++) {
        assert_int_equal(strlen(ob_col(results[i], 0, 0)), SIZE);
        assert_int_equal(ob_col_int(results[i], 0, 1, 0), SIZE);
        PQclear(results[i]);
    }
}

static void a_late_answer_is_a_timeout_and_breaks_the_connection(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_add(db, "SELECT pg_sleep(20)", NULL, &err), 0);
    int64_t start = ob_mono_ms();
    assert_int_equal(ob_db_pipe_sync(db, 200, NULL, 0, &err), -ETIMEDOUT);
    assert_true(ob_mono_ms() - start < 5000);
    assert_false(ob_db_ok(db));
    assert_int_equal(add_item(db, 1, "x", &err), -EIO);
    assert_int_equal(ob_db_pipe_begin(db, &err), -EIO);
    assert_int_equal(ob_db_reconnect(db, &err), 0);
    assert_int_equal(add_item(db, 1, "x", &err), 0);
}

static void a_frozen_server_is_a_timeout_however_long_the_statement(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    ob_db_set_timeout(db, 300);
    assert_int_equal(add_item(db, 1, "x", &err), 0);
    int64_t start = ob_mono_ms();
    assert_int_equal(ob_db_sql(db, "SELECT pg_sleep(3)", NULL, NULL, &err), -ETIMEDOUT);
    assert_true(err.retriable);
    assert_false(ob_db_ok(db));
    assert_int_equal(ob_db_reconnect(db, &err), 0);

    enum { LONG = 4 * 1024 * 1024 };
    ob_cleanup(ob_freep) char *text = ob_calloc(LONG + 1, 1);
    memset(text, 'x', LONG);
    pid_t backend = (pid_t)PQbackendPID(ob_db_raw(db));
    assert_int_equal(kill(backend, SIGSTOP), 0);
    int r = add_item(db, 2, text, &err);
    assert_int_equal(kill(backend, SIGCONT), 0);
    assert_int_equal(r, -ETIMEDOUT);
    assert_true(ob_mono_ms() - start < 10000);
    ob_db_set_timeout(db, 0);
    assert_int_equal(ob_db_reconnect(db, &err), 0);
    assert_int_equal(add_item(db, 3, text, &err), 0);
}

static void terminate(ob_db *by, ob_db *victim)
{
    PARAMS p = { 0 };
    ob_error err = { 0 };
    ob_param_int(&p, PQbackendPID(ob_db_raw(victim)));
    RESULT *res = NULL;
    assert_int_equal(ob_db_sql(by, "SELECT pg_terminate_backend($1::int, 5000)", &p, &res, &err),
                     0);
    assert_true(ob_col_bool(res, 0, 0));
}

static void a_terminated_session_is_lost_and_statements_come_back(void **state)
{
    DB *db = open_db();
    DB *other = open_db();
    ob_error err = { 0 };
    terminate(other, db);
    assert_int_equal(add_item(db, 1, "x", &err), -EIO);
    assert_true(err.retriable);
    assert_false(ob_db_ok(db));
    assert_int_equal(ob_db_reconnect(db, &err), 0);
    assert_true(ob_db_ok(db));
    assert_int_equal(add_item(db, 1, "x", &err), 0);

    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    queue_item(db, 2);
    terminate(other, db);
    assert_int_equal(ob_db_pipe_sync(db, 5000, NULL, 0, &err), -EIO);
    assert_false(ob_db_ok(db));
    assert_int_equal(ob_db_reconnect(db, &err), 0);
    assert_int_equal(count_items(db), 1);
}

static void an_idle_session_that_timed_out_is_lost(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    assert_int_equal(ob_db_sql(db, "SET idle_session_timeout = 50", NULL, NULL, &err), 0);
    struct timespec nap = { .tv_nsec = 300000000 };
    (void)nanosleep(&nap, NULL);
    assert_int_equal(add_item(db, 1, "x", &err), -EIO);
    assert_false(ob_db_ok(db));
}

static void a_killed_server_is_away_and_comes_back(void **state)
{
    DB *db = open_db();
    ob_error err = { 0 };
    own_server_kill(&server);
    assert_int_equal(add_item(db, 1, "x", &err), -EIO);
    err = (ob_error){ 0 };
    assert_int_equal(ob_db_reconnect(db, &err), -EIO);
    assert_true(err.retriable);
    assert_false(ob_db_ok(db));
    assert_int_equal(ob_db_exec(db, "item_count", NULL, NULL, &err), -EIO);
    assert_int_equal(ob_db_pipe_begin(db, &err), -EIO);
    own_postgres_restart(&server);
    int r = -EIO;
    for (int i = 0; i < 100 && r < 0; i++) { /* crash recovery */
        r = ob_db_reconnect(db, &err);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    assert_int_equal(r, 0);
    assert_int_equal(add_item(db, 1, "x", &err), 0);
    assert_int_equal(count_items(db), 1);
}

static void a_wrong_statement_is_named_at_prepare(void **state)
{
    DB *db = NULL;
    ob_error err = { 0 };
    const ob_db_stmt bad[] = { { "good", "SELECT 1", false },
                               { "bad_one", "SELECT FROM WHERE", false },
                               { 0 } };
    assert_int_equal(ob_db_connect(conninfo, "test", &db, &err), 0);
    assert_int_equal(ob_db_prepare(db, bad, &err), -EPROTO);
    assert_non_null(strstr(err.text, "bad_one"));
    assert_true(ob_db_ok(db));
}

static void a_server_that_is_not_there_is_a_retriable_error(void **state)
{
    ob_db *db = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_db_connect("host=/nonexistent user=x", "test", &db, &err), -EIO);
    assert_true(err.retriable);
    assert_null(db);
    ob_db_free(NULL);
}

int main(void)
{
    if (!own_postgres_start(&server))
        return 77;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_arrays_arrive_as_they_were),
        cmocka_unit_test(empty_arrays_are_arrays),
        cmocka_unit_test(texts_that_are_no_utf8_do_not_stop_a_statement),
        cmocka_unit_test(scalars_and_plain_sql_go_round),
        cmocka_unit_test(errors_are_told_apart),
        cmocka_unit_test(a_serialization_failure_asks_for_a_retry),
        cmocka_unit_test(a_pipeline_gives_each_result),
        cmocka_unit_test(a_pipeline_that_fails_leaves_nothing_and_a_clean_connection),
        cmocka_unit_test(an_open_transaction_survives_a_good_pipeline),
        cmocka_unit_test(a_pipeline_given_up_half_way_is_undone),
        cmocka_unit_test(nothing_is_committed_without_passing_a_point),
        cmocka_unit_test(no_pipeline_commits_without_passing_a_point),
        cmocka_unit_test(large_pipelines_do_not_deadlock),
        cmocka_unit_test(a_late_answer_is_a_timeout_and_breaks_the_connection),
        cmocka_unit_test(a_frozen_server_is_a_timeout_however_long_the_statement),
        cmocka_unit_test(a_terminated_session_is_lost_and_statements_come_back),
        cmocka_unit_test(an_idle_session_that_timed_out_is_lost),
        cmocka_unit_test(a_wrong_statement_is_named_at_prepare),
        cmocka_unit_test(a_server_that_is_not_there_is_a_retriable_error),
        cmocka_unit_test(a_killed_server_is_away_and_comes_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
