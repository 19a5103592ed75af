/* Large jobs are not passed over for ever, and no capacity is kept longer than needed. */
#include "engine_world.h"

#include <stdio.h>

#include "ob/error.h"

#define SMALL NEED(1, 100)
#define LARGE NEED(4, 400)
#define SIZE NEED(4, 1000)

static const char *reason(const world *w, int64_t queue, ob_resources need)
{
    const char *text = engine_db_class_reason(w->db, queue, &need);
    return text ? text : "";
}

/* Small jobs of 10 s each, one more in 'queue' for each that ends: returns after how many ms 'id'
 * was placed, at most 'most_ms'. */
static int64_t crowd(world *w, int64_t queue, ob_uuid id, int64_t most_ms)
{
    int64_t from = w->now_ms;
    uint64_t first = 1;
    while (w->now_ms - from < most_ms) {
        for (uint64_t n = first; n < w->next_id; n++) {
            ob_uuid job = world_id(n);
            db_row row = engine_db_row(w->db, &job, -1);
            if (ob_uuid_cmp(&job, &id) == 0 || row.state != OB_JOB_STARTING)
                continue;
            /* They end at different times. */
            if ((w->now_ms / 1000 + (int64_t)n) % 10 == 0) {
                world_exit(w, job, -1, 0);
                world_submit(w, queue, 0, SMALL);
            }
        }
        world_round(w);
        if (world_state(w, id, -1) != OB_JOB_RUNNABLE)
            return w->now_ms - from;
    }
    return most_ms;
}

static void put(world *w)
{
    world_ce(w, 1, 8, SIZE);
    world_queue(w, 1, 5, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
}

/* A large job in a queue of small ones. */
static void assert_passed_over_for_a_while(world *w)
{
    for (int i = 0; i < 12; i++)
        world_submit(w, 1, 0, SMALL);
    world_round(w);
    /* Younger small jobs come all the time. */
    ob_uuid large = world_submit(w, 1, 0, LARGE);
    for (int i = 0; i < 12; i++)
        world_submit(w, 1, 0, SMALL);
    int64_t took = crowd(w, 1, large, 600000);
    /* Passed over for the time allowed, then until the last job of one instance has ended. */
    assert_in_range(took, ENGINE_KEEP_AFTER_MS, ENGINE_KEEP_AFTER_MS + 25000);
}

static void a_large_job_is_passed_over_for_a_bounded_time(void **state)
{
    world *w = *state;
    put(w);
    assert_passed_over_for_a_while(w);
}

/* The environment's maximum, not its instances, is what it waits for. */
static void a_large_job_is_not_passed_over_below_a_maximum_for_ever(void **state)
{
    world *w = *state;
    world_unmanaged(w, 1, 5);
    world_queue(w, 1, 5, 1, 0);
    world_instance(w, "i-1", 1, NEED(16, 4000), OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, NEED(16, 4000), OB_INSTANCE_ACTIVE);
    assert_passed_over_for_a_while(w);
}

static void queues_of_less_priority_wait_as_well(void **state)
{
    for (int equal = 0; equal < 2; equal++) {
        world *w = *state;
        put(w);
        world_queue(w, 2, equal ? 5 : 1, 1, 0);
        for (int i = 0; i < 12; i++)
            world_submit(w, 2, 0, SMALL);
        world_round(w);
        ob_uuid large = world_submit(w, 1, 0, LARGE);
        int64_t took = crowd(w, 2, large, 600000);
        assert_in_range(took, ENGINE_KEEP_AFTER_MS, ENGINE_KEEP_AFTER_MS + 25000);
        world_done(w);
        world_init(w);
    }
}

static void a_higher_queue_takes_what_is_kept(void **state)
{
    world *w = *state;
    put(w);
    world_queue(w, 2, 9, 1, 0);
    for (int i = 0; i < 12; i++)
        world_submit(w, 1, 0, SMALL);
    world_round(w);
    ob_uuid large = world_submit(w, 1, 0, LARGE);
    for (int i = 0; i < 12; i++)
        world_submit(w, 2, 0, SMALL);
    assert_int_equal(crowd(w, 2, large, 120000), 120000);
}

static void note_use(const engine_use *use, void *arg)
{
    *(engine_use *)arg = *use;
}

static void what_is_kept_is_said(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 5, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    ob_uuid a = world_submit(w, 1, 0, SMALL), b = world_submit(w, 1, 0, NEED(3, 100));
    world_round(w);
    ob_uuid large = world_submit(w, 1, 0, LARGE);
    ob_uuid small = world_submit(w, 1, 0, SMALL);
    world_round(w);
    world_exit(w, a, -1, 0);
    world_round(w); /* the small one is served first */
    assert_state(w, small, -1, OB_JOB_STARTING);
    assert_int_equal(engine_next_due(w->e), w->now_ms + ENGINE_KEEP_AFTER_MS);
    ob_uuid late = world_submit(w, 1, 0, SMALL);
    world_round(w);
    w->now_ms += ENGINE_KEEP_AFTER_MS;
    world_round(w);
    world_exit(w, small, -1, 0);
    world_round(w);
    assert_state(w, late, -1, OB_JOB_RUNNABLE);
    assert_non_null(strstr(
        reason(w, 1, LARGE),
        "compute environment \"ce1\" keeps its free capacity for this job until there is enough"));
    assert_non_null(strstr(reason(w, 1, SMALL), "at least 1 job ahead"));
    assert_non_null(strstr(reason(w, 1, SMALL), "keeps its free capacity for a larger job"));
    /* To the scaler, so that nothing is packed into it; used is what runs there. */
    engine_use use = { .kept = false };
    engine_ce_use(w->e, 1, note_use, &use);
    assert_true(use.kept);
    assert_int_equal(use.used.mcpu, 3000);
    assert_int_equal(use.used.mem_mib, 100);
    world_exit(w, b, -1, 0);
    world_round(w);
    assert_state(w, large, -1, OB_JOB_STARTING);
    world_exit(w, large, -1, 0);
    world_round(w);
    assert_state(w, late, -1, OB_JOB_STARTING); /* nothing is kept any longer */
    engine_ce_use(w->e, 1, note_use, &use);
    assert_false(use.kept);
}

static void a_stopped_job_keeps_nothing(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 5, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    ob_uuid a = world_submit(w, 1, 0, SMALL);
    world_submit(w, 1, 0, NEED(3, 100));
    world_round(w);
    ob_uuid large = world_submit(w, 1, 0, LARGE);
    ob_uuid small = world_submit(w, 1, 0, SMALL);
    world_exit(w, a, -1, 0);
    world_round(w);
    w->now_ms += ENGINE_KEEP_AFTER_MS;
    world_round(w);
    world_exit(w, small, -1, 0);
    small = world_submit(w, 1, 0, SMALL);
    world_round(w);
    assert_state(w, small, -1, OB_JOB_RUNNABLE);
    world_stop(w, large, -1, false, "no more");
    world_round(w); /* at once: the reasons of its class are gone with the round */
    world_round(w);
    assert_state(w, small, -1, OB_JOB_STARTING);
}

/* No instance is large enough, and small ones take all of maxvCpus: so many of them end that the
 * large one can be launched. */
static void small_instances_make_room_for_a_launch(void **state)
{
    world *w = *state;
    ob_resources shapes[] = { NEED(2, 500), SIZE };
    engine_put_ce(w->e, &(engine_ce){ .id = 1,
                                      .name = "ce1",
                                      .cluster = "c",
                                      .enabled = true,
                                      .valid = true,
                                      .max_vcpus = 8,
                                      .shapes = shapes,
                                      .n_shapes = 2 });
    world_queue(w, 1, 5, 1, 0);
    char id[8] = "i-0";
    for (int i = 0; i < 4; i++, id[2]++)
        world_instance(w, id, 1, NEED(2, 500), OB_INSTANCE_ACTIVE);
    for (int i = 0; i < 8; i++)
        world_submit(w, 1, 0, SMALL);
    world_round(w);
    ob_uuid large = world_submit(w, 1, 0, LARGE);
    for (int i = 0; i < 8; i++)
        world_submit(w, 1, 0, SMALL);
    assert_int_equal(crowd(w, 1, large, 60000), 60000);
    /* Two of the four are empty by now, and nothing but the large job is asked for. */
    engine_stats stats;
    engine_stats_get(w->e, &stats);
    assert_int_equal(stats.placed, 4);
    effect_shape asked[4];
    assert_int_equal(engine_ce_demand(w->e, 1, asked, 4), 1);
    assert_int_equal(asked[0].need.mcpu, 4000);
    /* The scaler gives them back, and launches. */
    for (id[2] = '0'; id[2] < '4'; id[2]++)
        if (engine_db_used(w->db, id).mcpu == 0)
            world_instance(w, id, 1, NEED(2, 500), OB_INSTANCE_TERMINATED);
    world_instance(w, "i-9", 1, SIZE, OB_INSTANCE_LAUNCHING);
    world_round(w);
    world_instance(w, "i-9", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_state(w, large, -1, OB_JOB_STARTING);
    assert_string_equal(world_where(w, large, -1), "i-9");
}

/* ---- FARGATE ---- */

static void an_exact_environment_makes_one_instance_a_job(void **state)
{
    world *w = *state;
    ob_resources shapes[] = { NEED(1, 2048), NEED(2, 4096) };
    engine_put_ce(w->e, &(engine_ce){ .id = 1,
                                      .name = "ce1",
                                      .cluster = "c",
                                      .enabled = true,
                                      .valid = true,
                                      .exact = true,
                                      .max_vcpus = 4,
                                      .shapes = shapes,
                                      .n_shapes = 2 });
    world_queue(w, 1, 5, 1, 0);
    ob_uuid small = world_submit(w, 1, 0, NEED(1, 2048));
    ob_uuid large = world_submit(w, 1, 0, NEED(2, 4096));
    ob_uuid odd = world_submit(w, 1, 0, NEED(1, 3000));
    world_round(w);
    const effect_demand *d = world_demand(w, 1);
    assert_int_equal(d->n_shapes, 2); /* what is no legal size is never asked for */
    assert_int_equal(d->shapes[0].count, 1);
    assert_int_equal(d->shapes[1].count, 1);
    assert_non_null(strstr(reason(w, 1, NEED(1, 3000)), "has no matching Fargate task size"));
    world_instance(w, "i-2", 1, NEED(2, 4096), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_state(w, small, -1, OB_JOB_RUNNABLE); /* it would fit, but it is another's size */
    assert_state(w, large, -1, OB_JOB_STARTING);
    world_instance(w, "i-1", 1, NEED(1, 2048), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_state(w, small, -1, OB_JOB_STARTING);
    assert_state(w, odd, -1, OB_JOB_RUNNABLE);
    for (int i = 0; i < 3; i++)
        world_submit(w, 1, 0, NEED(1, 2048));
    world_round(w);
    /* 3 of 4 vCPUs are taken. */
    assert_int_equal(world_demand(w, 1)->n_shapes, 1);
    world_instance(w, "i-3", 1, NEED(1, 2048), OB_INSTANCE_LAUNCHING);
    world_round(w);
    assert_non_null(strstr(reason(w, 1, NEED(1, 2048)), "an instance is starting"));
    world_instance(w, "i-3", 1, NEED(1, 2048), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_non_null(strstr(reason(w, 1, NEED(1, 2048)), "is at its maximum of 4 vCPUs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_large_job_is_passed_over_for_a_bounded_time, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_large_job_is_not_passed_over_below_a_maximum_for_ever,
                                        world_new, world_free),
        cmocka_unit_test_setup_teardown(queues_of_less_priority_wait_as_well, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_higher_queue_takes_what_is_kept, world_new, world_free),
        cmocka_unit_test_setup_teardown(what_is_kept_is_said, world_new, world_free),
        cmocka_unit_test_setup_teardown(a_stopped_job_keeps_nothing, world_new, world_free),
        cmocka_unit_test_setup_teardown(small_instances_make_room_for_a_launch, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(an_exact_environment_makes_one_instance_a_job, world_new,
                                        world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
