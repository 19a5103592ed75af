/* Instances, and what runs on them, page by page, in a database of its own: each is shown once, in
 * order, with what is used of it, and a page reads nothing of other instances. */
#include "unit.h"

#include "environments/instance_store.h"
#include "environments/instance_view.h"
#include "migrate.h"
#include "own_server.h"

#define INSTANCES 1000 /* of environment 1, that are not TERMINATED */
#define RUNS 250       /* on i-00000 */

static own_server server;
static ob_db *db, *watcher;
static api_request req;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

/* i-<n>; every tenth is of environment 2, and 500 more are TERMINATED. Each has a job of 1 vCPU;
 * the first has RUNS children of an array too. */
static void make_instances(void)
{
    sql("INSERT INTO instance (id, ce_id, type, spot, mcpu, mem_mib, gpus, vcpus, state,"
        " token_hash, launched_at, active_at) SELECT 'i-' || lpad(n::text, 5, '0'),"
        " CASE WHEN n % 10 = 9 THEN 2 ELSE 1 END, 'm5.large', n % 2 = 1, 1900, 7000, 1, 2,"
        " CASE WHEN n >= 1111 THEN 4 ELSE 1 END, '', to_timestamp(100), to_timestamp(200)"
        " FROM generate_series(0, 1610) AS n");
    sql("UPDATE instance SET state = 2, reason = 'why', deadline_at = to_timestamp(300)"
        " WHERE id = 'i-00001'");
    sql("UPDATE instance SET state = 0, doubtful = true, active_at = NULL WHERE id = 'i-00002'");
    sql("INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body)"
        " VALUES ('1', 'r', 'q', true, 1, '{1}', '{}')");
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, mcpu, mem_mib, gpus,"
        " created_at_ms, detail) SELECT '1', 'r', ('01900000-0000-7000-8000-' ||"
        " lpad(n::text, 12, '0'))::uuid, 1, 'd', 'n' || n, 1000, 64, 1, 0, '{}'"
        " FROM generate_series(0, 1610) AS n");
    sql("INSERT INTO placement (instance_id, job_id, idx, run) SELECT 'i-' ||"
        " lpad(n::text, 5, '0'), ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, -1,"
        " 1 FROM generate_series(0, 1610) AS n");
    sql("INSERT INTO live (job_id, idx, state, attempt, started_at_ms, flags) SELECT id, -1, 4, 2,"
        " 5000, 2 FROM job");
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu,"
        " mem_mib, created_at_ms, detail) VALUES ('1', 'r', '01900000-0000-7000-9000-000000000000',"
        " 1, 'd', 'array', 10000, 10, 1, 0, '{}')");
    sql("INSERT INTO placement (instance_id, job_id, idx, run) SELECT 'i-00000',"
        " '01900000-0000-7000-9000-000000000000', n, 1 FROM generate_series(0, 249) AS n");
}

static int start(void **state)
{
    (void)state;
    char conninfo[128];
    int applied = 0;
    ob_error err = { 0 };
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=postgres", server.dir);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, &err), 0);
    assert_int_equal(ob_db_connect(conninfo, "watcher", &watcher, &err), 0);
    sql("ALTER SYSTEM SET autovacuum = off");
    sql("SELECT pg_reload_conf()");
    if (migrate(db, migrations, &applied, &err) < 0 ||
        ob_db_prepare(db, environments_stmts, &err) < 0)
        fail_msg("%s", err.text);
    make_instances();
    req = (api_request){ .account = "1", .region = "r", .db = db };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_db_free(db);
    ob_db_free(watcher);
    own_server_stop(&server);
    return 0;
}

/* Rows that statements have looked at so far, in tables and indexes. */
static int64_t rows_looked_at(void)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    sql("SELECT pg_stat_force_next_flush()");
    assert_int_equal(
        ob_db_sql(
            watcher,
            "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)"
            " + (SELECT sum(greatest(idx_tup_read, idx_tup_fetch)) FROM pg_stat_user_indexes)",
            NULL, &res, NULL),
        0);
    return ob_col_int(res, 0, 0, 0);
}

static void pages_show_each_instance_once(void **state)
{
    (void)state;
    if (!db)
        skip();
    char after[24] = "";
    size_t n = 0;
    for (;;) {
        ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
        assert_int_equal(instance_page(&req, 1, after, 101, &rows, NULL), 0);
        for (int i = 0; i < PQntuples(rows); i++) {
            const char *id = ob_col(rows, i, INSTANCE_COL_ID);
            assert_true(strcmp(id, after) > 0);
            (void)snprintf(after, sizeof after, "%s", id);
            n++;
        }
        if (PQntuples(rows) < 101)
            break;
    }
    assert_int_equal(n, INSTANCES);
}

static void an_instance_says_what_is_used_of_it(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    assert_int_equal(instance_page(&req, 1, "", 3, &rows, NULL), 0);
    json_auto_t *first = instance_json(rows, 0), *drains = instance_json(rows, 1),
                *comes = instance_json(rows, 2);
    json_auto_t *expected = json_loads(
        "{\"instanceId\": \"i-00000\", \"instanceType\": \"m5.large\", \"status\": \"ACTIVE\","
        " \"spot\": false, \"vcpus\": 2, \"capacity\": {\"vcpus\": 1.9, \"memory\": 7000,"
        " \"gpus\": 1}, \"used\": {\"vcpus\": 3.5, \"memory\": 314, \"gpus\": 1, \"runs\": 251},"
        " \"launchedAt\": 100000, \"activeAt\": 200000}",
        0, NULL);
    assert_true(json_equal(first, expected));
    assert_string_equal(json_string_value(json_object_get(drains, "status")), "DRAINING");
    assert_string_equal(json_string_value(json_object_get(drains, "statusReason")), "why");
    assert_int_equal(json_integer_value(json_object_get(drains, "drainUntil")), 300000);
    assert_true(json_is_true(json_object_get(drains, "spot")));
    assert_null(json_object_get(drains, "mayFail"));
    assert_string_equal(json_string_value(json_object_get(comes, "status")), "LAUNCHING");
    assert_true(json_is_true(json_object_get(comes, "mayFail")));
    assert_null(json_object_get(comes, "activeAt"));

    ob_cleanup(ob_pq_clearp) PGresult *one = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *elsewhere = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *ended = NULL;
    assert_int_equal(instance_one(&req, 2, "i-00009", &one, NULL), 0);
    assert_int_equal(PQntuples(one), 1);
    assert_int_equal(instance_one(&req, 1, "i-00009", &elsewhere, NULL), 0);
    assert_int_equal(PQntuples(elsewhere), 0);
    assert_int_equal(instance_one(&req, 1, "i-01200", &ended, NULL), 0);
    assert_int_equal(PQntuples(ended), 1);
}

static void pages_show_each_run_once_with_its_job(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_job_ref after = { .index = INT32_MIN };
    int n = 0;
    for (bool more = true; more;) {
        ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
        assert_int_equal(instance_runs(&req, "i-00000", &after, 100, &rows, NULL), 0);
        more = PQntuples(rows) == 100;
        for (int i = 0; i < PQntuples(rows); i++, n++) {
            assert_true(ob_col_uuid(rows, i, INSTANCE_RUN_COL_JOB_ID, &after.id));
            after.index = (int32_t)ob_col_int(rows, i, INSTANCE_RUN_COL_IDX, -2);
            assert_int_equal(after.index, n - 1); /* the single job, then the children */
            assert_string_equal(ob_col(rows, i, INSTANCE_RUN_COL_QUEUE), "q");
            assert_int_equal(ob_col_int(rows, i, INSTANCE_RUN_COL_STATE, 0), n == 0 ? 4 : 3);
            assert_int_equal(ob_col_bool(rows, i, INSTANCE_RUN_COL_STOPPING), n == 0);
        }
    }
    assert_int_equal(n, RUNS + 1);
}

static void a_page_reads_nothing_of_other_instances(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_cleanup(ob_pq_clearp) PGresult *runs = NULL;
    ob_job_ref after = { .index = INT32_MIN };
    int64_t before = rows_looked_at();
    assert_int_equal(instance_runs(&req, "i-00000", &after, 10, &runs, NULL), 0);
    assert_in_range(rows_looked_at() - before, 10, RUNS + 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_show_each_instance_once),
        cmocka_unit_test(an_instance_says_what_is_used_of_it),
        cmocka_unit_test(pages_show_each_run_once_with_its_job),
        cmocka_unit_test(a_page_reads_nothing_of_other_instances),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
