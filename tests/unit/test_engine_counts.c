/* How many jobs and children of arrays a queue has in each state. What a row says is compared with
 * the rows of the jobs after each round (engine_db_check.c). */
#include "engine_world.h"

#define SIZE NEED(4, 4000)

static void put(world *w)
{
    world_ce(w, 1, 16, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
}

static const int64_t *jobs(const world *w, int64_t queue)
{
    const effect_counts *c = engine_db_counts(w->db, queue);
    assert_non_null(c);
    return c->jobs;
}

static const int64_t *children(const world *w, int64_t queue)
{
    return engine_db_counts(w->db, queue)->children;
}

static void jobs_are_counted_by_queue_and_state(void **state)
{
    world *w = *state;
    put(w);
    world_queue(w, 2, 1, 1, 0);
    for (int i = 0; i < 6; i++)
        (void)world_submit(w, 1, 0, NEED(1, 100));
    (void)world_submit(w, 2, 0, NEED(1, 100));
    world_round(w);
    assert_int_equal(jobs(w, 1)[OB_JOB_STARTING], 4);
    assert_int_equal(jobs(w, 1)[OB_JOB_RUNNABLE], 2);
    assert_int_equal(jobs(w, 2)[OB_JOB_RUNNABLE], 1);
    world_running(w, world_id(1), -1);
    world_exit(w, world_id(2), -1, 0);
    world_exit(w, world_id(3), -1, 1);
    world_round(w);
    assert_int_equal(jobs(w, 1)[OB_JOB_RUNNING], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_SUCCEEDED], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_FAILED], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_STARTING], 3);
    assert_int_equal(jobs(w, 1)[OB_JOB_RUNNABLE], 0);
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++)
        assert_int_equal(children(w, 1)[i], 0);
}

static void a_parent_is_a_job_and_its_children_are_counted_apart(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid a = world_submit(w, 1, 10, NEED(1, 100));
    world_round(w);
    assert_int_equal(jobs(w, 1)[OB_JOB_PENDING], 1);
    assert_int_equal(children(w, 1)[OB_JOB_STARTING], 4);
    assert_int_equal(children(w, 1)[OB_JOB_RUNNABLE], 6);
    world_exit(w, a, 0, 1);
    world_round(w);
    assert_int_equal(children(w, 1)[OB_JOB_FAILED], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_FAILED], 0);
    world_stop(w, a, -1, true, "enough");
    world_round(w); /* the bulk ends at once */
    assert_int_equal(children(w, 1)[OB_JOB_FAILED], 6);
    for (int i = 1; i < 5; i++)
        world_exit(w, a, i, 143);
    world_round(w);
    assert_int_equal(children(w, 1)[OB_JOB_FAILED], 10);
    assert_int_equal(jobs(w, 1)[OB_JOB_FAILED], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_PENDING], 0);
}

static void what_has_ended_stays_counted_under_the_next_leaders(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid ended = world_submit(w, 1, 2, NEED(1, 100));
    ob_uuid lives = world_submit(w, 1, 3, NEED(1, 100));
    world_round(w);
    world_exit(w, ended, 0, 0);
    world_exit(w, ended, 1, 1);
    world_exit(w, lives, 0, 0);
    world_round(w);
    for (int i = 0; i < 3; i++) {
        world_reload(w);
        put(w);
        world_round(w);
        assert_int_equal(jobs(w, 1)[OB_JOB_FAILED], 1);
        assert_int_equal(jobs(w, 1)[OB_JOB_PENDING], 1);
        assert_int_equal(children(w, 1)[OB_JOB_SUCCEEDED], 2);
        assert_int_equal(children(w, 1)[OB_JOB_FAILED], 1);
    }
    world_exit(w, lives, 1, 0);
    world_round(w);
    assert_int_equal(children(w, 1)[OB_JOB_SUCCEEDED], 3);
}

static void a_queue_that_was_not_counted_is_counted_once(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid ended = world_submit(w, 1, 2, NEED(1, 100));
    ob_uuid lives = world_submit(w, 1, 3, NEED(1, 100));
    ob_uuid single = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    world_exit(w, ended, 0, 0);
    world_exit(w, ended, 1, 1);
    world_exit(w, lives, 0, 1);
    world_round(w);
    world_exit(w, single, -1, 0);
    world_round(w);
    effect_counts before = *engine_db_counts(w->db, 1);
    engine_free(w->e);
    w->e = engine_new();
    engine_clock(w->e, w->steady_ms);
    put(w);
    engine_db_load_uncounted(w->db, w->e);
    world_round(w);
    assert_memory_equal(engine_db_counts(w->db, 1)->jobs, before.jobs, sizeof(before.jobs));
    assert_memory_equal(engine_db_counts(w->db, 1)->children, before.children,
                        sizeof(before.children));
}

/* Without an end a row is written once in a second at most, and then as soon as it may. */
static void only_an_end_is_written_at_once(void **state)
{
    world *w = *state;
    put(w);
    (void)world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    assert_int_equal(w->effects.n_counts, 1);
    world_running(w, world_id(1), -1);
    w->now_ms -= 700; /* the next round is 300 ms after the last */
    world_round(w);
    assert_int_equal(w->effects.n_counts, 0);
    assert_int_equal(engine_next_due(w->e), w->now_ms + 700);
    world_exit(w, world_id(1), -1, 0);
    w->now_ms -= 900;
    world_round(w);
    assert_int_equal(w->effects.n_counts, 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_SUCCEEDED], 1);
    world_round(w);
    assert_int_equal(w->effects.n_counts, 0); /* nothing has changed */
}

static void placements_that_are_taken_back_are_not_counted(void **state)
{
    world *w = *state;
    put(w);
    ob_uuid a = world_submit(w, 1, 2, NEED(1, 100));
    (void)world_submit(w, 1, 0, NEED(1, 100));
    world_decide(w);
    assert_int_equal(w->effects.n_placement_insert, 3);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_DRAINING);
    assert_int_equal(engine_withdraw(w->e, &w->effects), 3);
    world_apply(w);
    assert_int_equal(jobs(w, 1)[OB_JOB_RUNNABLE], 1);
    assert_int_equal(jobs(w, 1)[OB_JOB_STARTING], 0);
    assert_int_equal(children(w, 1)[OB_JOB_RUNNABLE], 2);
    assert_state(w, a, 1, OB_JOB_RUNNABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        TEST(jobs_are_counted_by_queue_and_state),
        TEST(a_parent_is_a_job_and_its_children_are_counted_apart),
        TEST(what_has_ended_stays_counted_under_the_next_leaders),
        TEST(a_queue_that_was_not_counted_is_counted_once),
        TEST(only_an_end_is_written_at_once),
        TEST(placements_that_are_taken_back_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
