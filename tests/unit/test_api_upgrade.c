/* Jobs that were accepted before job had columns for account and region (0021_job_scope.sql) stay
 * visible to their owners and to no other caller; new ones have the columns. In a database of its
 * own. */
#include "unit.h"

#include "jobs/job_store.h"
#include "jobs/submit_store.h"
#include "jobs_sql.h"
#include "migrate.h"
#include "own_server.h"
#include "submit_sql.h"

#define BEFORE 20 /* the last version without them */
#define ACCOUNT "123456789012"
#define OLD "01900000-0000-7000-8000-000000000001"
#define LONG "01900000-0000-7000-8000-000000000002"
#define OTHERS "01900000-0000-7000-8000-000000000003"
#define NEW "01900000-0000-7000-8000-000000000004"

static const job_scope ours = { ACCOUNT, "us-east-1" };
static own_server server;
static ob_db *db;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static void old_job(const char *id, const char *region, int array_size, int detail_len)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("INSERT INTO job (id, queue_id, definition, name, array_size, mcpu, mem_mib,"
                " created_at_ms, detail) SELECT '%s', 1, 'd', 'n', %d, 1000, 64, 0,"
                " '{\"jobArn\":\"arn:aws:batch:%s:" ACCOUNT ":job/%s\",\"jobId\":\"%s\",'"
                " || '\"tags\":{\"a:b\":\"' || (SELECT string_agg(md5(n::text), ':')"
                " FROM generate_series(0, %d) AS n) || '\"},\"container\":{}}'",
                id, array_size, region, id, id, detail_len / 33);
    sql(text);
}

/* What an api of the version before has written. */
static void make_old_database(void)
{
    ob_error err = { 0 };
    migration before[BEFORE + 1] = { 0 };
    int applied = 0;
    for (int i = 0; i < BEFORE; i++)
        before[i] = migrations[i];
    if (migrate(db, before, &applied, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(applied, BEFORE);
    old_job(OLD, ours.region, 0, 100);
    old_job(LONG, ours.region, 2, 100000); /* not stored in its row */
    old_job(OTHERS, "eu-west-1", 0, 100);
    sql("INSERT INTO job_queue (account, region, name, enabled, priority, ce_ids, body)"
        " VALUES ('" ACCOUNT "', 'us-east-1', 'q', true, 1, '{}', '{}');"
        "INSERT INTO job_definition (account, region, name, revision, body, created_at_ms)"
        " VALUES ('" ACCOUNT "', 'us-east-1', 'd', 1, '{}', 0)");
}

static int start(void **state)
{
    (void)state;
    char conninfo[128];
    int applied = 0;
    ob_error err = { 0 };
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, &err), 0);
    make_old_database();
    if (migrate(db, migrations, &applied, &err) < 0 || ob_db_prepare(db, jobs_stmts, &err) < 0 ||
        ob_db_prepare(db, submit_stmts, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(applied >= 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

static ob_job_ref ref(const char *id, int index)
{
    ob_job_ref ret = { .index = index };
    assert_true(ob_uuid_parse(id, strlen(id), &ret.id));
    return ret;
}

static int described(job_scope scope, const char *id, int index)
{
    ob_error err = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    ob_job_ref asked = ref(id, index);
    if (job_store_describe(db, scope, &asked, 1, &rows, &err) < 0)
        fail_msg("%s", err.text);
    return PQntuples(rows);
}

static bool stopped(job_scope scope, const char *id)
{
    bool written = false;
    ob_error err = { 0 };
    ob_job_ref asked = ref(id, -1);
    const job_stop how = { .terminate = true, .reason = "r" };
    if (job_store_stop(db, scope, &asked, 1, how, &written, &err) < 0)
        fail_msg("%s", err.text);
    return written;
}

static void jobs_accepted_before_are_their_owners(void **state)
{
    (void)state;
    const job_scope elsewhere = { ACCOUNT, "eu-west-1" }, stranger = { "1", "us-east-1" };
    if (!db)
        skip();
    assert_int_equal(described(ours, OLD, -1), 1);
    assert_int_equal(described(ours, LONG, 1), 1);
    assert_int_equal(described(elsewhere, OTHERS, -1), 1);
    assert_int_equal(described(ours, OTHERS, -1), 0);
    assert_int_equal(described(elsewhere, LONG, -1), 0);
    assert_int_equal(described(stranger, OLD, -1), 0);
    assert_true(stopped(ours, OLD));
    assert_false(stopped(ours, OTHERS));
    assert_false(stopped(stranger, LONG));
}

static void a_job_accepted_now_is_written_beside_them(void **state)
{
    (void)state;
    ob_error err = { 0 };
    bool inserted = false;
    char detail[] = "{}";
    if (!db)
        skip();
    const submission job = {
        .id = ref(NEW, -1).id,
        .account = ours.account,
        .region = ours.region,
        .queue_id = 1,
        .queue_version = 1,
        .definition_id = 1,
        .definition = "d",
        .revision = 1,
        .name = "n",
        .need = { .mcpu = 1000, .mem_mib = 64 },
        .detail = detail,
        .attempts = 1,
        .key_id = "k",
    };
    const submission *jobs[] = { &job };
    if (submit_store_insert(db, jobs, 1, &inserted, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(inserted);
    assert_int_equal(described(ours, NEW, -1), 1);
    assert_int_equal(described((job_scope){ "1", ours.region }, NEW, -1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_accepted_before_are_their_owners),
        cmocka_unit_test(a_job_accepted_now_is_written_beside_them),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
