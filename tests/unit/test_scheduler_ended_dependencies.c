/* Dependencies of submissions, in a database of its own with large arrays that have ended. */
#include "unit.h"

#include <jansson.h>

#include "ended_dependencies.h"
#include "migrated.h"
#include "ob/error.h"
#include "scheduler_store.h"

#define SIZE 10000

static own_server server;
static char conninfo[128];
static ob_leader *leader;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(ob_leader_db(leader), text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

/* Arrays number from 1; 0 is the job that depends on them. */
static ob_uuid job(int n)
{
    char text[OB_UUID_TEXT];
    ob_uuid id;
    (void)snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012d", n);
    assert_true(ob_uuid_parse(text, strlen(text), &id));
    return id;
}

/* Every hundredth child of an odd array has failed; the even ones succeeded, but for the last,
 * which was cancelled when two of its children had ended. */
static void make_jobs(void)
{
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu, "
        "mem_mib,"
        " created_at_ms, detail) SELECT '1', 'r', ('01900000-0000-7000-8000-' || lpad(n::text, 12, "
        "'0'))::uuid, 1, 'd', 'n',"
        " 10000, 1000, 64, 0, '{}' FROM generate_series(1, 6) AS n;"
        "INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms, bulk_state)"
        " SELECT id, -1, 1, CASE WHEN n % 2 = 0 AND n < 6 THEN 5 ELSE 6 END, 0,"
        " CASE WHEN n = 6 THEN 6 ELSE 2 END FROM"
        " (SELECT id, row_number() OVER (ORDER BY id) AS n FROM job) AS j;"
        "INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms)"
        " SELECT id, i, 1, CASE WHEN n % 2 = 1 AND i % 100 = 0 THEN 6 ELSE 5 END, 0 FROM"
        " (SELECT id, row_number() OVER (ORDER BY id) AS n FROM job) AS j,"
        " generate_series(0, 9999) AS i WHERE n < 6 OR i < 2;");
    sql("VACUUM ANALYZE done");
}

static int start(void **state)
{
    (void)state;
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    leader = ob_leader_new(conninfo, "scheduler", scheduler_stmts);
    assert_int_equal(ob_leader_try(leader, NULL), 1);
    sql("SET idle_session_timeout = 0"); /* nobody keeps it alive here */
    make_jobs();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_leader_free(leader);
    own_server_stop(&server);
    return 0;
}

/* A submission that depends on these entries ({array, child, type}); what is told of them. */
static ended_dependencies *submit(const int (*deps)[3], size_t n)
{
    char ids[2048] = "", idxs[512] = "", types[256] = "";
    for (size_t i = 0; i < n; i++) {
        char id[OB_UUID_TEXT];
        ob_uuid at = job(deps[i][0]);
        ob_uuid_format(&at, id);
        (void)sprintf(ids + strlen(ids), "%s%s", i ? "," : "", id);
        (void)sprintf(idxs + strlen(idxs), "%s%d", i ? "," : "", deps[i][1]);
        (void)sprintf(types + strlen(types), "%s%d", i ? "," : "", deps[i][2]);
    }
    ob_cleanup(ob_freep) char *insert = ob_strf(
        "TRUNCATE inbox; DELETE FROM job WHERE name = 'dependent';"
        "INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu,"
        " mem_mib, created_at_ms, detail, dep_ids, dep_idxs, dep_types)"
        " VALUES ('1', 'r', '01900000-0000-7000-8000-000000000000', 1, 'd', 'dependent', %d, 1, 1, "
        "0,"
        " '{}', '{%s}', '{%s}', '{%s}');"
        "INSERT INTO inbox (consumer, kind, job_id)"
        " VALUES (1, 1, '01900000-0000-7000-8000-000000000000')",
        SIZE, ids, idxs, types);
    sql(insert);
    ob_cleanup(ob_pq_clearp) PGresult *inbox = NULL;
    ended_dependencies *told = NULL;
    assert_int_equal(store_inbox(ob_leader_db(leader), 10, &inbox, NULL), 0);
    assert_int_equal(PQntuples(inbox), 1);
    assert_int_equal(ended_read(leader, inbox, &told, NULL), 0);
    return told;
}

static void what_ended_is_told_by_job_and_by_child(void **state)
{
    (void)state;
    if (!leader)
        skip();
    static const int deps[][3] = {
        { 1, -1, OB_DEP_PLAIN },  { 1, 100, OB_DEP_PLAIN },  { 1, 101, OB_DEP_PLAIN },
        { 2, -1, OB_DEP_PLAIN },  { 2, 9999, OB_DEP_PLAIN }, { 6, 1, OB_DEP_PLAIN },
        { 6, 2, OB_DEP_PLAIN },   { 99, 0, OB_DEP_PLAIN },   { 1, -1, OB_DEP_N_TO_N },
        { 2, -1, OB_DEP_N_TO_N }, { 6, -1, OB_DEP_N_TO_N },
    };
    static const int ended[] = { DEP_FAILED,    DEP_FAILED,    DEP_SUCCEEDED, DEP_SUCCEEDED,
                                 DEP_SUCCEEDED, DEP_SUCCEEDED, DEP_FAILED,    DEP_UNKNOWN,
                                 DEP_FAILED,    DEP_SUCCEEDED, DEP_FAILED };
    ended_dependencies *told = submit(deps, ARRAY_SIZE(deps));
    size_t n = 0;
    const engine_dependency *d = ended_of(told, 0, &n);
    assert_int_equal(n, ARRAY_SIZE(deps));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(d[i].ended, ended[i]);
    assert_int_equal(d[8].n_failed, SIZE / 100);
    for (size_t i = 0; i < d[8].n_failed; i++)
        assert_int_equal(d[8].failed[i], i * 100);
    assert_int_equal(d[9].n_failed, 0);
    assert_int_equal(d[10].n_failed, SIZE - 2);
    assert_int_equal(d[10].failed[0], 2);
    ended_free(told);
}

static void only_the_children_that_are_named_are_read(void **state)
{
    (void)state;
    if (!leader)
        skip();
    ob_uuid arrays[] = { job(1), job(3), job(1), job(3), job(5), job(1) };
    static const int32_t from[] = { 100, 7, 99, 7, 0, 100 }, to[] = { 100, 7, 99, 7, 19, 100 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    assert_int_equal(store_children(ob_leader_db(leader), arrays, from, to, 6, &res, NULL), 0);
    assert_int_equal(PQntuples(res), 2 + 1 + 20);
    assert_int_equal(ob_col_int(res, 0, CHILD_IDX, -1), 99);
    assert_int_equal(ob_col_int(res, 1, CHILD_IDX, -1), 100);
    assert_int_equal(ob_col_int(res, 1, CHILD_STATE, -1), OB_JOB_FAILED);
    assert_int_equal(ob_col_int(res, 2, CHILD_IDX, -1), 7);
}

/* The index finds them: of each array the parent's row and the children's, and no others. */
static void few_pages_are_looked_at(void **state)
{
    (void)state;
    if (!leader)
        skip();
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    assert_int_equal(
        ob_db_sql(ob_leader_db(leader),
                  "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, FORMAT JSON) EXECUTE"
                  " children_of('{01900000-0000-7000-8000-000000000001,"
                  "01900000-0000-7000-8000-000000000003}', '{100,7}', '{100,7}')",
                  NULL, &res, NULL),
        0);
    json_auto_t *plan = json_loads(ob_col(res, 0, 0), 0, NULL);
    const json_t *top = json_object_get(json_array_get(plan, 0), "Plan");
    json_int_t pages = json_integer_value(json_object_get(top, "Shared Hit Blocks")) +
                       json_integer_value(json_object_get(top, "Shared Read Blocks"));
    if (pages < 4 || pages > 40)
        fail_msg("%lld pages: %s", (long long)pages, ob_col(res, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ended_is_told_by_job_and_by_child),
        cmocka_unit_test(only_the_children_that_are_named_are_read),
        cmocka_unit_test(few_pages_are_looked_at),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
