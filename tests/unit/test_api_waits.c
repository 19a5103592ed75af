/* Why a PENDING job or an array waits, as DescribeJobs reads it, in a database of its own. */
#include "unit.h"

#include "jobs/job_store.h"
#include "migrated.h"
#include "ob/error.h"
#include "ob/text.h"

static own_server server;
static ob_db *db;

#define ID "01900000-0000-7000-8000-%012d"
#define J(n) "01900000-0000-7000-8000-00000000000" #n

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

/* A job that asks for n vCPUs; deps: three arrays for its columns, or NULL. */
static void job(int n, int size, const char *deps)
{
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "INSERT INTO job (account, region, id, queue_id, definition, name, array_size, "
                   "mcpu, mem_mib,"
                   " created_at_ms, detail, dep_ids, dep_idxs, dep_types)"
                   " VALUES ('1', 'r', '" ID "', 1, 'd', 'name %d', %d, %d, 1, 0, '{}', %s)",
                   n, n, size, 1000 * n, deps ? deps : "NULL, NULL, NULL");
    sql(text);
}

static void live(int n, int state, int waits, int bulk_state, const char *counts)
{
    char text[1024], bits[16];
    (void)snprintf(bits, sizeof(bits), "%d", waits);
    (void)snprintf(text, sizeof(text),
                   "INSERT INTO live (job_id, idx, state, waits, bulk_state, counts)"
                   " VALUES ('" ID "', -1, %d, %s, %d, %s)",
                   n, state, waits ? bits : "NULL", bulk_state, counts);
    sql(text);
}

static void because(int n, const char *why)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "INSERT INTO class_reason (queue_id, mcpu, mem_mib, gpus, reason)"
                   " VALUES (1, %d, 1, 0, '%s')",
                   1000 * n, why);
    sql(text);
}

static void assert_reason(int n, int32_t index, const char *want)
{
    char id[OB_UUID_TEXT];
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    ob_error err = { 0 };
    ob_job_ref ref = { .index = index };
    (void)snprintf(id, sizeof(id), ID, n);
    assert_true(ob_uuid_parse(id, strlen(id), &ref.id));
    if (job_store_describe(db, (job_scope){ "1", "r" }, &ref, 1, &rows, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(PQntuples(rows), 1);
    const char *reason = ob_col(rows, 0, JOB_COL_REASON);
    assert_string_equal(reason ? reason : "nothing", want);
}

static int start(void **state)
{
    (void)state;
    char conninfo[128];
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, NULL), 0);
    assert_int_equal(ob_db_prepare(db, jobs_stmts, NULL), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!server.pid)
        return 0;
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    if (server.pid)
        sql("TRUNCATE job, live, class_reason");
    return 0;
}

static void a_job_names_what_it_waits_for(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    job(1, 0, NULL);
    job(2, 3, NULL);
    job(3, 0, "'{" J(1) "," J(2) "}', '{-1,2}', '{0,0}'");
    live(1, 4, 0, 0, "NULL");
    live(3, 1, 3, 0, "NULL");
    assert_reason(3, -1, "Waiting for job " J(1) " (\"name 1\"), job " J(2) ":2 (\"name 2\")");
    sql("UPDATE live SET waits = 2 WHERE waits = 3"); /* the first has succeeded */
    assert_reason(3, -1, "Waiting for job " J(2) ":2 (\"name 2\")");
    sql("UPDATE live SET state = 2, waits = NULL WHERE state = 1");
    because(3, "Waiting for 3 vCPUs");
    assert_reason(3, -1, "Waiting for 3 vCPUs");
}

static void many_are_counted(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    for (int n = 1; n <= 5; n++)
        job(n, 0, NULL);
    job(6, 0,
        "'{" J(1) "," J(2) "," J(3) "," J(4) "," J(5) "}', '{-1,-1,-1,-1,-1}', '{0,0,0,0,0}'");
    live(6, 1, 31, 0, "NULL");
    assert_reason(6, -1,
                  "Waiting for job " J(1) " (\"name 1\"), job " J(2) " (\"name 2\"), job " J(
                      3) " (\"name 3\") and 2 more");
}

/* Also of what is blocked itself. */
static void a_blocked_array_says_why_and_so_does_who_depends_on_it(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    job(1, 4, NULL);
    job(2, 0, "'{" J(1) "}', '{-1}', '{0}'");
    live(1, 1, 0, 2, "'{0,0,4,0,0,0,0}'");
    live(2, 1, 1, 0, "NULL");
    because(1, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large");
    assert_reason(1, -1, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large");
    assert_reason(1, 2, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large");
    assert_reason(2, -1,
                  "Waiting for job " J(1) " (\"name 1\"): MISCONFIGURATION:JOB_RESOURCE_"
                                          "REQUIREMENT - too large");
    /* All its children run. */
    sql("UPDATE live SET counts = '{0,0,0,0,4,0,0}', bulk_state = 0 WHERE counts IS NOT NULL");
    assert_reason(1, -1, "nothing");
    assert_reason(2, -1, "Waiting for job " J(1) " (\"name 1\")");
}

static void children_wait_for_their_own(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    job(1, 4, NULL);
    job(2, 4, "'{" J(1) "}', '{-1}', '{1}'");
    job(3, 4, "'{" J(3) "}', '{-1}', '{2}'");
    live(1, 1, 0, 0, "'{0,0,0,4,0,0,0}'");
    live(2, 1, 1, 1, "'{0,4,0,0,0,0,0}'");
    live(3, 1, 1, 1, "'{0,3,0,1,0,0,0}'");
    assert_reason(2, -1, "Waiting for job " J(1) " (\"name 1\"), child by child");
    assert_reason(2, 3, "Waiting for job " J(1) ":3 (\"name 1\")");
    assert_reason(3, -1, "nothing");
    assert_reason(3, 2, "Waiting for job " J(3) ":1 (\"name 3\")");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_job_names_what_it_waits_for, empty),
        cmocka_unit_test_setup(many_are_counted, empty),
        cmocka_unit_test_setup(a_blocked_array_says_why_and_so_does_who_depends_on_it, empty),
        cmocka_unit_test_setup(children_wait_for_their_own, empty),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
