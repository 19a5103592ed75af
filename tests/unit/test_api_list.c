/* ListJobs with two hundred thousand jobs, in a database of its own with tables that were never
 * analysed: all pages together list each job once, newest first, and no page reads many rows. */
#include "unit.h"

#include "job_list_sql.h"
#include "jobs/job_list.h"
#include "jobs/submit_store.h"
#include "migrate.h"
#include "ob/db.h"
#include "own_server.h"
#include "submit_sql.h"

#define ALL 200000
#define ALIVE 100000 /* the newer half */
#define ARRAY "01900000-0000-7000-8000-999999999999"
/* A page finds its floor, looks through what is above, and asks of each job how it stands. */
#define ROWS_MAX (4 * LIST_EXAMINED_MAX + 5000)

static own_server server;
static ob_db *db, *watcher;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

/* Job n of queue 1 (the last 5 of queue 2): names n<n>, but of every 40,000th x<n>; definition d:1,
 * of every 50,000th d:2; share b of every 25,000th, else a. The older half has ended, every
 * 10,000th FAILED; of the newer half every 30,000th is PENDING. The newest ten stand in the inbox
 * only. */
static void make_jobs(void)
{
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, mcpu, mem_mib,"
        " created_at_ms, revision, share, detail) SELECT '1', 'r', ('01900000-0000-7000-8000-' || "
        "lpad(n::text, 12, '0'))::uuid,"
        " CASE WHEN n > 199995 THEN 2 ELSE 1 END, CASE WHEN n % 2 = 0 THEN 'd' ELSE 'dd' END,"
        " CASE WHEN n % 40000 = 0 THEN 'x' ELSE 'n' END || n, 1000, 64, n,"
        " CASE WHEN n % 50000 = 0 THEN 2 ELSE 1 END, CASE WHEN n % 25000 = 0 THEN 'b' ELSE 'a' END,"
        " '{\"jobArn\":\"' || repeat('x', 300) || '\"}' FROM generate_series(1, 200000) AS n");
    sql("INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms)"
        " SELECT id, -1, queue_id, CASE WHEN created_at_ms % 10000 = 0 THEN 6 ELSE 5 END, 1"
        " FROM job WHERE created_at_ms <= 100000");
    sql("INSERT INTO live (job_id, idx, state)"
        " SELECT id, -1, CASE WHEN created_at_ms % 30000 = 0 THEN 1 ELSE 2 END"
        " FROM job WHERE created_at_ms BETWEEN 100001 AND 199990");
    sql("INSERT INTO inbox (consumer, kind, job_id) SELECT 1, 1, id FROM job"
        " WHERE created_at_ms > 199990 ORDER BY id");
    sql("INSERT INTO job (account, region, id, queue_id, definition, name, array_size, mcpu, "
        "mem_mib,"
        " created_at_ms, detail) VALUES ('1', 'r', '" ARRAY
        "', 3, 'd', 'n', 10000, 1000, 64, 0, '{}');"
        "INSERT INTO live (job_id, idx, state, bulk_state) VALUES ('" ARRAY "', -1, 1, 2);"
        "INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms)"
        " SELECT '" ARRAY "', i, 3, 6, 1 FROM generate_series(0, 9999, 1000) AS i");
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
        ob_db_prepare(db, job_list_stmts, &err) < 0 || ob_db_prepare(db, submit_stmts, &err) < 0)
        fail_msg("%s", err.text);
    make_jobs();
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

typedef struct question {
    int64_t queue;
    ob_job_state state;
    bool any_state, children;
    job_filter filter;
} question;

static int ask(const question *q, job_cursor cursor, job_page *page, ob_error *err)
{
    ob_uuid array;
    (void)ob_uuid_parse(ARRAY, strlen(ARRAY), &array);
    if (q->children)
        return job_list_children(db, (job_scope){ "1", "r" }, &array, q->state, cursor, page, err);
    return q->any_state ? job_list_filtered(db, q->queue, &q->filter, cursor, page, err)
                        : job_list_state(db, q->queue, q->state, &q->filter, cursor, page, err);
}

typedef struct told {
    int n, pages;
    int64_t first, last; /* the jobs' numbers; of children their indexes */
    int64_t worst;       /* rows that a page looked at, at most */
    bool once_and_in_order;
} told;

static told list(const question *q, int limit)
{
    told t = { .once_and_in_order = true };
    char position[LIST_POSITION_TEXT] = "";
    do {
        ob_error err = { 0 };
        job_page page = { 0 };
        int64_t before = rows_looked_at();
        const job_cursor cursor = { .position = *position ? position : NULL, .limit = limit };
        if (ask(q, cursor, &page, &err) < 0)
            fail_msg("%s", err.text);
        int64_t looked_at = rows_looked_at() - before;
        t.worst = looked_at > t.worst ? looked_at : t.worst;
        int n = PQntuples(page.rows);
        for (int row = 0; row < n && row < limit; row++) {
            const char *id = ob_col(page.rows, row, q->children ? JOB_COL_IDX : JOB_COL_ID);
            int64_t number = q->children ? atoll(id) : atoll(id + 24);
            bool behind = t.n == 0 || (q->children ? number > t.last : number < t.last);
            t.once_and_in_order = t.once_and_in_order && behind;
            t.first = t.n++ ? t.first : number;
            t.last = number;
        }
        memcpy(position, page.next, sizeof position);
        PQclear(page.rows);
        t.pages++;
    } while (*position && t.pages < 1000);
    return t;
}

static void
check(const char *what, const question *q, int limit, int n, int64_t first, int64_t last)
{
    told t = list(q, limit);
    print_message("%s: %d jobs in %d pages, %lld rows at most\n", what, t.n, t.pages,
                  (long long)t.worst);
    if (t.n != n || (n && (t.first != first || t.last != last)) || !t.once_and_in_order)
        fail_msg("%s: %d from %lld to %lld, %s", what, t.n, (long long)t.first, (long long)t.last,
                 t.once_and_in_order ? "in order" : "not in order");
    if (t.worst > ROWS_MAX)
        fail_msg("%s: a page looked at %lld rows", what, (long long)t.worst);
}

static void a_page_by_state_costs_what_a_page_costs(void **state)
{
    (void)state;
    if (!db)
        skip();
    check("PENDING", &(question){ .queue = 1, .state = OB_JOB_PENDING }, 100, 3, 180000, 120000);
    check("RUNNABLE", &(question){ .queue = 1, .state = OB_JOB_RUNNABLE }, 1000, 99987, 199990,
          100001);
    check("SUBMITTED", &(question){ .queue = 1, .state = OB_JOB_SUBMITTED }, 2, 5, 199995, 199991);
    check("SUBMITTED elsewhere", &(question){ .queue = 2, .state = OB_JOB_SUBMITTED }, 2, 5, 200000,
          199996);
    check("RUNNING", &(question){ .queue = 1, .state = OB_JOB_RUNNING }, 100, 0, 0, 0);
    check("FAILED", &(question){ .queue = 1, .state = OB_JOB_FAILED }, 3, 10, 100000, 10000);
    check("of a queue of few among many", &(question){ .queue = 2, .state = OB_JOB_PENDING }, 100,
          0, 0, 0);
    check("of an empty queue", &(question){ .queue = 9, .state = OB_JOB_PENDING }, 100, 0, 0, 0);
    question q = { .queue = 1, .state = OB_JOB_RUNNABLE, .filter.share = "b" };
    check("RUNNABLE of a share", &q, 1, 2, 175000, 125000);
    q.state = OB_JOB_FAILED;
    check("FAILED of a share", &q, 2, 2, 100000, 50000);
    q.state = OB_JOB_FAILED;
    q.filter.share = "a";
    check("FAILED of a large share", &q, 2, 8, 90000, 10000);
}

static void a_page_by_filter_does_too(void **state)
{
    (void)state;
    if (!db)
        skip();
    question q = { .queue = 1, .any_state = true };
    q.filter = (job_filter){ .name = "n77" };
    check("a name", &q, 10, 1, 77, 77);
    q.filter = (job_filter){ .name_from = "x", .name_below = "x\x7f" };
    check("a rare prefix", &q, 3, 4, 160000, 40000);
    q.filter = (job_filter){ .name_from = "n1", .name_below = "n1\x7f" };
    check("a common prefix", &q, 1000, 111105, 199995, 1);
    q.filter = (job_filter){ .definition = "d", .revision = 2 };
    check("a rare revision", &q, 3, 3, 150000, 50000);
    q.filter = (job_filter){ .definition = "dd" };
    check("a definition", &q, 1000, 99998, 199995, 1);
    q.filter = (job_filter){ .definition_from = "d", .definition_below = "d\x7f", .share = "b" };
    check("a prefix of all, and a rare share", &q, 3, 7, 175000, 25000);
    /* Ids of this test begin with one time; createdAt is the job's number. */
    q.filter = (job_filter){ .after_ms = 198999, .before_ms = INT64_C(1) << 41 };
    check("after a time", &q, 300, 996, 199995, 199000);
    q.filter = (job_filter){ .share = "b" };
    check("a share", &q, 3, 7, 175000, 25000);
}

/* The clock was set back by 20 s: ids go on from where they were, createdAt does not. */
static void jobs_whose_ids_run_ahead_of_the_clock_are_found_by_their_time(void **state)
{
    (void)state;
    if (!db)
        skip();
    const int64_t created_ms = 1751600000000;
    char id[OB_UUID_TEXT];
    ob_uuid ahead = ob_uuid_from_ms(created_ms + 20000);
    ob_uuid_format(&ahead, id);
    ob_cleanup(ob_freep) char *insert =
        ob_strf("INSERT INTO job (account, region, id, queue_id, definition, name, mcpu, mem_mib,"
                " created_at_ms, revision, detail) VALUES ('1', 'r', '%s', 4, 'd', 'n', 1000, 64, "
                "%lld, 1, '{}')",
                id, (long long)created_ms);
    assert_int_equal(submit_store_note_lead(db, 20000, NULL), 0);
    assert_int_equal(submit_store_note_lead(db, 15000, NULL), 0); /* it only rises */
    sql(insert);
    question q = { .queue = 4, .any_state = true, .filter.before_ms = created_ms + 1 };
    assert_int_equal(list(&q, 10).n, 1);
    q.filter.before_ms = created_ms;
    assert_int_equal(list(&q, 10).n, 0);
    q.filter = (job_filter){ .after_ms = created_ms - 1 };
    assert_int_equal(list(&q, 10).n, 1);
    q.filter.after_ms = created_ms;
    assert_int_equal(list(&q, 10).n, 0);
}

static void children_are_listed_in_their_order(void **state)
{
    (void)state;
    if (!db)
        skip();
    check("FAILED children", &(question){ .children = true, .state = OB_JOB_FAILED }, 3, 10, 0,
          9000);
    check("RUNNABLE children", &(question){ .children = true, .state = OB_JOB_RUNNABLE }, 1000,
          9990, 1, 9999);
}

/* Where there are few, they are on the first page, however many others there are. */
static void what_is_few_is_found_at_once(void **state)
{
    (void)state;
    if (!db)
        skip();
    question q = { .queue = 1, .any_state = true };
    q.filter = (job_filter){ .name_from = "x", .name_below = "x\x7f" };
    assert_int_equal(list(&q, 10).pages, 1);
    sql("DELETE FROM live WHERE state = 2 AND job_id < "
        "'01900000-0000-7000-8000-000000199000'");
    sql("DELETE FROM live WHERE state = 2 AND job_id < '01900000-0000-7000-8000-000000199000'");
    q = (question){ .queue = 1, .state = OB_JOB_PENDING };
    told t = list(&q, 10);
    assert_int_equal(t.pages, 1);
    assert_int_equal(t.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_by_state_costs_what_a_page_costs),
        cmocka_unit_test(a_page_by_filter_does_too),
        cmocka_unit_test(jobs_whose_ids_run_ahead_of_the_clock_are_found_by_their_time),
        cmocka_unit_test(children_are_listed_in_their_order),
        cmocka_unit_test(what_is_few_is_found_at_once),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
