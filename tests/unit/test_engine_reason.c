/* Reasons: each text has a test that causes it; codes that programs act on appear only for
 * conditions that last. Also what depends on them: time limits, events of blocked queues. */
#include "engine_world.h"

#include <stdio.h>

#define ONE NEED(1, 100)
#define SIZE NEED(4, 16000)

static const char *reason(const world *w, ob_resources need)
{
    const char *text = engine_db_class_reason(w->db, 1, &need);
    return text ? text : "";
}

static engine_ce the_ce(const ob_resources *shape)
{
    return (engine_ce){ .id = 1,
                        .name = "one",
                        .cluster = "c",
                        .enabled = true,
                        .valid = true,
                        .max_vcpus = 16,
                        .shapes = shape,
                        .n_shapes = 1 };
}

static void later(world *w, int64_t ms)
{
    w->now_ms += ms - 1000;
    world_round(w);
}

/* One job at the head, and one environment as given. */
static void put(world *w, const engine_ce *ce)
{
    engine_put_ce(w->e, ce);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, ONE);
    world_round(w);
}

static size_t blocked(const world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->effects.n_events; i++)
        n += w->effects.events[i].blocked;
    return n;
}

#define assert_says(w, need, text) assert_non_null(strstr(reason((w), (need)), (text)))
#define assert_silent(w, need, text) assert_null(strstr(reason((w), (need)), (text)))

static void invalid_environments_ask_for_action(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.valid = false;
    put(w, &ce);
    assert_says(w, ONE, "compute environment \"one\" is not VALID");
    later(w, ENGINE_LASTS_BLOCKED_MS - 1);
    assert_silent(w, ONE, "ACTION_REQUIRED");
    assert_int_equal(engine_next_due(w->e), w->now_ms + 1);
    later(w, 1);
    assert_string_equal(reason(w, ONE),
                        "ACTION_REQUIRED - CE(s) associated with the job queue are invalid.");
    assert_int_equal(blocked(w), 1);
    later(w, 1000);
    assert_int_equal(blocked(w), 0); /* told once */
    ce.valid = true;
    engine_put_ce(w->e, &ce);
    world_round(w); /* cleared at once */
    assert_says(w, ONE, "has no instance yet");
}

static void lacking_capacity_is_told_when_it_lasts(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ob_resources behind = NEED(2, 100);
    const char *why = "InsufficientInstanceCapacity: no m5.large";
    const engine_shortage shortages[] = { { behind, why }, { ONE, why } };
    ce.shortages = shortages;
    ce.n_shortages = 2;
    put(w, &ce);
    world_submit(w, 1, 0, behind);
    later(w, ENGINE_LASTS_BLOCKED_MS / 2);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_LAUNCHING);
    later(w, ENGINE_LASTS_BLOCKED_MS); /* never while an instance boots */
    assert_says(w, ONE, "an instance is starting");
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_TERMINATED);
    world_round(w);
    assert_silent(w, ONE, "CAPACITY");
    later(w, ENGINE_LASTS_BLOCKED_MS);
    assert_string_equal(reason(w, ONE),
                        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the "
                        "capacity requested for instance type [InsufficientInstanceCapacity: no "
                        "m5.large]");
    assert_says(w, behind, "Waiting for 2 vCPUs and 100 MiB, at least 1 job ahead"); /* head only */
}

/* An instance that others will fill is none that is starting for those behind them. */
static void an_instance_that_is_starting_is_said_to_those_it_is_for(void **state)
{
    world *w = *state;
    ob_resources shape = NEED(4, 4000), large = NEED(4, 3000), small = ONE;
    engine_ce ce = the_ce(&shape);
    const engine_shortage shortages[] = { { ONE, "InsufficientInstanceCapacity: all in use" },
                                          { NEED(4, 3000),
                                            "InsufficientInstanceCapacity: all in use" } };
    ce.max_vcpus = 100;
    engine_put_ce(w->e, &ce);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, large);
    world_submit(w, 1, 0, small);
    world_instance(w, "i-1", 1, shape, OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_says(w, large, "an instance is starting");
    assert_says(w, small, "has no instance yet");
    /* What waits for the provider's total says so, also while it gets one after the other. */
    ce.shortages = shortages;
    ce.n_shortages = 1;
    engine_put_ce(w->e, &ce);
    world_round(w);
    assert_says(w, large, "an instance is starting");
    assert_says(w, small, "InsufficientInstanceCapacity: all in use");
    world_submit(w, 1, 5, large);
    ce.n_shortages = 2;
    engine_put_ce(w->e, &ce);
    later(w, ENGINE_LASTS_BLOCKED_MS);
    later(w, ENGINE_LASTS_BLOCKED_MS);
    assert_says(w, large,
                "Waiting for 4 vCPUs and 3000 MiB: compute environment \"one\": "
                "InsufficientInstanceCapacity: all in use");
}

static void nothing_to_launch_is_a_misconfiguration(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.n_shapes = 0;
    put(w, &ce);
    assert_says(w, ONE, "has no instance type that can be launched");
    later(w, ENGINE_LASTS_BLOCKED_MS);
    assert_says(w, ONE, "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - Your compute ");
}

static void an_instance_that_never_comes_is_undetermined(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    put(w, &ce);
    later(w, ENGINE_LASTS_UNKNOWN_MS - 1000);
    assert_says(w, ONE, "has no instance yet");
    later(w, 1000);
    assert_string_equal(reason(w, ONE),
                        "UNDETERMINED - Batch job is blocked, root cause is undetermined.");
}

static void waiting_behind_running_jobs_is_never_a_code(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.max_vcpus = 4;
    engine_put_ce(w->e, &ce);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, NEED(4, 100));
    world_submit(w, 1, 0, ONE);
    world_round(w);
    later(w, 100 * ENGINE_LASTS_UNKNOWN_MS);
    assert_string_equal(reason(w, ONE),
                        "Waiting for 1 vCPU and 100 MiB: compute environment \"one\" is at its "
                        "maximum of 4 vCPUs");
}

static void what_is_lacking_is_named(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.max_vcpus = 100;
    engine_put_ce(w->e, &ce);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, NEED(1, 15900));
    world_round(w);
    world_submit(w, 1, 0, NEED(1, 200));
    world_submit(w, 1, 0, NEED(4, 50));
    world_round(w);
    assert_says(w, NEED(1, 200),
                "instances of compute environment \"one\" have not enough free "
                "memory");
    assert_says(w, NEED(4, 50), "have not enough free vCPUs");
}

static void no_single_instance_has_enough_of_all(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.max_vcpus = 8;
    engine_put_ce(w->e, &ce);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, NEED(3, 1000));
    world_round(w);
    world_submit(w, 1, 0, NEED(2, 15500));
    world_round(w);
    ce.max_vcpus = 100; /* not at its maximum */
    engine_put_ce(w->e, &ce);
    world_submit(w, 1, 0, NEED(2, 10000));
    world_round(w);
    assert_says(w, NEED(2, 10000),
                "the instances of compute environment \"one\" have free resources, but no single "
                "one has enough");
}

static void missing_gpus_are_named(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE, need = ONE;
    shape.gpus = need.gpus = 1;
    engine_ce ce = the_ce(&shape);
    ce.max_vcpus = 100;
    engine_put_ce(w->e, &ce);
    world_instance(w, "i-1", 1, shape, OB_INSTANCE_ACTIVE);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, need);
    world_round(w);
    world_submit(w, 1, 0, need);
    world_round(w);
    assert_says(w, need,
                "Waiting for 1 vCPU, 100 MiB and 1 GPU: the instances of compute environment "
                "\"one\" have not enough free GPUs");
}

static void each_environment_says_why_it_never_can(void **state)
{
    world *w = *state;
    ob_resources small = NEED(2, 1000), large = SIZE, need = NEED(4, 2000);
    engine_ce ce = the_ce(&small), other = the_ce(&large);
    other.id = 2;
    other.name = "two";
    other.max_vcpus = 3;
    engine_put_ce(w->e, &ce);
    engine_put_ce(w->e, &other);
    world_queue(w, 1, 1, 1, 2);
    world_submit(w, 1, 0, need);
    world_round(w);
    assert_string_equal(reason(w, need),
                        "Waiting for 4 vCPUs and 2000 MiB: compute environment \"one\" has no "
                        "instance type that is large enough; compute environment \"two\" is "
                        "limited to 3 vCPUs");
    later(w, ENGINE_LASTS_MISFIT_MS);
    assert_says(w, need, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ");
}

static void a_queue_without_a_known_environment_says_so(void **state)
{
    world *w = *state;
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, ONE);
    world_round(w);
    assert_says(w, ONE, "a compute environment of the job queue is not known yet");
    engine_put_queue(w->e, &(engine_queue){ .id = 1, .name = "queue", .enabled = true });
    world_round(w);
    assert_says(w, ONE, "the job queue has no compute environment");
}

static void unmanaged_environments_say_who_must_act(void **state)
{
    world *w = *state;
    world_unmanaged(w, 1, 0);
    world_queue(w, 1, 1, 1, 0);
    world_submit(w, 1, 0, ONE);
    world_round(w);
    assert_says(w, ONE, "no instance has joined the unmanaged compute environment \"own\"");
    world_instance(w, "i-1", 1, NEED(1, 50), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_says(w, ONE, "no instance of the unmanaged compute environment \"own\" is large enough");
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_string_equal(reason(w, ONE), "");
}

static void an_unmanaged_environment_may_have_a_maximum(void **state)
{
    world *w = *state;
    world_unmanaged(w, 1, 3);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, NEED(4, 1000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, NEED(4, 1000), OB_INSTANCE_ACTIVE);
    world_submit(w, 1, 0, NEED(4, 10));
    ob_uuid first = world_submit(w, 1, 0, NEED(2, 20));
    world_submit(w, 1, 0, NEED(2, 20));
    ob_uuid small = world_submit(w, 1, 0, NEED(1, 10));
    world_round(w);
    assert_says(w, NEED(4, 10), "compute environment \"own\" is limited to 3 vCPUs");
    assert_says(w, NEED(2, 20), "compute environment \"own\" is at its maximum of 3 vCPUs");
    assert_string_equal(reason(w, NEED(1, 10)), "");
    world_exit(w, small, -1, 0);
    world_round(w);
    assert_says(w, NEED(2, 20), "is at its maximum of 3 vCPUs");
    world_exit(w, first, -1, 0);
    world_round(w);
    assert_string_equal(reason(w, NEED(2, 20)), "");
}

static void numbers_of_jobs_ahead_are_told_coarsely(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.enabled = false;
    engine_put_ce(w->e, &ce);
    world_queue(w, 1, 1, 1, 0);
    for (int i = 0; i < 37; i++)
        world_submit(w, 1, 0, ONE);
    world_submit(w, 1, 0, NEED(2, 100));
    world_round(w);
    assert_says(w, NEED(2, 100), "at least 20 jobs ahead");
    for (uint64_t n = 1; n <= 10; n++) {
        world_stop(w, world_id(n), -1, false, "no");
        world_round(w);
        assert_int_equal(w->effects.n_reasons, 0);
    }
    world_submit(w, 1, 500, NEED(3, 100));
    world_submit(w, 1, 0, NEED(4, 100));
    world_round(w);
    assert_says(w, NEED(4, 100), "at least 100 jobs ahead");
}

/* ---- Time limits ---- */

static void put_limited(world *w, int32_t seconds)
{
    static const engine_time_limit wrong = { "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", 600 };
    engine_time_limit limits[2] = { wrong,
                                    { "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", seconds } };
    engine_put_queue(w->e, &(engine_queue){ .id = 1,
                                            .name = "queue",
                                            .enabled = true,
                                            .ces = { 1 },
                                            .n_ces = 1,
                                            .limits = limits,
                                            .n_limits = 2 });
}

static void a_blocked_head_is_cancelled_in_time(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE, never = NEED(1, 99999);
    engine_ce ce = the_ce(&shape);
    engine_put_ce(w->e, &ce);
    put_limited(w, 600);
    ob_uuid first = world_submit(w, 1, 0, never), array = world_submit(w, 1, 3, never);
    world_round(w);
    later(w, ENGINE_LASTS_MISFIT_MS);
    assert_int_equal(blocked(w), 1);
    assert_int_equal(engine_next_due(w->e), w->now_ms + 600000);
    int64_t due = w->now_ms + 600000;
    /* The limit outlives the scheduler. */
    world_reload(w);
    engine_put_ce(w->e, &ce);
    put_limited(w, 600);
    later(w, 300000);
    assert_int_equal(blocked(w), 0);
    assert_int_equal(engine_next_due(w->e), due);
    later(w, due - w->now_ms);
    assert_state(w, first, -1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &first, -1).reason,
                        "Canceled by JobStateTimeLimit action due to reason: "
                        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT");
    assert_state(w, array, -1, OB_JOB_PENDING); /* at the head from now on */
    assert_int_equal(blocked(w), 1);
    later(w, 599000);
    assert_state(w, array, -1, OB_JOB_PENDING);
    later(w, 1000);
    assert_state(w, array, -1, OB_JOB_FAILED);
    assert_state(w, array, 2, OB_JOB_FAILED);
}

static void other_reasons_are_not_limited(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    ce.enabled = false;
    engine_put_ce(w->e, &ce);
    put_limited(w, 600);
    ob_uuid job = world_submit(w, 1, 0, ONE);
    world_round(w);
    later(w, 10000000);
    assert_state(w, job, -1, OB_JOB_RUNNABLE);
    assert_int_equal(blocked(w), 0);
}

static void a_wall_clock_that_jumps_cancels_nothing_and_shows_its_time(void **state)
{
    world *w = *state;
    ob_resources shape = SIZE;
    engine_ce ce = the_ce(&shape);
    engine_put_ce(w->e, &ce);
    put_limited(w, 600);
    ob_uuid first = world_submit(w, 1, 0, NEED(1, 99999));
    world_round(w);
    later(w, ENGINE_LASTS_MISFIT_MS);
    int64_t due = engine_next_due(w->e);
    engine_shown(w->e, 3600000);
    later(w, 1000);
    assert_state(w, first, -1, OB_JOB_RUNNABLE);
    assert_int_equal(engine_next_due(w->e), due);
    world_stop(w, first, -1, true, "enough");
    world_round(w);
    assert_state(w, first, -1, OB_JOB_FAILED);
    assert_int_equal(engine_db_row(w->db, &first, -1).stopped_at_ms, w->now_ms + 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(invalid_environments_ask_for_action, world_new, world_free),
        cmocka_unit_test_setup_teardown(lacking_capacity_is_told_when_it_lasts, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(nothing_to_launch_is_a_misconfiguration, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(an_instance_that_never_comes_is_undetermined, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(waiting_behind_running_jobs_is_never_a_code, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(what_is_lacking_is_named, world_new, world_free),
        cmocka_unit_test_setup_teardown(an_instance_that_is_starting_is_said_to_those_it_is_for,
                                        world_new, world_free),
        cmocka_unit_test_setup_teardown(no_single_instance_has_enough_of_all, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(missing_gpus_are_named, world_new, world_free),
        cmocka_unit_test_setup_teardown(each_environment_says_why_it_never_can, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_queue_without_a_known_environment_says_so, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(an_unmanaged_environment_may_have_a_maximum, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(unmanaged_environments_say_who_must_act, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(numbers_of_jobs_ahead_are_told_coarsely, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_blocked_head_is_cancelled_in_time, world_new, world_free),
        cmocka_unit_test_setup_teardown(a_wall_clock_that_jumps_cancels_nothing_and_shows_its_time,
                                        world_new, world_free),
        cmocka_unit_test_setup_teardown(other_reasons_are_not_limited, world_new, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
