/* Arrays: one unit while the children are alike, one record for each that differs. */
#include "engine_world.h"

#include <malloc.h>
#include <stdio.h>

#define BIG NEED(4, 16000)
#define NEED1 NEED(1, 100)

static void start(world *w, int32_t vcpus)
{
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    if (vcpus > 0)
        world_instance(w, "i-1", 1, NEED(vcpus, 100000000), OB_INSTANCE_ACTIVE);
}

static void ten_thousand_children_are_one_row_and_two_events(void **state)
{
    world *w = *state;
    start(w, 0);
    ob_uuid id = world_submit(w, 1, 10000, NEED1);
    world_round(w);
    assert_int_equal(w->effects.n_live_insert, 1);
    assert_int_equal(w->effects.n_events, 2);
    assert_int_equal(w->effects.events[0].state, OB_JOB_PENDING);
    assert_true(w->effects.events[0].is_parent);
    assert_int_equal(w->effects.events[1].state, OB_JOB_RUNNABLE);
    assert_int_equal(w->effects.events[1].idx_lo, 0);
    assert_int_equal(w->effects.events[1].idx_hi, 9999);
    assert_state(w, id, -1, OB_JOB_PENDING);
    assert_state(w, id, 4711, OB_JOB_RUNNABLE);
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.waiting, 10000);
    assert_int_equal(s.jobs, 1);
}

static void children_are_placed_in_order_and_the_parent_counts(void **state)
{
    world *w = *state;
    start(w, 3);
    ob_uuid id = world_submit(w, 1, 5, NEED1);
    ob_uuid next = world_submit(w, 1, 0, NEED1);
    world_round(w);
    for (int i = 0; i < 5; i++)
        assert_state(w, id, i, i < 3 ? OB_JOB_STARTING : OB_JOB_RUNNABLE);
    assert_state(w, next, -1, OB_JOB_RUNNABLE);
    assert_int_equal(engine_db_row(w->db, &id, -1).counts[OB_JOB_STARTING], 3);
    assert_int_equal(engine_db_row(w->db, &id, -1).counts[OB_JOB_RUNNABLE], 2);
    for (int i = 0; i < 3; i++)
        world_exit(w, id, i, 0);
    world_round(w);
    assert_state(w, id, 4, OB_JOB_STARTING);
    assert_state(w, next, -1, OB_JOB_STARTING); /* behind the last child */
    world_exit(w, id, 4, 0);
    world_exit(w, id, 3, 0);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_SUCCEEDED);
    assert_story(w, id, -1, "P+");
    assert_story(w, id, 4, "Rsr+");
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "");
    assert_int_equal(engine_db_row(w->db, &id, -1).counts[OB_JOB_SUCCEEDED], 5);
}

static void one_failed_child_fails_the_parent_when_all_have_ended(void **state)
{
    world *w = *state;
    start(w, 8);
    ob_uuid id = world_submit(w, 1, 3, NEED1);
    world_round(w);
    world_exit(w, id, 1, 9);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_PENDING); /* its siblings go on */
    world_exit(w, id, 0, 0);
    world_exit(w, id, 2, 0);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "Array Child Job failed");
    assert_int_equal(engine_db_row(w->db, &id, -1).counts[OB_JOB_SUCCEEDED], 2);
    assert_int_equal(engine_db_row(w->db, &id, -1).flags, 0);
}

static void one_child_of_the_bulk_can_be_cancelled(void **state)
{
    world *w = *state;
    start(w, 0);
    ob_uuid id = world_submit(w, 1, 200, NEED1);
    world_round(w);
    world_stop(w, id, 150, false, "not this one");
    world_stop(w, id, 150, false, "twice");
    world_stop(w, id, 200, false, "there is no such child");
    world_round(w);
    assert_int_equal(w->effects.n_done, 1);
    assert_int_equal(w->effects.n_events, 1);
    db_row row = engine_db_row(w->db, &id, 150);
    assert_int_equal(row.state, OB_JOB_FAILED);
    assert_string_equal(row.reason, "not this one");
    assert_int_equal(row.flags, 1);
    assert_state(w, id, 151, OB_JOB_RUNNABLE);
    world_instance(w, "i-1", 1, NEED(1000, 1000000), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_RUN), 199);
    for (int i = 0; i < 200; i++)
        if (i != 150)
            world_exit(w, id, i, 0);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "Array Child Job failed");
}

static void cancelling_an_array_ends_what_waits_and_lets_run_what_runs(void **state)
{
    world *w = *state;
    start(w, 3);
    ob_uuid id = world_submit(w, 1, 10, NEED1);
    world_stop(w, id, 6, true, "only six");
    world_round(w);
    world_running(w, id, 0);
    world_round(w);
    world_stop(w, id, -1, false, "stop the rest");
    world_round(w);
    /* The bulk, without a hole, as ranges: 3..5 and 7..9. */
    assert_int_equal(w->effects.n_events, 2);
    assert_int_equal(w->effects.events[0].idx_lo, 3);
    assert_int_equal(w->effects.events[0].idx_hi, 5);
    assert_int_equal(w->effects.events[1].idx_lo, 7);
    assert_int_equal(w->effects.events[1].idx_hi, 9);
    assert_int_equal(w->effects.n_done, 0); /* they need no rows */
    assert_int_equal(world_orders(w, ORDER_STOP), 0);
    assert_state(w, id, 0, OB_JOB_RUNNING);
    assert_state(w, id, 1, OB_JOB_STARTING);
    assert_string_equal(engine_db_row(w->db, &id, 8).reason, "stop the rest");
    assert_string_equal(engine_db_row(w->db, &id, 6).reason, "only six");
    world_stop(w, id, 8, false, "it has ended");
    world_exit(w, id, 0, 0);
    /* A run that is given back is not placed again. */
    engine_run_report refused = world_run(w, id, 1, RUN_EXITED);
    engine_report(w->e, "i-1", &refused);
    world_round(w);
    assert_state(w, id, 0, OB_JOB_SUCCEEDED);
    assert_state(w, id, 1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &id, 1).reason, "stop the rest");
    assert_state(w, id, -1, OB_JOB_PENDING);
    world_exit(w, id, 2, 0);
    world_round(w);
    db_row row = engine_db_row(w->db, &id, -1);
    assert_int_equal(row.state, OB_JOB_FAILED);
    assert_string_equal(row.reason, "stop the rest");
    assert_int_equal(row.flags, 1);
    assert_int_equal(row.counts[OB_JOB_SUCCEEDED], 2);
    assert_int_equal(row.bulk_state, OB_JOB_FAILED);
    assert_string_equal(row.bulk_reason, "stop the rest");
}

static void terminating_an_array_stops_what_runs_too(void **state)
{
    world *w = *state;
    start(w, 2);
    ob_uuid id = world_submit(w, 1, 4, NEED1);
    world_round(w);
    world_stop(w, id, -1, true, "all of it");
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_STOP), 2);
    assert_state(w, id, 3, OB_JOB_FAILED);
    world_exit(w, id, 0, 143);
    world_exit(w, id, 1, 0);
    world_round(w);
    assert_state(w, id, -1, OB_JOB_FAILED);
    db_row row = engine_db_row(w->db, &id, -1);
    assert_string_equal(row.reason, "all of it");
    assert_int_equal(row.flags, 2);
    assert_string_equal(engine_db_row(w->db, &id, 1).reason, "all of it");
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.jobs, 0);
}

static void an_array_can_be_stopped_before_it_is_admitted(void **state)
{
    world *w = *state;
    ob_uuid held = world_submit(w, 5, 10, NEED1), part = world_submit(w, 5, 2, NEED1);
    world_round(w);
    world_stop(w, held, -1, false, "never mind");
    world_stop(w, part, 1, false, "one");
    world_round(w);
    assert_story(w, held, -1, "-");
    assert_story(w, held, 9, "-");
    assert_state(w, part, 1, OB_JOB_FAILED);
    assert_state(w, part, 0, OB_JOB_SUBMITTED);
    start(w, 1);
    world_queue(w, 5, 1, 1, 0);
    world_round(w);
    assert_story(w, part, -1, "P");
    assert_story(w, part, 0, "Rs");
    world_exit(w, part, 0, 0);
    world_round(w);
    assert_state(w, part, -1, OB_JOB_FAILED);
    /* All children of a held array, one by one. */
    ob_uuid both = world_submit(w, 6, 2, NEED1);
    world_round(w);
    world_stop(w, both, 0, false, "a");
    world_stop(w, both, 1, false, "b");
    world_round(w);
    assert_state(w, both, -1, OB_JOB_FAILED);
}

static void a_refused_child_keeps_its_place_in_the_queue(void **state)
{
    world *w = *state;
    start(w, 2);
    ob_uuid first = world_submit(w, 1, 4, NEED1);
    ob_uuid second = world_submit(w, 1, 1000, NEED1);
    world_round(w);
    engine_run_report r = world_run(w, first, 1, RUN_EXITED);
    world_instance(w, "i-1", 1, NEED(2, 100000000), OB_INSTANCE_DRAINING);
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_state(w, first, 1, OB_JOB_RUNNABLE);
    world_instance(w, "i-2", 1, NEED(2, 100000000), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_state(w, first, 1, OB_JOB_STARTING); /* run 2, before its siblings 2 and 3 */
    assert_state(w, first, 2, OB_JOB_STARTING);
    assert_state(w, first, 3, OB_JOB_RUNNABLE);
    assert_state(w, second, 0, OB_JOB_RUNNABLE);
    assert_int_equal(engine_db_row(w->db, &first, 1).run, 2);
    assert_int_equal(engine_db_row(w->db, &first, 1).attempt, 1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        T(ten_thousand_children_are_one_row_and_two_events),
        T(children_are_placed_in_order_and_the_parent_counts),
        T(one_failed_child_fails_the_parent_when_all_have_ended),
        T(one_child_of_the_bulk_can_be_cancelled),
        T(cancelling_an_array_ends_what_waits_and_lets_run_what_runs),
        T(terminating_an_array_stops_what_runs_too),
        T(an_array_can_be_stopped_before_it_is_admitted),
        T(a_refused_child_keeps_its_place_in_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
