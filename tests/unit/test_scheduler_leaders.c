/* Rounds with a PostgreSQL: what a leader takes over from the one before. */
#include "round_world.h"

#include "mass_stops.h"
#include "round.h"

/* As if the clock of the leader before had been an hour ahead. */
static void what_the_leader_before_has_shown_is_not_undercut(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    report(id, instance_of(id), RUN_RUNNING);
    turn();
    assert_true(count("SELECT told_at_ms FROM live WHERE state = 4") > 0);
    sql("UPDATE live SET told_at_ms = told_at_ms + 3600000 WHERE state = 4");
    int64_t told = count("SELECT told_at_ms FROM live WHERE state = 4");
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    ob_leader_drop(s.leader);
    lead();
    report(id, where, RUN_EXITED);
    turn();
    assert_int_equal(count("SELECT count(*) FROM done WHERE state = 5"), 1);
    assert_int_equal(count("SELECT at_ms FROM job_event WHERE state = 5"), told);
}

/* ---- Counts ---- */

/* Queues whose counts of what has ended are those of the tables. */
#define AGREEING                                                                                   \
    "SELECT count(*) FROM (SELECT"                                                                 \
    " jobs[6] - (SELECT count(*) FROM done WHERE idx = -1 AND state = 5) AS a,"                    \
    " jobs[7] - (SELECT count(*) FROM done WHERE idx = -1 AND state = 6) AS b,"                    \
    " children[6] - (SELECT coalesce(sum(counts[6]), 0) FROM (SELECT counts FROM live UNION ALL"   \
    "  SELECT counts FROM done) AS x) AS c,"                                                       \
    " children[7] - (SELECT coalesce(sum(counts[7]), 0) FROM (SELECT counts FROM live UNION ALL"   \
    "  SELECT counts FROM done) AS x) AS d"                                                        \
    " FROM queue_snapshot WHERE queue_id = 1) AS n WHERE (a, b, c, d) = (0, 0, 0, 0)"

static void assert_counted(void)
{
    if (count(AGREEING) != 1)
        fail_msg("the counts differ from the tables");
}

static ob_uuid submit_array(int size)
{
    ob_uuid id = submit();
    sql("UPDATE job SET array_size = %d WHERE id = '01900000-0000-7000-8000-%012d'", size, n_jobs);
    return id;
}

static void end_child(ob_uuid job, int32_t index, int32_t code)
{
    char text[OB_UUID_TEXT], query[200];
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_uuid_format(&job, text);
    (void)snprintf(query, sizeof(query),
                   "SELECT instance_id FROM placement WHERE job_id = '%s' AND idx = %d", text,
                   (int)index);
    assert_int_equal(ob_db_sql(s.db, query, NULL, &res, NULL), 0);
    assert_int_equal(PQntuples(res), 1);
    engine_run_report r = { .run = { .id = job, .index = index, .run = 1 },
                            .state = RUN_EXITED,
                            .started_at_ms = 2000,
                            .stopped_at_ms = 3000,
                            .started = true,
                            .has_exit_code = true,
                            .exit_code = code };
    engine_report(s.engine, ob_col(res, 0, 0), &r);
}

static void what_has_ended_is_counted_once_under_each_leader(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    for (int i = 0; i < 3; i++)
        (void)add_instance();
    ob_uuid single = submit(), stopped = submit(), array = submit_array(3);
    turn();
    assert_counted();
    end_child(array, 0, 0);
    end_child(array, 1, 1);
    end_child(single, -1, 0);
    engine_stop(s.engine, &(ob_job_ref){ .id = stopped, .index = -1 }, true, "enough");
    turn();
    end_child(stopped, -1, 143);
    turn();
    assert_counted();
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 1);

    /* A leader that was deposed before its commit has counted nothing. */
    ob_error err = { 0 };
    end_child(array, 2, 0);
    sql("UPDATE leader SET epoch = epoch + 1 WHERE role = 'scheduler'");
    assert_true(round_turn(&s, &err) < 0);
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 1);
    the_next_leader();
    assert_counted();
    end_child(array, 2, 0);
    turn();
    assert_counted();
    assert_int_equal(count("SELECT children[6] FROM queue_snapshot"), 2);
    assert_int_equal(count("SELECT children[7] FROM queue_snapshot"), 1);

    /* As if a version that counts nothing had led. */
    sql("UPDATE queue_snapshot SET jobs = NULL, children = NULL, counted_at_ms = NULL");
    the_next_leader();
    assert_counted();
    sql("DELETE FROM queue_snapshot");
    the_next_leader();
    assert_counted();
    /* And as if it had led in between: it leaves the numbers as they were. */
    sql("UPDATE queue_snapshot SET jobs = '{0,0,0,0,0,90,91}', children = jobs");
    sql("UPDATE leader SET round = round + 1 WHERE role = 'scheduler'");
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT counted_since FROM leader WHERE role = 'scheduler'"), s.epoch);
    the_next_leader();
    assert_counted();
    assert_int_equal(count("SELECT counted_since FROM leader WHERE role = 'scheduler'"),
                     s.epoch - 1);
}

/* ---- Stopping all that match ---- */

#define MANY 2500 /* more than a step takes */
#define NOT_STOPPED                                                                                \
    "SELECT count(*) FROM job j LEFT JOIN live l ON l.job_id = j.id LEFT JOIN done d ON"           \
    " d.job_id = j.id WHERE j.name = 'many' AND (coalesce(d.flags, l.flags) & 2 = 0)"

static void submit_many(const char *name, int n, int64_t at_ms)
{
    sql("WITH j AS (INSERT INTO job (account, region, id, queue_id, definition, name, mcpu,"
        " mem_mib, created_at_ms, detail) SELECT '1', 'r', gen_random_uuid(), 1, 'd', '%s',"
        " 1000, 100, %d, '{}' FROM generate_series(1, %d) RETURNING id)"
        " INSERT INTO inbox (consumer, kind, job_id) SELECT 1, 1, id FROM j",
        name, (int)at_ms, n);
    s.inbox.rung = true;
}

static void a_request_stops_all_that_match_whoever_leads(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    submit_many("many", MANY, 1000);
    submit_many("other", 10, 1000);
    sql("WITH r AS (INSERT INTO stop_request (account, region, queue_id, states, name_prefix,"
        " revision, terminate, reason, created_at_ms) VALUES ('1', 'r', 1, 31, 'ma', 0, true,"
        " 'all', 1500) RETURNING id)"
        " INSERT INTO inbox (consumer, kind, ref) SELECT 1, 7, id FROM r");
    submit_many("many later", 10, 2000);
    ob_error err = { 0 };
    int turns = 0;
    while (count("SELECT count(*) FROM stop_progress WHERE looked > 0") == 0) {
        assert_true(turns++ < 20);
        if (round_turn(&s, &err) < 0)
            fail_msg("%s", err.text);
    }
    int64_t looked = count("SELECT looked FROM stop_progress");
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms IS NULL"), 1);

    /* The next step is decided and not committed. */
    sql("UPDATE leader SET epoch = epoch + 1 WHERE role = 'scheduler'");
    assert_true(round_turn(&s, &err) < 0);
    assert_int_equal(count("SELECT looked FROM stop_progress"), looked);
    ob_leader_drop(s.leader);
    lead();
    for (turns = 0; stops_pending(&s); turns++) {
        assert_true(turns < 20);
        turn();
    }
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms > 0"), 1);
    assert_int_equal(count("SELECT matched FROM stop_progress"), MANY);
    assert_int_equal(count(NOT_STOPPED), 0);
    assert_int_equal(count("SELECT count(*) FROM job j JOIN live l ON l.job_id = j.id"
                           " WHERE j.name <> 'many' AND l.flags = 0"
                           " AND j.name IN ('other', 'many later')"),
                     20);
    assert_counted();
    /* Its row of the inbox was taken by a version that does not know it. */
    sql("INSERT INTO stop_request (account, region, queue_id, states, name_prefix, revision,"
        " terminate, reason, created_at_ms) VALUES ('1', 'r', 1, 31, 'other', 0, true, 'all',"
        " 1500)");
    the_next_leader();
    for (turns = 0; stops_pending(&s); turns++) {
        assert_true(turns < 20);
        turn();
    }
    assert_int_equal(count("SELECT count(*) FROM stop_progress WHERE finished_at_ms > 0"), 2);
    assert_int_equal(count("SELECT sum(matched) FROM stop_progress"), MANY + 10);
    /* What is no longer kept is forgotten with the next request. */
    sql("DELETE FROM stop_request");
    sql("INSERT INTO inbox (consumer, kind, ref) VALUES (1, 7, 4711)");
    s.inbox.rung = true;
    turn();
    assert_int_equal(count("SELECT count(*) FROM stop_progress"), 0);
    assert_int_equal(count("SELECT count(*) FROM inbox"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_leader_before_has_shown_is_not_undercut),
        cmocka_unit_test(what_has_ended_is_counted_once_under_each_leader),
        cmocka_unit_test(a_request_stops_all_that_match_whoever_leads),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
