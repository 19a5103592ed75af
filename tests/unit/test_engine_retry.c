/* Retry strategies: the table of rules, and the engine's use of them. Numbers in names are sections
 * of docs/aws-batch.md. */
#include "engine_world.h"

#include <stdio.h>

#include "ob/mem.h"
#include "retry.h"

#define BIG NEED(4, 16000)
#define NEED1 NEED(1, 100)
#define NONE (-1000) /* no exit code */

#define HOST "Host EC2 (instance i-0123456789abcdef0) terminated."
#define ESSENTIAL "Essential container in task exited"
#define OOM "OutOfMemoryError: Container killed due to memory usage"
#define NEXTFLOW                                                                                   \
    "[{\"action\": \"RETRY\", \"onStatusReason\": \"Host EC2*\"},"                                 \
    " {\"action\": \"EXIT\", \"onReason\": \"*\"}]"

static const struct {
    const char *name, *rules, *status_reason, *reason;
    int32_t code;
    bool again;
} cases[] = {
    { "no rules", NULL, ESSENTIAL, NULL, 1, true },
    { "an empty list", "[]", ESSENTIAL, NULL, 1, true },
    { "no condition: any end", "[{\"action\": \"EXIT\"}]", ESSENTIAL, NULL, 1, false },
    { "what is no list", "{\"action\": \"EXIT\"}", ESSENTIAL, NULL, 1, true },
    { "what is no JSON", "[{", ESSENTIAL, NULL, 1, true },
    { "an exit code", "[{\"action\": \"EXIT\", \"onExitCode\": \"3\"}]", ESSENTIAL, NULL, 3,
      false },
    { "another exit code: no match, retried", "[{\"action\": \"EXIT\", \"onExitCode\": \"3\"}]",
      ESSENTIAL, NULL, 33, true },
    { "a code's prefix", "[{\"action\": \"EXIT\", \"onExitCode\": \"3*\"}]", ESSENTIAL, NULL, 33,
      false },
    { "no code", "[{\"action\": \"EXIT\", \"onExitCode\": \"0\"}]", HOST, NULL, NONE, true },
    { "no code, any", "[{\"action\": \"EXIT\", \"onExitCode\": \"*\"}]", HOST, NULL, NONE, false },
    { "no code, a prefix", "[{\"action\": \"EXIT\", \"onExitCode\": \"1*\"}]", HOST, NULL, NONE,
      true },
    { "the whole reason", "[{\"action\": \"EXIT\", \"onStatusReason\": \"" ESSENTIAL "\"}]",
      ESSENTIAL, NULL, 1, false },
    { "not its beginning", "[{\"action\": \"EXIT\", \"onStatusReason\": \"Essential\"}]", ESSENTIAL,
      NULL, 1, true },
    { "its beginning with a star", "[{\"action\": \"EXIT\", \"onStatusReason\": \"Essential*\"}]",
      ESSENTIAL, NULL, 1, false },
    { "case counts in patterns", "[{\"action\": \"EXIT\", \"onStatusReason\": \"essential*\"}]",
      ESSENTIAL, NULL, 1, true },
    { "a star inside is a literal", "[{\"action\": \"EXIT\", \"onReason\": \"Out*Error\"}]",
      ESSENTIAL, "OutOfMemoryError", 137, true },
    { "the container's reason", "[{\"action\": \"EXIT\", \"onReason\": \"OutOfMemory*\"}]",
      ESSENTIAL, OOM, 137, false },
    { "the container has no reason", "[{\"action\": \"EXIT\", \"onReason\": \"OutOf*\"}]",
      ESSENTIAL, NULL, 137, true },
    { "a star alone matches what is absent", "[{\"action\": \"EXIT\", \"onReason\": \"*\"}]",
      ESSENTIAL, NULL, 1, false },
    { "all conditions match",
      "[{\"action\": \"EXIT\", \"onReason\": \"Out*\", \"onExitCode\": \"137\"}]", ESSENTIAL, OOM,
      137, false },
    { "one of them does not",
      "[{\"action\": \"EXIT\", \"onReason\": \"Out*\", \"onExitCode\": \"138\"}]", ESSENTIAL, OOM,
      137, true },
    { "the first match decides",
      "[{\"action\": \"RETRY\", \"onExitCode\": \"1\"}, {\"action\": \"EXIT\", \"onExitCode\":"
      " \"*\"}]",
      ESSENTIAL, NULL, 1, true },
    { "and not the second",
      "[{\"action\": \"RETRY\", \"onExitCode\": \"1\"}, {\"action\": \"EXIT\", \"onExitCode\":"
      " \"*\"}]",
      ESSENTIAL, NULL, 2, false },
    { "the action in any case", "[{\"action\": \"exit\", \"onExitCode\": \"1\"}]", ESSENTIAL, NULL,
      1, false },
    { "the fifth entry counts",
      "[{\"action\": \"retry\", \"onExitCode\": \"1\"}, {\"action\": \"retry\", \"onExitCode\":"
      " \"2\"}, {\"action\": \"retry\", \"onExitCode\": \"3\"}, {\"action\": \"retry\","
      " \"onExitCode\": \"4\"}, {\"action\": \"exit\", \"onExitCode\": \"5\"}]",
      ESSENTIAL, NULL, 5, false },
    { "Nextflow: Spot", NEXTFLOW, HOST, NULL, NONE, true },
    { "Nextflow: exit code", NEXTFLOW, ESSENTIAL, NULL, 1, false },
    { "Nextflow: memory", NEXTFLOW, ESSENTIAL, OOM, 137, false },
    { "Nextflow: image", NEXTFLOW, "Task failed to start", "CannotPullContainerError: no", NONE,
      false },
};

static void evaluate_on_exit_5_1(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        retry_rules *rules = retry_parse(cases[i].rules);
        retry_end end = { .status_reason = cases[i].status_reason,
                          .reason = cases[i].reason,
                          .has_exit_code = cases[i].code != NONE,
                          .exit_code = cases[i].code };
        if (retry_allows(rules, &end) != cases[i].again)
            fail_msg("%s: %s", cases[i].name, cases[i].again ? "not retried" : "retried");
        retry_free(rules);
    }
}

/* ---- In the engine ---- */

static void start(world *w)
{
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
}

static void fail_once(world *w, ob_uuid id, int32_t index, int32_t code)
{
    world_exit(w, id, index, code);
    world_round(w);
}

static void default_is_one_attempt_5_1(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    fail_once(w, id, -1, 1);
    assert_story(w, id, -1, "Rsr-");
}

static void attempts_are_counted_in_all_5_1(void **state)
{
    world *w = *state;
    start(w);
    for (int32_t attempts = 2; attempts <= 10; attempts += 4) {
        ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = attempts });
        world_round(w);
        for (int32_t i = 1; i < attempts; i++) {
            fail_once(w, id, -1, 1);
            assert_state(w, id, -1, OB_JOB_STARTING);
            assert_int_equal(world_order(w, ORDER_RUN, id, -1)->attempt, i + 1);
        }
        fail_once(w, id, -1, 7);
        assert_state(w, id, -1, OB_JOB_FAILED);
        assert_non_null(engine_db_attempt(w->db, &id, -1, attempts));
        assert_null(engine_db_attempt(w->db, &id, -1, attempts + 1));
        assert_string_equal(engine_db_row(w->db, &id, -1).reason, ESSENTIAL);
    }
}

static void success_ends_the_retries(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 3 });
    world_round(w);
    fail_once(w, id, -1, 1);
    fail_once(w, id, -1, 0);
    assert_story(w, id, -1, "RsrRsr+");
}

static void exit_action_ends_the_job_5_1(void **state)
{
    world *w = *state;
    start(w);
    engine_terms terms = { .attempts = 5,
                           .on_exit = "[{\"action\": \"exit\", \"onExitCode\": \"42\"}]" };
    ob_uuid id = world_submit_terms(w, 0, NEED1, terms);
    world_round(w);
    fail_once(w, id, -1, 1);
    assert_state(w, id, -1, OB_JOB_STARTING);
    fail_once(w, id, -1, 42);
    assert_story(w, id, -1, "RsrRsr-");
}

static void a_failure_to_start_goes_through_the_rules_5_1(void **state)
{
    world *w = *state;
    start(w);
    engine_terms terms = { .attempts = 3,
                           .on_exit = "[{\"action\": \"EXIT\", \"onReason\": \"CannotStart*\"}]" };
    ob_uuid id = world_submit_terms(w, 0, NEED1, terms);
    world_round(w);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    r.reason = "CannotPullContainerError: no such image";
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_story(w, id, -1, "RsRs");
    r = world_run(w, id, -1, RUN_EXITED);
    r.reason = "CannotStartContainerError: no such file";
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_story(w, id, -1, "RsRs-");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "Task failed to start");
    assert_string_equal(engine_db_attempt(w->db, &id, -1, 2)->container_reason, r.reason);
}

static void a_lost_host_goes_through_the_rules_5_1(void **state)
{
    world *w = *state;
    start(w);
    world_instance(w, "i-2", 1, NEED(1, 16000), OB_INSTANCE_ACTIVE); /* the best fit */
    ob_uuid id =
        world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 2, .on_exit = NEXTFLOW });
    world_round(w);
    assert_string_equal(world_where(w, id, -1), "i-2");
    world_instance(w, "i-2", 1, NEED(1, 16000), OB_INSTANCE_LOST);
    world_round(w);
    assert_story(w, id, -1, "RsRs");
    assert_string_equal(world_where(w, id, -1), "i-1");
    assert_string_equal(engine_db_attempt(w->db, &id, -1, 1)->reason,
                        "Host EC2 (instance i-2) terminated.");
    fail_once(w, id, -1, 1);
    assert_state(w, id, -1, OB_JOB_FAILED);
}

static void a_refused_run_uses_up_no_attempt(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 2 });
    world_round(w);
    for (int i = 0; i < 5; i++) {
        engine_run_report r = world_run(w, id, -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r);
        world_round(w);
        w->now_ms += ENGINE_HOLD_MAX_MS;
        world_round(w);
    }
    assert_int_equal(world_order(w, ORDER_RUN, id, -1)->attempt, 1);
    fail_once(w, id, -1, 1);
    assert_int_equal(world_order(w, ORDER_RUN, id, -1)->attempt, 2);
}

static void a_terminated_job_is_not_retried_5_1(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 5 });
    world_round(w);
    world_running(w, id, -1);
    world_round(w);
    world_stop(w, id, -1, true, "no more");
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_STOP), 1);
    fail_once(w, id, -1, 143);
    assert_story(w, id, -1, "Rsr-");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "no more");
}

static void a_running_job_that_was_cancelled_goes_on_5_3(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 2 });
    world_round(w);
    world_running(w, id, -1);
    world_stop(w, id, -1, false, "never mind");
    fail_once(w, id, -1, 1);
    assert_state(w, id, -1, OB_JOB_STARTING);
    assert_int_equal(engine_db_row(w->db, &id, -1).flags, 0);
}

static void a_job_that_waits_for_its_next_attempt_can_be_cancelled_5_3(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 2 });
    world_round(w);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_DRAINING);
    fail_once(w, id, -1, 1);
    assert_state(w, id, -1, OB_JOB_RUNNABLE);
    world_stop(w, id, -1, false, "enough");
    world_round(w);
    assert_story(w, id, -1, "RsrR-");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "enough");
}

static void children_have_attempts_of_their_own_6_1(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 3, NEED1, (engine_terms){ .attempts = 2 });
    world_round(w);
    fail_once(w, id, 0, 1);
    fail_once(w, id, 1, 0);
    fail_once(w, id, 2, 1);
    fail_once(w, id, 0, 1);
    fail_once(w, id, 2, 0);
    assert_story(w, id, 0, "RsrRsr-");
    assert_story(w, id, 1, "Rsr+");
    assert_story(w, id, 2, "RsrRsr+");
    assert_state(w, id, -1, OB_JOB_FAILED);
}

/* A retried job goes behind what waits, and stays there when another leader loads. */
static void a_retried_job_keeps_its_new_place(void **state)
{
    world *w = *state;
    start(w);
    world_instance(w, "i-1", 1, NEED(1, 1000), OB_INSTANCE_ACTIVE);
    ob_uuid first = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 3 });
    ob_uuid second = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 3 });
    ob_uuid third = world_submit(w, 1, 0, NEED1);
    world_round(w);
    assert_state(w, first, -1, OB_JOB_STARTING);
    fail_once(w, first, -1, 1); /* second, third, first */
    assert_state(w, second, -1, OB_JOB_STARTING);
    world_instance(w, "i-1", 1, NEED(1, 1000), OB_INSTANCE_DRAINING);
    fail_once(w, second, -1, 1); /* third, first, second */
    ob_uuid fourth = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_reload(w);
    start(w);
    world_instance(w, "i-1", 1, NEED(1, 1000), OB_INSTANCE_ACTIVE);
    ob_uuid fifth = world_submit(w, 1, 0, NEED1);
    const ob_uuid expected[] = { third, first, second, fourth, fifth };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        world_round(w);
        assert_state(w, expected[i], -1, OB_JOB_STARTING);
        world_exit(w, expected[i], -1, 0);
    }
}

/* ---- Timeouts ---- */

#define TIMED_OUT "Job attempt duration exceeded timeout"
#define LIMITED ((engine_terms){ .attempts = 3, .timeout_s = 60 })

static void wait_s(world *w, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world_round(w);
        if (world_orders(w, ORDER_STOP) > 0)
            fail_msg("stopped after %d of %d s", i + 1, seconds);
    }
}

static ob_uuid running(world *w, engine_terms terms)
{
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, terms);
    world_round(w);
    world_running(w, id, -1);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_RUNNING);
    return id;
}

static void its_executor_times_it_out_without_another_attempt_5_2(void **state)
{
    world *w = *state;
    ob_uuid id = running(w, LIMITED);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    r.started = r.timed_out = r.has_exit_code = true;
    r.exit_code = 137;
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_story(w, id, -1, "Rsr-");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, TIMED_OUT);
    assert_string_equal(engine_db_attempt(w->db, &id, -1, 1)->reason, TIMED_OUT);
    assert_int_equal(engine_db_attempt(w->db, &id, -1, 1)->exit_code, 137);
}

static void the_scheduler_times_it_out_when_its_executor_does_not_5_2(void **state)
{
    for (int32_t code = 0; code < 2; code++) {
        world *w = *state;
        ob_uuid id = running(w, LIMITED);
        assert_true(engine_next_timeout(w->e) == w->steady_ms + 60000 + ENGINE_TIMEOUT_MARGIN_MS);
        w->now_ms += 3600000; /* a clock that is set changes nothing */
        wait_s(w, 60 + ENGINE_TIMEOUT_MARGIN_MS / 1000 - 1);
        world_round(w);
        assert_non_null(world_order(w, ORDER_STOP, id, -1));
        assert_state(w, id, -1, OB_JOB_RUNNING);
        assert_true(engine_next_timeout(w->e) == INT64_MAX);
        world_exit(w, id, -1, code); /* however it ends */
        world_round(w);
        assert_story(w, id, -1, "Rsr-");
        assert_string_equal(engine_db_row(w->db, &id, -1).reason, TIMED_OUT);
        world_reload(w);
    }
}

static void a_timeout_outlives_the_scheduler_5_2(void **state)
{
    world *w = *state;
    ob_uuid id = running(w, LIMITED);
    wait_s(w, 100);
    world_reload(w);
    start(w);
    wait_s(w, 19);
    world_round(w);
    assert_non_null(world_order(w, ORDER_STOP, id, -1));
    world_reload(w);
    start(w);
    engine_run_report r = world_run(w, id, -1, RUN_RUNNING);
    engine_registered(w->e, "i-1", &r, 1);
    world_round(w);
    assert_non_null(world_order(w, ORDER_STOP, id, -1)); /* it may have been lost */
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LOST);
    world_round(w);
    assert_story(w, id, -1, "Rsr-");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, TIMED_OUT);
}

static void each_attempt_has_its_whole_time_5_2(void **state)
{
    world *w = *state;
    ob_uuid id = running(w, LIMITED);
    wait_s(w, 100);
    fail_once(w, id, -1, 1);
    wait_s(w, 100); /* STARTING is not counted */
    world_running(w, id, -1);
    wait_s(w, 120);
    world_round(w);
    assert_non_null(world_order(w, ORDER_STOP, id, -1));
}

static void terminated_before_its_time_is_over_5_3(void **state)
{
    world *w = *state;
    ob_uuid id = running(w, LIMITED);
    world_stop(w, id, -1, true, "enough");
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_STOP), 1);
    wait_s(w, 200);
    world_exit(w, id, -1, 137);
    world_round(w);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "enough");
}

static void terms_are_kept_once_and_forgotten(void **state)
{
    world *w = *state;
    start(w);
    for (int32_t round = 0; round < 3; round++) {
        ob_uuid ids[40];
        for (int32_t i = 0; i < 40; i++)
            ids[i] = world_submit_terms(w, i % 2 ? 2 : 0, NEED(100, 100),
                                        (engine_terms){ .attempts = 2, .timeout_s = 60 + i % 5 });
        world_round(w);
        world_reload(w);
        start(w);
        world_round(w);
        for (int32_t i = 0; i < 40; i++)
            world_stop(w, ids[i], -1, true, "enough");
        world_round(w);
        for (int32_t i = 0; i < 40; i++)
            assert_state(w, ids[i], -1, OB_JOB_FAILED);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        TEST(evaluate_on_exit_5_1),
        TEST(default_is_one_attempt_5_1),
        TEST(attempts_are_counted_in_all_5_1),
        TEST(success_ends_the_retries),
        TEST(exit_action_ends_the_job_5_1),
        TEST(a_failure_to_start_goes_through_the_rules_5_1),
        TEST(a_lost_host_goes_through_the_rules_5_1),
        TEST(a_refused_run_uses_up_no_attempt),
        TEST(a_terminated_job_is_not_retried_5_1),
        TEST(a_running_job_that_was_cancelled_goes_on_5_3),
        TEST(a_job_that_waits_for_its_next_attempt_can_be_cancelled_5_3),
        TEST(children_have_attempts_of_their_own_6_1),
        TEST(a_retried_job_keeps_its_new_place),
        TEST(its_executor_times_it_out_without_another_attempt_5_2),
        TEST(the_scheduler_times_it_out_when_its_executor_does_not_5_2),
        TEST(a_timeout_outlives_the_scheduler_5_2),
        TEST(each_attempt_has_its_whole_time_5_2),
        TEST(terminated_before_its_time_is_over_5_3),
        TEST(terms_are_kept_once_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
