/* Statements look keys up, whatever the server assumes about the tables: tables that were filled
 * without being analysed, and tables that were emptied, analysed and filled again. The latter is
 * worse, because the server assumes that they have one row. Uses a database of its own. */
#include "unit.h"

#include "logs/log_store.h"
#include "migrated.h"
#include "ob/leader.h"
#include "own_server.h"

#define STREAMS 4000
#define BATCH 100

static own_server server;
static char conninfo[128];
static ob_db *db;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static int64_t number(const char *query)
{
    ob_error err = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    if (ob_db_sql(db, query, NULL, &res, &err) < 0)
        fail_msg("%s: %s", err.text, query);
    return ob_col_int(res, 0, 0, -1);
}

/* Rows of a table that this transaction has read, by whatever way. */
#define ROWS_READ(table)                                                                           \
    "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = '" table "'"

static void set_up_database(void)
{
    ob_error err = { 0 };
    if (!own_postgres_start(&server))
        skip();
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    if (ob_db_connect(conninfo, "test", &db, &err) < 0)
        fail_msg("%s", err.text);
    migrate(conninfo, SQL_DIR);
    sql("ALTER TABLE log_stream SET (autovacuum_enabled = off);"
        "ALTER TABLE live SET (autovacuum_enabled = off)");
}

static int tear_down(void **state)
{
    ob_db_free(db);
    db = NULL;
    own_server_stop(&server);
    return 0;
}

/* The log writer's way through all streams, batch by batch, as logs.c sets its connection. Returns
 * the rows read. */
static int64_t open_streams(void)
{
    ob_error err = { 0 };
    char names[BATCH][64];
    int64_t read = 0;
    log_position positions[BATCH], *at[BATCH];
    for (int from = 0; from < STREAMS; from += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            (void)snprintf(names[i], sizeof(names[i]), "d/default/%032d", from + i);
            positions[i] =
                (log_position){ .key = { "123456789012", "us-east-1", "/aws/batch/job", names[i] },
                                .index = -1 };
            at[i] = &positions[i];
        }
        sql("SELECT pg_stat_force_next_flush()"); /* what was read before is not counted again */
        sql("BEGIN");
        if (log_store_open(db, at, BATCH, 1, &err) < 0 ||
            log_store_move(db, at, BATCH, 1, &err) < 0)
            fail_msg("%s", err.text);
        read += number(ROWS_READ("log_stream"));
        assert_int_equal(ob_db_commit(db, OB_POINT_API_LOG_LINES, NULL), 0);
    }
    return read;
}

static void streams_are_found_by_their_names(void **state)
{
    ob_error err = { 0 };
    set_up_database();
    assert_int_equal(ob_db_by_keys(db, NULL), 0);
    assert_int_equal(ob_db_prepare(db, log_intake_stmts, &err), 0);

    int64_t read = open_streams();
    if (read > 8 * STREAMS)
        fail_msg("%lld rows were read for %d streams", (long long)read, STREAMS);

    sql("DELETE FROM log_stream");
    sql("VACUUM (TRUNCATE off) log_stream");
    read = open_streams();
    if (read > 8 * STREAMS)
        fail_msg("%lld rows were read for %d streams once more", (long long)read, STREAMS);
}

static const ob_db_stmt round_stmts[] = {
    { "change",
      "UPDATE live SET state = 3 FROM unnest($1::uuid[], $2::int[]) AS m(job_id, idx)"
      " WHERE live.job_id = m.job_id AND live.idx = m.idx",
      true },
    { "rows_read", ROWS_READ("live"), false },
    { 0 },
};

static void rounds_read_what_they_change(void **state)
{
    ob_error err = { 0 };
    ob_uuid ids[BATCH];
    int32_t idx[BATCH];
    set_up_database();
    for (int i = 0; i < 2; i++) {
        sql("DELETE FROM live");
        sql("VACUUM (TRUNCATE off) live");
        sql("INSERT INTO live (job_id, idx, state, run, attempt, flags)"
            " SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, -1, 2, 0, 0, 0"
            " FROM generate_series(1, 4000) AS n");
    }
    for (int i = 0; i < BATCH; i++) {
        char text[OB_UUID_TEXT];
        (void)snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012d", i + 1);
        assert_true(ob_uuid_parse(text, strlen(text), &ids[i]));
        idx[i] = -1;
    }
    ob_leader *leader = ob_leader_new(conninfo, "scheduler", round_stmts);
    assert_int_equal(ob_leader_try(leader, &err), 1);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_uuid_array(&p, ids, BATCH);
    ob_param_int32_array(&p, idx, BATCH);
    PGresult *res[2] = { NULL, NULL };
    assert_int_equal(ob_leader_begin(leader, &err), 0);
    assert_int_equal(ob_db_pipe_add(ob_leader_db(leader), "change", &p, &err), 0);
    assert_int_equal(ob_db_pipe_add(ob_leader_db(leader), "rows_read", NULL, &err), 0);
    if (ob_leader_commit(leader, OB_POINT_SCHEDULER_ROUND, 5000, res, 2, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(PQcmdTuples(res[0]), "100");
    int64_t read = ob_col_int(res[1], 0, 0, -1);
    PQclear(res[0]);
    PQclear(res[1]);
    ob_leader_free(leader);
    if (read < BATCH || read > 3 * BATCH)
        fail_msg("%lld rows were read to change %d", (long long)read, BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(streams_are_found_by_their_names, tear_down),
        cmocka_unit_test_teardown(rounds_read_what_they_change, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
