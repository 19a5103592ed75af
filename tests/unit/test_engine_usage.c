/* Points of a queue's use over time; the database of these tests checks their figures. */
#include "engine_world.h"

#define SIZE NEED(4, 4000)
#define NEED1 NEED(1, 100)

static void put(world *w)
{
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
}

/* A round at the time of the next point: it, or NULL. */
static const effect_usage *next_point(world *w)
{
    w->now_ms += ENGINE_USAGE_EVERY_MS - 1000;
    world_round(w);
    assert_true(w->effects.n_usages <= 1);
    return w->effects.n_usages ? &w->effects.usages[0] : NULL;
}

static void there_is_one_point_in_ten_seconds_at_most(void **state)
{
    world *w = *state;
    put(w);
    world_round(w);
    assert_int_equal(w->effects.n_usages, 1); /* nobody knows the one before */
    int points = 0;
    for (int i = 0; i < 60; i++) {
        (void)world_submit(w, 1, 0, NEED1);
        world_round(w);
        points += (int)w->effects.n_usages;
    }
    assert_int_equal(points, 6);
}

static void no_round_is_made_for_a_point(void **state)
{
    world *w = *state;
    put(w);
    world_round(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_exit(w, id, -1, 0);
    world_round(w);
    assert_int_equal(w->effects.n_usages, 0);
    assert_true(engine_next_due(w->e) == INT64_MAX);
    assert_int_equal(next_point(w)->succeeded, 1);
}

static void a_point_comes_when_something_differs_or_after_ten_minutes(void **state)
{
    world *w = *state;
    put(w);
    world_round(w);
    for (int i = 1; i < 60; i++)
        assert_null(next_point(w));
    assert_non_null(next_point(w));
    assert_null(next_point(w));
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    const effect_usage *u = next_point(w);
    assert_int_equal(u->queue_id, 1);
    assert_int_equal(u->at_ms, w->now_ms);
    assert_int_equal(u->mcpu, 1000);
    assert_int_equal(u->placed, 1);
    assert_int_equal(u->waiting, 0);
    assert_null(next_point(w));
    world_exit(w, id, -1, 0);
    assert_int_equal(next_point(w)->mcpu, 0);
}

/* Those that wait, children each; ends since the point before, also those of a bulk. */
static void jobs_and_children_are_counted(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid array = world_submit(w, 1, 100, NEED1), single = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_exit(w, array, 0, 0);
    world_exit(w, array, 1, 1);
    const effect_usage *u = next_point(w);
    assert_int_equal(u->mcpu, 4000);
    assert_int_equal(u->placed, 4);
    assert_int_equal(u->waiting, 95);
    assert_int_equal(u->succeeded, 1);
    assert_int_equal(u->failed, 1);
    assert_null(next_point(w)); /* told once */
    world_stop(w, array, -1, true, "enough");
    u = next_point(w);
    assert_int_equal(u->failed, 94); /* four run on */
    assert_int_equal(u->waiting, 1);
    world_stop(w, single, -1, true, "enough");
    assert_int_equal(next_point(w)->failed, 1);
}

static void a_placement_that_is_taken_back_is_not_counted(void **state)
{
    world *w = *state;
    put(w);
    for (int i = 0; i < 3; i++)
        (void)world_submit(w, 1, 0, NEED1);
    world_decide(w);
    assert_int_equal(w->effects.usages[0].placed, 3);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_DRAINING);
    assert_int_equal(engine_withdraw(w->e, &w->effects), 3);
    assert_int_equal(w->effects.usages[0].placed, 0);
    assert_int_equal(w->effects.usages[0].mcpu, 0);
    assert_int_equal(w->effects.usages[0].waiting, 3);
    world_apply(w);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        T(there_is_one_point_in_ten_seconds_at_most),
        T(no_round_is_made_for_a_point),
        T(a_point_comes_when_something_differs_or_after_ten_minutes),
        T(jobs_and_children_are_counted),
        T(a_placement_that_is_taken_back_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
