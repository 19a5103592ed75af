/* Rounds with a PostgreSQL: what they write of an attempt that has ended. */
#include "round_world.h"

/* Rows of events and of attempts that publishing takes for each other (event_has_attempts). */
#define FIRST_ENDS                                                                                 \
    "SELECT count(*) FROM job_event e JOIN attempt a ON a.job_id = e.job_id AND a.idx = e.idx_lo"  \
    " WHERE e.state IN (5, 6) AND e.attempt = 1 AND e.run = 1 AND e.instance_id IS NOT NULL"
#define DIFFERENT                                                                                  \
    FIRST_ENDS                                                                                     \
    " AND (a.attempt, a.run, a.instance_id, a.cluster, a.exit_code, a.container_reason,"           \
    " a.reason, a.started_at_ms, a.stopped_at_ms) IS DISTINCT FROM (e.attempt, e.run,"             \
    " e.instance_id, e.cluster, e.exit_code, e.container_reason,"                                  \
    " coalesce(e.reason, ''), e.started_at_ms, e.stopped_at_ms)"

static void the_event_of_a_first_run_s_end_says_all_of_its_attempt(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid ended = submit(), unstarted = submit(), stopped = submit();
    turn();
    int64_t before = count(FIRST_ENDS);
    report(ended, instance_of(ended), RUN_EXITED);
    engine_run_report r = { .run = { .id = unstarted, .index = -1, .run = 1 },
                            .state = RUN_EXITED,
                            .reason = "CannotPullContainerError: \"so\"" };
    engine_report(s.engine, instance_of(unstarted), &r);
    engine_stop(s.engine, &(ob_job_ref){ .id = stopped, .index = -1 }, true, "stopped");
    turn();
    report(stopped, instance_of(stopped), RUN_RUNNING);
    turn();
    report(stopped, instance_of(stopped), RUN_EXITED);
    turn();
    assert_int_equal(count(FIRST_ENDS), before + 3);
    assert_int_equal(count(DIFFERENT), 0);
}

static int64_t of_attempt(const char *column)
{
    char query[200];
    (void)snprintf(query, sizeof(query),
                   "SELECT %s FROM attempt WHERE job_id = '01900000-0000-7000-8000-%012d'", column,
                   n_jobs);
    return count(query);
}

static void an_attempt_keeps_its_phases_and_what_it_has_used_under_another_leader(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    report(id, instance_of(id), RUN_RUNNING);
    turn();
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    int64_t runnable = count("SELECT runnable_at_ms FROM live WHERE state = 4");
    int64_t placed = count("SELECT placed_at_ms FROM placement WHERE job_id ="
                           " (SELECT job_id FROM live WHERE state = 4)");
    assert_true(runnable > 0 && placed >= runnable);
    ob_leader_drop(s.leader);
    lead();
    engine_run_report r = { .run = { .id = id, .index = -1, .run = 1 },
                            .state = RUN_EXITED,
                            .pulled_at_ms = placed + 20,
                            .created_at_ms = placed + 30,
                            .stopped_at_ms = placed + 1000,
                            .started = true,
                            .has_exit_code = true,
                            .cpu_ms = 700,
                            .peak_bytes = INT64_C(5) << 40 };
    engine_report(s.engine, where, &r);
    turn();
    assert_int_equal(of_attempt("runnable_at_ms"), runnable);
    assert_int_equal(of_attempt("placed_at_ms"), placed);
    assert_int_equal(of_attempt("pulled_ms"), 20);
    assert_int_equal(of_attempt("created_ms"), 30);
    assert_int_equal(of_attempt("cpu_ms"), 700);
    assert_int_equal(of_attempt("peak_bytes"), INT64_C(5) << 40);
}

/* One that an earlier version placed, and an executor of an earlier version reports. */
static void what_an_attempt_does_not_know_is_null(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    sql("UPDATE placement SET placed_at_ms = NULL");
    ob_leader_drop(s.leader);
    lead();
    report(id, where, RUN_EXITED);
    turn();
    assert_true(of_attempt("runnable_at_ms") > 0);
    static const char *const unknown[] = { "placed_at_ms", "pulled_ms", "created_ms", "cpu_ms",
                                           "peak_bytes" };
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(of_attempt(unknown[i]), -1);
}

#define PODS_LIKE(text)                                                                            \
    "SELECT count(*) FROM pod p WHERE p.attempt = 1 AND p.run = 1 AND p.body = '" text "'"

/* The last one of a round counts, also after an attempt's end and under another leader. */
static void what_is_known_of_a_pod_is_kept(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    char where[64];
    (void)snprintf(where, sizeof(where), "%s", instance_of(id));
    static const char *const bodies[] = { "{}", "{\"name\":\"a\"}", "{\"name\":\"b\"}" };
    engine_run_report r = { .run = { .id = id, .index = -1, .run = 1 }, .state = RUN_STARTING };
    for (int i = 0; i < 2; i++) {
        r.pod = bodies[i];
        engine_report(s.engine, where, &r);
    }
    turn();
    assert_int_equal(count(PODS_LIKE("{\"name\":\"a\"}")), 1);
    ob_leader_drop(s.leader);
    lead();
    r.state = RUN_EXITED;
    r.started = true;
    r.pod = bodies[2];
    engine_report(s.engine, where, &r);
    turn();
    assert_int_equal(
        count(PODS_LIKE("{\"name\":\"b\"}") " AND EXISTS (SELECT FROM attempt a"
                                            " WHERE (a.job_id, a.idx, a.attempt, a.run) ="
                                            " (p.job_id, p.idx, p.attempt, p.run))"),
        1);
    r.pod = bodies[0];
    engine_report(s.engine, where, &r); /* it is over */
    turn();
    assert_int_equal(count("SELECT count(*) FROM pod"), 1);
    assert_int_equal(count(PODS_LIKE("{}")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_event_of_a_first_run_s_end_says_all_of_its_attempt),
        cmocka_unit_test(an_attempt_keeps_its_phases_and_what_it_has_used_under_another_leader),
        cmocka_unit_test(what_an_attempt_does_not_know_is_null),
        cmocka_unit_test(what_is_known_of_a_pod_is_kept),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
