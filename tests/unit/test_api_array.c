/* DescribeArray with ten thousand children, in a database of its own with tables that were never
 * analysed: a letter a child, and no more rows are read than the array has. */
#include "unit.h"

#include "jobs/array_states.h"
#include "jobs/job_store.h"
#include "jobs_sql.h"
#include "migrate.h"
#include "ob/db.h"
#include "own_server.h"

#define ALL ARRAY_CHILDREN_MAX
#define ARRAY "01900000-0000-7000-8000-000000000001"
#define OTHER "01900000-0000-7000-8000-000000000002"
#define ENDED "01900000-0000-7000-8000-000000000003"
#define FRESH "01900000-0000-7000-8000-000000000004"
#define SINGLE "01900000-0000-7000-8000-000000000005"

static const job_scope ours = { "1", "r" }, theirs = { "2", "r" };
static own_server server;
static ob_db *db, *watcher;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static void make_job(const char *id, int size)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("INSERT INTO job (account, region, id, queue_id, definition, name, array_size,"
                " mcpu, mem_mib, created_at_ms, detail)"
                " VALUES ('1', 'r', '%s', 1, 'd', 'n', %d, 1000, 64, 0, '{}')",
                id, size);
    sql(text);
}

/* Child i is what the last digit of i says: 0 in the bulk, 1 RUNNING, 2 STARTING, 3 SUCCEEDED, 4 to
 * 9 FAILED with an exit code, by a signal, out of memory, at its time limit, terminated, and
 * without an attempt. 14 was on an instance that was lost, 24 could not be started, 34 has no exit
 * code. */
static void make_array(const char *id)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "INSERT INTO live (job_id, idx, state, bulk_state, counts, round)"
        " VALUES ('%1$s', -1, 1, 2, '{0,0,1000,1000,1000,1000,6000}', 77);"
        "INSERT INTO live (job_id, idx, state) SELECT '%1$s', i, CASE i %% 10 WHEN 1 THEN 4"
        " ELSE 3 END FROM generate_series(0, 9999) AS i WHERE i %% 10 IN (1, 2);"
        "INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms, flags) SELECT '%1$s', i, 1,"
        " CASE i %% 10 WHEN 3 THEN 5 ELSE 6 END, 1, CASE i %% 10 WHEN 8 THEN 2 ELSE 0 END"
        " FROM generate_series(0, 9999) AS i WHERE i %% 10 > 2;"
        "INSERT INTO attempt (job_id, idx, attempt, run, instance_id, cluster, exit_code,"
        " container_reason, reason, started_at_ms, stopped_at_ms) SELECT '%1$s', i, a, a, 'i-1',"
        " 'c', CASE WHEN i IN (14, 24, 34) THEN NULL WHEN a = 1 THEN 99 ELSE"
        " (ARRAY[0, 1, 137, 137, 143, 143])[i %% 10 - 2] END,"
        " CASE WHEN a = 2 AND i %% 10 = 6 THEN 'OutOfMemoryError: Container killed' END,"
        " CASE WHEN a = 2 AND i %% 10 = 7 THEN 'Job attempt duration exceeded timeout'"
        "  WHEN i = 14 THEN 'Host EC2 (instance i-1) terminated.' ELSE 'Essential' END,"
        " CASE WHEN i IN (14, 24) THEN NULL ELSE 1 END, 2"
        " FROM generate_series(0, 9999) AS i, generate_series(1, 2) AS a"
        " WHERE i %% 10 BETWEEN 3 AND 8",
        id);
    sql(text);
}

static char letter_of(int i)
{
    return i == 14 ? 'H' : i == 24 ? 'E' : i == 34 ? 'H' : "WRTCFKOLXD"[i % 10];
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
    if (migrate(db, migrations, &applied, &err) < 0 || ob_db_prepare(db, jobs_stmts, &err) < 0)
        fail_msg("%s", err.text);
    make_job(ARRAY, ALL);
    make_job(OTHER, ALL);
    make_array(ARRAY);
    make_array(OTHER);
    make_job(FRESH, 3);
    make_job(SINGLE, 0);
    make_job(ENDED, 4);
    sql("INSERT INTO done (job_id, idx, queue_id, state, stopped_at_ms, flags, bulk_state, counts)"
        " VALUES ('" ENDED "', -1, 1, 6, 1, 0, 6, '{0,0,0,0,0,1,3}'),"
        " ('" ENDED "', 1, 1, 5, 1, 0, NULL, NULL)");
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

static PGresult *ask(job_scope scope, const char *id, const char *etag)
{
    PGresult *row = NULL;
    ob_error err = { 0 };
    ob_uuid array;
    assert_true(ob_uuid_parse(id, strlen(id), &array));
    if (job_store_array_states(db, scope, &array, etag, &row, &err) < 0)
        fail_msg("%s", err.text);
    return row;
}

static char *states(const char *id, const char *expected_etag)
{
    ob_cleanup(ob_pq_clearp) PGresult *row = ask(ours, id, NULL);
    assert_int_equal(PQntuples(row), 1);
    assert_string_equal(ob_col(row, 0, ARRAY_COL_ETAG), expected_etag);
    return array_states_text((int)ob_col_int(row, 0, ARRAY_COL_ARRAY_SIZE, -1),
                             *ob_col(row, 0, ARRAY_COL_BULK), ob_col(row, 0, ARRAY_COL_CHILDREN));
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

static void ten_thousand_children_have_a_letter_each(void **state)
{
    (void)state;
    if (!db)
        skip();
    int64_t before = rows_looked_at();
    ob_cleanup(ob_freep) char *text = states(ARRAY, "77.0");
    int64_t read = rows_looked_at() - before;
    assert_int_equal(strlen(text), ALL);
    for (int i = 0; i < ALL; i++)
        if (text[i] != letter_of(i))
            fail_msg("child %d is %c instead of %c", i, text[i], letter_of(i));
    /* A row a child, and for each that failed its attempts. */
    assert_in_range(read, 9000, 4 * ALL);
}

static void what_has_not_changed_is_not_read(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_cleanup(ob_pq_clearp) PGresult *first = ask(ours, ARRAY, "76.0");
    assert_non_null(ob_col(first, 0, ARRAY_COL_CHILDREN));
    int64_t before = rows_looked_at();
    ob_cleanup(ob_pq_clearp) PGresult *again = ask(ours, ARRAY, "77.0");
    assert_null(ob_col(again, 0, ARRAY_COL_CHILDREN));
    assert_string_equal(ob_col(again, 0, ARRAY_COL_ETAG), "77.0");
    assert_true(rows_looked_at() - before < 20);
    /* An earlier version leads: it does not say when a picture changes. */
    sql("UPDATE leader SET round = round + 1 WHERE role = 'scheduler'");
    ob_cleanup(ob_pq_clearp) PGresult *unsure = ask(ours, ARRAY, "77.0");
    assert_null(ob_col(unsure, 0, ARRAY_COL_ETAG));
    assert_non_null(ob_col(unsure, 0, ARRAY_COL_CHILDREN));
    /* And one that does leads again. */
    sql("UPDATE leader SET counted_round = round, counted_since = 9 WHERE role = 'scheduler'");
    ob_cleanup(ob_pq_clearp) PGresult *anew = ask(ours, ARRAY, "77.0");
    assert_string_equal(ob_col(anew, 0, ARRAY_COL_ETAG), "77.9");
    sql("UPDATE live SET round = NULL WHERE job_id = '" OTHER "' AND idx = -1");
    ob_cleanup(ob_pq_clearp) PGresult *unknown = ask(ours, OTHER, "77.0");
    assert_null(ob_col(unknown, 0, ARRAY_COL_ETAG));
    assert_non_null(ob_col(unknown, 0, ARRAY_COL_CHILDREN));
}

static void arrays_before_their_first_round_and_after_the_last(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_cleanup(ob_freep) char *fresh = states(FRESH, "submitted");
    assert_string_equal(fresh, "SSS");
    ob_cleanup(ob_freep) char *ended = states(ENDED, "ended");
    assert_string_equal(ended, "DCDD");
    sql("UPDATE done SET flags = 2 WHERE job_id = '" ENDED "' AND idx = -1");
    ob_cleanup(ob_freep) char *stopped = states(ENDED, "ended");
    assert_string_equal(stopped, "XCXX");
}

static void only_arrays_of_the_caller_are_seen(void **state)
{
    (void)state;
    if (!db)
        skip();
    ob_cleanup(ob_pq_clearp) PGresult *foreign = ask(theirs, ARRAY, NULL);
    assert_int_equal(PQntuples(foreign), 0);
    ob_cleanup(ob_pq_clearp) PGresult *single = ask(ours, SINGLE, NULL);
    assert_int_equal(PQntuples(single), 0);
}

static void texts_that_make_no_sense_change_nothing_else(void **state)
{
    (void)state;
    static const struct {
        int size;
        const char *others, *expected;
    } cases[] = {
        { 3, "", "WWW" },      { 3, "0R2C", "RWC" }, { 3, "3R18446744073709551616C", "WWW" },
        { 3, "-1R1C", "WCW" }, { 3, "1", "WWW" },    { 3, "R", "WWW" },
        { 0, "0R", "" },       { -5, "0R", "" }
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *text = array_states_text(cases[i].size, 'W', cases[i].others);
        assert_string_equal(text, cases[i].expected);
    }
    ob_cleanup(ob_freep) char *most = array_states_text(2000000000, 'W', "");
    assert_int_equal(strlen(most), ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_children_have_a_letter_each),
        cmocka_unit_test(what_has_not_changed_is_not_read),
        cmocka_unit_test(arrays_before_their_first_round_and_after_the_last),
        cmocka_unit_test(only_arrays_of_the_caller_are_seen),
        cmocka_unit_test(texts_that_make_no_sense_change_nothing_else),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
