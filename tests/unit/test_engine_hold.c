/* Instances that get no new runs for a while, because starts fail there while others succeed, or
 * because their container engine does not work; and instances that are not to blame. (Refusals:
 * test_engine_report.c) */
#include "engine_world.h"
#include "ob/mem.h"

#define ONE NEED(1, 100)
#define SIZE NEED(4, 4000)
#define FAILS "CannotStartContainerError: containerd.sock: connection refused"

static void put(world *w)
{
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
}

static ob_uuid submit(world *w, int64_t kind)
{
    return world_submit_terms(w, 0, ONE, (engine_terms){ .kind = kind });
}

static void fails(world *w, ob_uuid id)
{
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    r.reason = FAILS;
    engine_report(w->e, world_where(w, id, -1), &r);
}

/* 'n' jobs of a kind; those placed on i-1 fail to start when it is a black hole, those of a bad
 * kind do everywhere, the others run and end. Returns how many were placed on i-1. */
static int turn(world *w, int n, int64_t kind, bool black_hole, bool bad)
{
    ob_uuid ids[16];
    int on_first = 0;
    for (int i = 0; i < n; i++)
        ids[i] = submit(w, kind);
    world_round(w);
    for (int i = 0; i < n; i++) {
        if (world_state(w, ids[i], -1) != OB_JOB_STARTING) {
            world_stop(w, ids[i], -1, true, "over");
            continue;
        }
        bool first = strcmp(world_where(w, ids[i], -1), "i-1") == 0;
        on_first += first;
        if (bad || (first && black_hole))
            fails(w, ids[i]);
        else
            world_exit(w, ids[i], -1, 0);
    }
    world_round(w);
    return on_first;
}

static size_t held(const world *w)
{
    engine_stats stats;
    engine_stats_get(w->e, &stats);
    return stats.held;
}

static void an_instance_on_which_starts_fail_while_others_succeed_is_held_off(void **state)
{
    world *w = *state;
    put(w);
    assert_int_equal(turn(w, 8, 7, false, false), 4);
    assert_int_equal(turn(w, 8, 7, true, false), 4);
    assert_int_equal(held(w), 1);
    static const int64_t holds[] = { 5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
    for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
        int64_t until = w->now_ms + holds[i];
        w->now_ms = until - 3000;
        assert_int_equal(turn(w, 8, 7, true, false), 0);
        assert_int_equal(w->now_ms, until - 1000);
        /* Tried with one run, whatever waits. */
        assert_int_equal(turn(w, 8, 7, true, false), 1);
        assert_int_equal(held(w), 1);
    }
    w->now_ms += ENGINE_SUSPECT_MAX_MS;
    assert_int_equal(turn(w, 8, 7, false, false), 1);
    assert_int_equal(held(w), 0);
    assert_int_equal(turn(w, 8, 7, false, false), 4);
}

/* 8 jobs of kind 7, placed. *ret_last: the last of those on i-1. Returns how many are there. */
static int submit_eight(world *w, ob_uuid ids[8], ob_uuid *ret_last)
{
    int on_first = 0;
    for (int i = 0; i < 8; i++)
        ids[i] = submit(w, 7);
    world_round(w);
    for (int i = 0; i < 8; i++)
        if (world_state(w, ids[i], -1) == OB_JOB_STARTING &&
            strcmp(world_where(w, ids[i], -1), "i-1") == 0) {
            on_first++;
            *ret_last = ids[i];
        }
    return on_first;
}

static void a_start_that_works_does_not_end_the_second_after_a_refusal(void **state)
{
    world *w = *state;
    ob_uuid ids[8], late, trial, more[8];
    put(w);
    (void)turn(w, 8, 7, false, false);
    assert_int_equal(submit_eight(w, ids, &late), 4);
    for (int i = 0; i < 8; i++)
        if (strcmp(world_where(w, ids[i], -1), "i-2") == 0)
            world_running(w, ids[i], -1);
        else if (ob_uuid_cmp(&ids[i], &late) != 0)
            fails(w, ids[i]);
    world_round(w);
    assert_int_equal(held(w), 1);
    w->now_ms += ENGINE_SUSPECT_MIN_MS;
    assert_int_equal(submit_eight(w, more, &trial), 1);
    engine_run_report refused = world_run(w, late, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &refused);
    world_running(w, trial, -1);
    world_round(w);
    assert_int_equal(held(w), 1);
    assert_int_equal(world_orders(w, ORDER_RUN), 0);
    w->now_ms += ENGINE_HOLD_MIN_MS;
    world_round(w);
    assert_int_equal(held(w), 0);
    assert_int_equal(world_orders(w, ORDER_RUN), 3);
}

static void it_is_said_and_in_the_end_asked_for_elsewhere(void **state)
{
    world *w = *state;
    put(w);
    (void)turn(w, 8, 7, false, false);
    (void)turn(w, 8, 7, true, false);
    ob_resources large = NEED(4, 400);
    engine_terms terms = { .kind = 7 };
    ob_uuid busy = world_submit_terms(w, 0, large, terms);
    ob_uuid waits = world_submit_terms(w, 0, large, terms);
    world_round(w);
    assert_string_equal(world_where(w, busy, -1), "i-2");
    assert_string_equal(engine_db_class_reason(w->db, 1, &large),
                        "Waiting for 4 vCPUs and 400 MiB: jobs fail to start on instance i-1 of "
                        "compute environment \"ce1\" (" FAILS "); it will be tried again soon");
    const effect_demand *d = world_demand(w, 1);
    assert_true(!d || d->n_shapes == 0);
    for (int i = 0; i < 3; i++) { /* 10, 20, 40 s */
        effect_shape none;
        assert_int_equal(engine_ce_demand(w->e, 1, &none, 1), 0);
        w->now_ms += 40000;
        world_round(w);
        assert_string_equal(world_where(w, waits, -1), "i-1");
        fails(w, waits);
        world_round(w);
        waits = world_submit_terms(w, 0, large, terms);
        world_round(w);
    }
    effect_shape shape;
    assert_int_equal(engine_ce_demand(w->e, 1, &shape, 1), 1);
}

static void a_bad_image_holds_off_nobody(void **state)
{
    world *w = *state;
    put(w);
    for (int i = 0; i < 10; i++) {
        (void)turn(w, 8, 7, false, false);
        assert_int_equal(turn(w, 8, 8, false, true), 4); /* a kind that never starts */
        assert_int_equal(held(w), 0);
    }
    /* A bad command of a kind that starts otherwise: it fails everywhere. */
    for (int i = 0; i < 10; i++) {
        (void)turn(w, 8, 7, false, false);
        for (int k = 0; k < 5; k++) {
            assert_int_equal(turn(w, 8, 7, false, true), 4);
            assert_int_equal(held(w), 0);
        }
    }
}

static void one_job_that_fails_again_and_again_is_not_enough(void **state)
{
    world *w = *state;
    put(w);
    (void)turn(w, 8, 7, false, false);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_DRAINING);
    ob_uuid id = world_submit_terms(w, 0, ONE, (engine_terms){ .attempts = 10, .kind = 7 });
    for (int i = 0; i < 9; i++) {
        world_round(w);
        assert_string_equal(world_where(w, id, -1), "i-1");
        fails(w, id);
        world_round(w);
        assert_int_equal(held(w), 0);
    }
}

static bool kept;

static void note_use(const engine_use *use, void *arg)
{
    (void)arg;
    if (strcmp(use->instance_id, "i-1") == 0)
        kept = use->kept;
}

static void an_unwell_instance_gets_nothing_and_keeps_what_runs(void **state)
{
    world *w = *state;
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    ob_uuid runs = submit(w, 1);
    world_round(w);
    world_running(w, runs, -1);
    engine_unwell(w->e, "i-1", "containerd does not answer");
    ob_uuid waits = submit(w, 1);
    world_round(w);
    ob_resources need = ONE;
    for (int i = 0; i < 2; i++) {
        assert_state(w, runs, -1, OB_JOB_RUNNING);
        assert_state(w, waits, -1, OB_JOB_RUNNABLE);
        assert_string_equal(engine_db_class_reason(w->db, 1, &need),
                            i == 0 ? "Waiting for 1 vCPU and 100 MiB: the container engine of "
                                     "instance i-1 of compute environment \"ce1\" does not work "
                                     "(containerd does not answer)"
                                   : "Waiting for 1 vCPU and 100 MiB: the container engine of "
                                     "instance i-1 of compute environment \"ce1\" does not work "
                                     "(still not)");
        engine_unwell(w->e, "i-1", "still not");
        world_round(w);
    }
    engine_stats stats;
    engine_stats_get(w->e, &stats);
    assert_int_equal(stats.unwell, 1);
    assert_string_equal(stats.unwell_id, "i-1");
    /* Nobody else is asked for while it may be a hiccup. */
    effect_shape shape;
    assert_int_equal(engine_ce_demand(w->e, 1, &shape, 1), 0);
    engine_ce_use(w->e, 1, note_use, NULL);
    assert_false(kept);
    assert_in_range(engine_next_due(w->e), w->now_ms + 1, w->now_ms + ENGINE_UNWELL_LONG_MS);
    w->now_ms = engine_next_due(w->e);
    world_round(w);
    assert_non_null(world_demand(w, 1));
    assert_int_equal(engine_ce_demand(w->e, 1, &shape, 1), 1);
    engine_ce_use(w->e, 1, note_use, NULL);
    assert_true(kept);
    engine_unwell(w->e, "i-1", NULL);
    assert_true(engine_dirty(w->e));
    world_round(w);
    assert_state(w, waits, -1, OB_JOB_STARTING);
    world_exit(w, waits, -1, 0);
    world_exit(w, runs, -1, 0);
    world_round(w);
    engine_unwell(w->e, "i-1", "again");
    engine_drop_instance(w->e, "i-1");
    world_round(w);
    engine_unwell(w->e, "i-1", "who?");
    engine_stats_get(w->e, &stats);
    assert_int_equal(stats.unwell, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        TEST(an_instance_on_which_starts_fail_while_others_succeed_is_held_off),
        TEST(a_start_that_works_does_not_end_the_second_after_a_refusal),
        TEST(it_is_said_and_in_the_end_asked_for_elsewhere),
        TEST(a_bad_image_holds_off_nobody),
        TEST(one_job_that_fails_again_and_again_is_not_enough),
        TEST(an_unwell_instance_gets_nothing_and_keeps_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
