/* Requests to stop all jobs that match: what their members mean, and what is stored, in a database
 * of its own. */
#include "unit.h"

#include "jobs/stop_request.h"
#include "migrate.h"
#include "ob/job.h"
#include "own_server.h"

static own_server server;
static ob_db *db;

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static int64_t number(const char *query)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    assert_int_equal(ob_db_sql(db, query, NULL, &res, NULL), 0);
    return ob_col_int(res, 0, 0, -1);
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
    if (migrate(db, migrations, &applied, &err) < 0 || ob_db_prepare(db, jobs_stmts, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

/* The request keeps the texts of 'body', which the caller frees. */
static int read_it(json_t *body, job_mass_stop *ret, api_reply *rep)
{
    api_request req = { .account = "1", .region = "r", .body = body };
    return stop_request_read(&req, ret, rep);
}

static void assert_refused(const char *text, const char *words)
{
    json_auto_t *body = json_loads(text, 0, NULL);
    job_mass_stop r;
    api_reply rep = { 0 };
    assert_true(read_it(body, &r, &rep) < 0);
    assert_string_equal(rep.code, "ClientException");
    if (!strstr(rep.message, words))
        fail_msg("'%s' is not '%s'", rep.message, words);
    api_reply_done(&rep);
}

static void states_are_those_from_which_jobs_can_be_stopped(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int states;
    } cases[] = {
        { "{\"action\": \"CANCEL\"}", 7 },
        { "{\"action\": \"CANCEL\", \"states\": []}", 7 },
        { "{\"action\": \"TERMINATE\"}", 31 },
        { "{\"action\": \"CANCEL\", \"states\": [\"RUNNABLE\"]}", 4 },
        { "{\"action\": \"TERMINATE\", \"states\": [\"RUNNING\", \"PENDING\"]}", 18 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *body = json_loads(cases[i].text, 0, NULL);
        job_mass_stop r;
        api_reply rep = { 0 };
        assert_int_equal(read_it(body, &r, &rep), 0);
        assert_int_equal(r.states, cases[i].states);
    }
    assert_refused("{\"action\": \"CANCEL\", \"states\": [\"RUNNING\"]}",
                   "RUNNING is not a state from which a job can be cancelled");
    assert_refused("{\"action\": \"TERMINATE\", \"states\": [\"RUNNING\", \"FAILED\"]}",
                   "FAILED is not a state from which a job can be terminated");
    assert_refused("{\"action\": \"TERMINATE\", \"states\": [\"\"]}", " is not a state");
}

static void a_definition_is_named_in_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int revision;
    } cases[] = {
        { "{\"action\": \"CANCEL\", \"jobDefinition\": \"d-1\"}", 0 },
        { "{\"action\": \"CANCEL\", \"jobDefinition\": \"d-1:3\"}", 3 },
        { "{\"action\": \"CANCEL\", \"jobDefinition\":"
          " \"arn:aws:batch:r:1:job-definition/d-1:3\"}",
          3 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *body = json_loads(cases[i].text, 0, NULL);
        job_mass_stop r;
        api_reply rep = { 0 };
        assert_int_equal(read_it(body, &r, &rep), 0);
        assert_string_equal(r.definition, "d-1");
        assert_int_equal(r.revision, cases[i].revision);
        assert_null(r.name_prefix);
        assert_null(r.share);
    }
    assert_refused("{\"action\": \"CANCEL\", \"jobDefinition\":"
                   " \"arn:aws:batch:r:2:job-definition/d-1:3\"}",
                   "JobDefinition arn:aws:batch:r:2:job-definition/d-1:3 not found.");
    assert_refused("{\"action\": \"CANCEL\", \"jobDefinition\": \"d:x\"}", "not found.");
}

static int64_t add(const char *region, int64_t queue_id)
{
    const job_mass_stop m = { .queue_id = queue_id,
                              .states = 7,
                              .name_prefix = "a",
                              .definition = "d",
                              .revision = 3,
                              .how = { .reason = "r" } };
    ob_error err = { 0 };
    int64_t id = -1;
    if (job_store_mass_stop(db, (job_scope){ "1", region }, &m, &id, &err) < 0)
        fail_msg("%s", err.text);
    return id;
}

static PGresult *get(const char *region, int64_t queue_id, int64_t id)
{
    PGresult *row = NULL;
    assert_int_equal(
        job_store_mass_stop_get(db, (job_scope){ "1", region }, queue_id, id, &row, NULL), 0);
    return row;
}

static void a_request_is_one_row_and_one_of_the_inbox(void **state)
{
    (void)state;
    if (!db)
        skip();
    int64_t id = add("r", 5);
    assert_true(id > 0);
    assert_int_equal(number("SELECT count(*) FROM inbox WHERE consumer = 1 AND kind = 7"), 1);
    assert_int_equal(number("SELECT ref FROM inbox"), id);
    ob_cleanup(ob_pq_clearp) PGresult *row = get("r", 5, id);
    ob_cleanup(ob_pq_clearp) PGresult *of_other = get("s", 5, id);
    ob_cleanup(ob_pq_clearp) PGresult *of_queue = get("r", 6, id);
    assert_int_equal(PQntuples(row), 1);
    assert_string_equal(ob_col(row, 0, STOP_STATE_COL_NAME_PREFIX), "a");
    assert_null(ob_col(row, 0, STOP_STATE_COL_SHARE));
    assert_null(ob_col(row, 0, STOP_STATE_COL_BEGUN_AT_MS));
    assert_int_equal(PQntuples(of_other) + PQntuples(of_queue), 0);
}

static void so_many_are_unfinished_and_old_ones_are_forgotten(void **state)
{
    (void)state;
    if (!db)
        skip();
    sql("DELETE FROM stop_request");
    for (int i = 0; i < STOPS_OPEN_MAX; i++) {
        assert_true(add("r", 5 + i / STOPS_OPEN_QUEUE_MAX) > 0);
        if (i == STOPS_OPEN_QUEUE_MAX - 1)
            assert_int_equal(add("r", 5), 0);
    }
    assert_int_equal(add("r", 100), 0);
    assert_true(add("s", 5) > 0);
    sql("INSERT INTO stop_progress (stop_id, begun_at_ms, finished_at_ms)"
        " SELECT id, 1, (extract(epoch FROM now()) * 1000)::bigint - 1000 FROM stop_request"
        " ORDER BY id LIMIT 1");
    assert_true(add("r", 5) > 0);
    int64_t kept = number("SELECT count(*) FROM stop_request");
    sql("UPDATE stop_progress SET finished_at_ms = 5");
    assert_int_equal(add("r", 5), 0); /* too many; the finished one goes nevertheless */
    assert_int_equal(number("SELECT count(*) FROM stop_request"), kept - 1);
}

static void the_last_ones_of_a_queue_are_kept(void **state)
{
    (void)state;
    if (!db)
        skip();
    sql("DELETE FROM stop_request");
    sql("DELETE FROM stop_progress");
    int64_t first = add("r", 6), open = add("r", 5), last = 0;
    for (int i = 0; i < STOPS_KEPT_MAX + 10; i++) {
        sql("INSERT INTO stop_progress (stop_id, begun_at_ms, finished_at_ms)"
            " SELECT id, 1, (extract(epoch FROM now()) * 1000)::bigint FROM stop_request"
            " WHERE queue_id = 5 OFFSET 1 ON CONFLICT DO NOTHING");
        last = add("r", 5);
        assert_true(last > 0);
    }
    /* The new one comes beside those that are kept, as does the first, which is not finished. */
    assert_int_equal(number("SELECT count(*) FROM stop_request WHERE queue_id = 5"),
                     STOPS_KEPT_MAX + 2);
    assert_int_equal(number("SELECT min(id) FROM stop_request WHERE queue_id = 5"), open);
    assert_int_equal(number("SELECT max(id) FROM stop_request"), last);
    assert_int_equal(number("SELECT id FROM stop_request WHERE queue_id = 6"), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_those_from_which_jobs_can_be_stopped),
        cmocka_unit_test(a_definition_is_named_in_every_spelling),
        cmocka_unit_test(a_request_is_one_row_and_one_of_the_inbox),
        cmocka_unit_test(so_many_are_unfinished_and_old_ones_are_forgotten),
        cmocka_unit_test(the_last_ones_of_a_queue_are_kept),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
