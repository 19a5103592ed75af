/* A round whose transaction was refused because instances of its placements were drained meanwhile:
 * only the placements there are taken back. */
#include "engine_world.h"

#define SIZE NEED(4, 4000)

static void put(world *w)
{
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
}

static void what_was_placed_on_a_drained_instance_is_taken_back_and_placed_elsewhere(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid jobs[6];
    for (int i = 0; i < 6; i++)
        jobs[i] = world_submit(w, 1, 0, NEED(1, 100));
    world_decide(w);
    assert_int_equal(w->effects.n_placement_insert, 6);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_DRAINING);
    size_t n = engine_withdraw(w->e, &w->effects);
    assert_in_range(n, 2, 4);
    assert_int_equal(w->effects.n_placement_insert, 6 - n);
    assert_int_equal(world_orders(w, ORDER_RUN), 6 - n);
    assert_int_equal(engine_withdraw(w->e, &w->effects), 0);
    world_apply(w);
    size_t starting = 0;
    for (int i = 0; i < 6; i++) {
        bool placed = world_state(w, jobs[i], -1) == OB_JOB_STARTING;
        starting += placed;
        assert_story(w, jobs[i], -1, placed ? "Rs" : "R");
        if (placed)
            assert_string_equal(world_where(w, jobs[i], -1), "i-2");
    }
    assert_int_equal(starting, 6 - n);
    assert_true(engine_dirty(w->e));
    world_instance(w, "i-3", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_round(w);
    for (int i = 0; i < 6; i++) {
        assert_state(w, jobs[i], -1, OB_JOB_STARTING);
        assert_int_equal(engine_db_row(w->db, &jobs[i], -1).run, 1);
        world_exit(w, jobs[i], -1, 0);
    }
    world_round(w);
    for (int i = 0; i < 6; i++)
        assert_story(w, jobs[i], -1, "Rsr+");
}

static void children_keep_their_counts(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid a = world_submit(w, 1, 5, NEED(1, 100));
    world_decide(w);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_LOST);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_DRAINING);
    assert_int_equal(engine_withdraw(w->e, &w->effects), 5);
    world_apply(w);
    assert_int_equal(engine_db_row(w->db, &a, -1).counts[OB_JOB_RUNNABLE], 5);
    world_reload(w);
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-3", 1, NEED(8, 8000), OB_INSTANCE_ACTIVE);
    world_round(w);
    for (int32_t i = 0; i < 5; i++)
        assert_state(w, a, i, OB_JOB_STARTING);
}

/* Whatever else the round has decided stays: an end, a retry on the way back to an instance that
 * goes, a submission. */
static void the_rest_of_the_round_is_kept(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid ends = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid tries = world_submit_terms(w, 0, SIZE, (engine_terms){ .attempts = 2 });
    world_round(w);
    world_exit(w, ends, -1, 0);
    world_exit(w, tries, -1, 1);
    ob_uuid comes = world_submit(w, 1, 0, NEED(1, 100));
    world_decide(w);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_DRAINING);
    engine_drop_instance(w->e, "i-2");
    assert_int_equal(engine_withdraw(w->e, &w->effects), 2);
    world_apply(w);
    assert_story(w, ends, -1, "Rsr+");
    assert_story(w, tries, -1, "RsrR");
    assert_story(w, comes, -1, "R");
    assert_int_equal(engine_db_row(w->db, &tries, -1).attempt, 1);
    world_instance(w, "i-3", 1, NEED(8, 8000), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_int_equal(engine_db_row(w->db, &tries, -1).run, 2);
    assert_state(w, comes, -1, OB_JOB_STARTING);
}

static void instances_that_are_still_there_keep_what_they_got(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid id = world_submit(w, 1, 0, NEED(1, 100));
    world_decide(w);
    assert_int_equal(engine_withdraw(w->e, &w->effects), 0);
    world_apply(w);
    assert_state(w, id, -1, OB_JOB_STARTING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        TEST(what_was_placed_on_a_drained_instance_is_taken_back_and_placed_elsewhere),
        TEST(children_keep_their_counts),
        TEST(the_rest_of_the_round_is_kept),
        TEST(instances_that_are_still_there_keep_what_they_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
