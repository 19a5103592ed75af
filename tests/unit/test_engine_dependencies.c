/* Dependencies: which jobs wait, continue or fail. Named after the rows of AWS's user guide, "Job
 * dependencies" and "Array job dependencies". */
#include "engine_world.h"

#include <stdio.h>

#define BIG NEED(400, 160000)
#define REASON "Dependent Job failed"
#define ON(job_)                                                                                   \
    {                                                                                              \
        .id = (job_), .index = -1                                                                  \
    }
#define ON_CHILD(job_, index_)                                                                     \
    {                                                                                              \
        .id = (job_), .index = (index_)                                                            \
    }
#define N_TO_N(job_)                                                                               \
    {                                                                                              \
        .id = (job_), .index = -1, .type = OB_DEP_N_TO_N                                           \
    }
#define SEQUENTIAL                                                                                 \
    {                                                                                              \
        .index = -1, .type = OB_DEP_SEQUENTIAL                                                     \
    }

static void start(world *w)
{
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_queue(w, 2, 2, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
}

static void exits(world *w, ob_uuid id, int32_t index, int32_t code)
{
    world_exit(w, id, index, code);
    world_round(w);
}

static void again(world *w)
{
    world_reload(w);
    start(w);
    world_round(w);
    assert_int_equal(w->effects.n_events, 0);
}

static void assert_reason(world *w, ob_uuid id, int32_t index, const char *reason)
{
    assert_state(w, id, index, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &id, index).reason, reason);
}

static void waits_until_the_job_succeeded_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 2, 0, AFTER(ON(a)), 1); /* of another queue */
    world_round(w);
    assert_state(w, b, -1, OB_JOB_PENDING);
    again(w);
    world_running(w, a, -1);
    world_round(w);
    assert_state(w, b, -1, OB_JOB_PENDING);
    exits(w, a, -1, 0);
    assert_story(w, b, -1, "PRs");
    assert_int_equal(engine_db_row(w->db, &b, -1).waits, 0);
}

static void waits_for_all_of_twenty_6_2(void **state)
{
    world *w = *state;
    start(w);
    engine_dependency deps[ENGINE_MAX_DEPENDENCIES];
    for (size_t i = 0; i < ENGINE_MAX_DEPENDENCIES; i++)
        deps[i] =
            (engine_dependency){ .id = world_submit(w, 1 + i % 2, 0, NEED(1, 100)), .index = -1 };
    ob_uuid b = world_submit_after(w, 1, 0, deps, ENGINE_MAX_DEPENDENCIES);
    world_round(w);
    for (size_t i = 0; i < ENGINE_MAX_DEPENDENCIES; i++) {
        assert_state(w, b, -1, OB_JOB_PENDING);
        exits(w, deps[i].id, -1, 0);
        if (i == 10)
            again(w);
    }
    assert_story(w, b, -1, "PRs");
}

static void one_that_failed_fails_it_and_so_on_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100)), x = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON(x), ON(a)), 2);
    ob_uuid c = world_submit_after(w, 1, 5, AFTER(ON(b)), 1);
    ob_uuid d = world_submit_after(w, 1, 0, AFTER(ON(c)), 1);
    world_round(w);
    again(w);
    exits(w, a, -1, 1);
    assert_story(w, b, -1, "P-");
    assert_reason(w, b, -1, REASON);
    assert_reason(w, c, -1, REASON);
    assert_reason(w, c, 4, REASON);
    assert_reason(w, d, -1, REASON);
    exits(w, x, -1, 0);
    assert_reason(w, b, -1, REASON);
}

/* A chain as long as it likes: no recursion. */
static void a_long_chain_fails_at_once(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid first = world_submit(w, 1, 0, NEED(1, 100)), last = first;
    for (int i = 0; i < 3000; i++)
        last = world_submit_after(w, 1, 0, AFTER(ON(last)), 1);
    world_round(w);
    exits(w, first, -1, 1);
    assert_reason(w, last, -1, REASON);
    assert_int_equal(engine_db_unended(w->db), 0);
}

static void already_succeeded_counts_as_met_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100)), b = world_submit(w, 1, 2, NEED(1, 100));
    world_round(w);
    world_exit(w, b, 0, 0);
    world_exit(w, b, 1, 0);
    exits(w, a, -1, 0);
    ob_uuid c = world_submit_after(w, 1, 0, AFTER(ON(a), ON(b), ON_CHILD(b, 1)), 3);
    ob_uuid d = world_submit_after(w, 1, 2, AFTER(N_TO_N(b)), 1);
    world_round(w);
    assert_story(w, c, -1, "Rs");
    assert_story(w, d, 1, "Rs");
}

static void already_failed_or_unknown_fails_at_once_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100)), live = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    exits(w, a, -1, 1);
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON(live), ON(a)), 2);
    ob_uuid c = world_submit_after(w, 1, 3, AFTER(ON(a)), 1);
    ob_uuid d = world_submit_after(w, 1, 0, AFTER(ON(b)), 1); /* fails in this round */
    engine_dependency gone = { .id = world_id(999999), .index = -1 };
    engine_submission s = { .id = world_id(w->next_id++),
                            .queue_id = 1,
                            .created_at_ms = w->now_ms,
                            .deps = &gone,
                            .n_deps = 1 };
    engine_submission without = s;
    without.n_deps = 0; /* the database in memory knows it as a job, not what it waits for */
    engine_db_accept(w->db, &without);
    engine_submit(w->e, &s);
    world_round(w);
    assert_story(w, b, -1, "P-");
    assert_reason(w, b, -1, REASON);
    assert_reason(w, c, -1, REASON);
    assert_reason(w, c, 2, REASON);
    assert_reason(w, d, -1, REASON);
    assert_reason(w, s.id, -1, REASON);
}

static void on_an_array_waits_for_all_its_children_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 3, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON(a)), 1);
    ob_uuid c = world_submit_after(w, 1, 2, AFTER(ON(a)), 1);
    world_round(w);
    assert_state(w, c, -1, OB_JOB_PENDING);
    assert_state(w, c, 1, OB_JOB_PENDING);
    assert_int_equal(engine_db_row(w->db, &c, -1).counts[OB_JOB_PENDING], 2);
    assert_false(engine_db_row(w->db, &c, 1).live); /* one range, no rows */
    exits(w, a, 0, 0);
    exits(w, a, 2, 0);
    again(w);
    assert_state(w, b, -1, OB_JOB_PENDING);
    exits(w, a, 1, 0);
    assert_story(w, b, -1, "PRs");
    assert_story(w, c, -1, "P");
    assert_story(w, c, 0, "PRs");
}

static void a_failed_child_fails_who_depends_on_the_array_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 2, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON(a)), 1);
    world_round(w);
    exits(w, a, 0, 1);
    assert_state(w, b, -1, OB_JOB_PENDING);
    exits(w, a, 1, 0);
    assert_reason(w, b, -1, REASON);
}

static void on_a_child_waits_for_that_child_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 3, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON_CHILD(a, 1)), 1);
    ob_uuid c = world_submit_after(w, 1, 0, AFTER(ON_CHILD(a, 2)), 1);
    world_round(w);
    exits(w, a, 0, 1);
    assert_state(w, b, -1, OB_JOB_PENDING);
    again(w);
    ob_uuid e = world_submit_after(w, 1, 0, AFTER(ON_CHILD(a, 0)), 1); /* of a living array */
    ob_uuid f = world_submit_after(w, 1, 3, AFTER(N_TO_N(a)), 1);
    exits(w, a, 1, 0);
    assert_reason(w, e, -1, REASON);
    assert_reason(w, f, 0, REASON);
    assert_state(w, f, 2, OB_JOB_PENDING);
    assert_story(w, b, -1, "PRs");
    world_stop(w, a, 2, true, "stop");
    exits(w, a, 2, 143);
    assert_reason(w, c, -1, REASON);
    ob_uuid d = world_submit_after(w, 1, 0, AFTER(ON_CHILD(a, 1)), 1);
    ob_uuid x = world_submit_after(w, 1, 0, AFTER(ON_CHILD(a, 0)), 1);
    world_round(w);
    assert_story(w, d, -1, "Rs");
    assert_reason(w, x, -1, REASON);
}

static void sequential_children_run_one_after_the_other_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit_after(w, 1, 5, AFTER(SEQUENTIAL), 1);
    world_round(w);
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(engine_db_row(w->db, &a, -1).counts[OB_JOB_PENDING], 4 - i);
        assert_story(w, a, i, "PRs");
        again(w);
        exits(w, a, i, 0);
    }
    assert_state(w, a, -1, OB_JOB_SUCCEEDED);
}

static void the_rest_of_a_sequence_fails_with_one_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit_after(w, 1, 200, AFTER(SEQUENTIAL), 1);
    ob_uuid b = world_submit_after(w, 1, 9, AFTER(SEQUENTIAL), 1);
    world_round(w);
    exits(w, a, 0, 0);
    exits(w, a, 1, 1);
    assert_string_equal(engine_db_row(w->db, &a, 1).reason, "Essential container in task exited");
    for (int32_t i = 2; i < 200; i++)
        assert_reason(w, a, i, REASON);
    assert_reason(w, a, -1, "Array Child Job failed");
    assert_true(w->effects.n_done < 5); /* in one move */
    /* One in the middle is cancelled: what comes behind fails, what is before goes on. */
    world_stop(w, b, 4, false, "not this one");
    world_round(w);
    assert_reason(w, b, 4, "not this one");
    assert_reason(w, b, 5, REASON);
    assert_reason(w, b, 8, REASON);
    again(w);
    for (int32_t i = 0; i < 4; i++) {
        assert_state(w, b, i, OB_JOB_STARTING);
        exits(w, b, i, 0);
    }
    assert_reason(w, b, -1, "Array Child Job failed");
    assert_int_equal(engine_db_row(w->db, &b, -1).counts[OB_JOB_SUCCEEDED], 4);
}

static void a_child_waits_for_its_like_n_to_n_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit(w, 1, 4, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 2, 4, AFTER(N_TO_N(a)), 1);
    ob_uuid c = world_submit_after(w, 1, 4, AFTER(N_TO_N(b), N_TO_N(a)), 2);
    world_round(w);
    exits(w, a, 2, 0);
    assert_story(w, b, 2, "PRs");
    assert_state(w, b, 1, OB_JOB_PENDING);
    assert_state(w, c, 2, OB_JOB_PENDING);
    again(w);
    exits(w, b, 2, 0);
    assert_story(w, c, 2, "PRs");
    exits(w, a, 1, 1); /* takes along 1, and only 1 */
    assert_reason(w, b, 1, REASON);
    assert_reason(w, c, 1, REASON);
    assert_state(w, b, 0, OB_JOB_PENDING);
    again(w);
    exits(w, a, 0, 0);
    exits(w, a, 3, 0);
    assert_reason(w, a, -1, "Array Child Job failed");
    exits(w, b, 0, 0);
    exits(w, b, 3, 0);
    exits(w, c, 0, 0);
    exits(w, c, 2, 0);
    exits(w, c, 3, 0);
    assert_reason(w, c, -1, "Array Child Job failed");
    assert_int_equal(engine_db_row(w->db, &c, -1).counts[OB_JOB_SUCCEEDED], 3);
    /* On what has ended by now. */
    ob_uuid d = world_submit_after(w, 1, 4, AFTER(N_TO_N(a)), 1);
    world_round(w);
    assert_reason(w, d, 1, REASON);
    assert_story(w, d, 3, "Rs");
}

static void n_to_n_fails_whole_with_a_cancelled_array_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid x = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid a = world_submit_after(w, 1, 100, AFTER(ON(x)), 1);
    ob_uuid b = world_submit_after(w, 1, 100, AFTER(N_TO_N(a)), 1);
    world_round(w);
    world_stop(w, a, -1, false, "no");
    world_round(w);
    assert_reason(w, a, -1, "no");
    assert_reason(w, b, -1, "Array Child Job failed");
    assert_reason(w, b, 99, REASON);
    assert_int_equal(w->effects.n_done, 2);
}

static void types_may_be_mixed_6_2(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid x = world_submit(w, 1, 0, NEED(1, 100)), a = world_submit(w, 1, 3, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 3, AFTER(N_TO_N(a), SEQUENTIAL, ON(x)), 3);
    world_round(w);
    exits(w, a, 0, 0);
    exits(w, a, 1, 0);
    assert_int_equal(engine_db_row(w->db, &b, -1).counts[OB_JOB_PENDING], 3);
    again(w);
    exits(w, x, -1, 0);
    assert_story(w, b, 0, "PRs");
    assert_state(w, b, 1, OB_JOB_PENDING);
    exits(w, b, 0, 0);
    assert_story(w, b, 1, "PRs");
    exits(w, b, 1, 0);
    assert_state(w, b, 2, OB_JOB_PENDING); /* its like in the other array runs still */
    exits(w, a, 2, 0);
    assert_story(w, b, 2, "PRs");
}

static void cancel_and_terminate_end_what_is_pending_at_once_5_3(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid x = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    for (int terminate = 0; terminate < 2; terminate++) {
        ob_uuid a = world_submit_after(w, 1, 0, AFTER(ON(x)), 1);
        ob_uuid b = world_submit_after(w, 1, 3, AFTER(ON(x)), 1);
        ob_uuid c = world_submit_after(w, 1, 3, AFTER(ON(x)), 1);
        ob_uuid d = world_submit_after(w, 1, 0, AFTER(ON(a)), 1);
        world_round(w);
        world_stop(w, a, -1, terminate, "a");
        world_stop(w, b, -1, terminate, "b");
        world_stop(w, c, 1, terminate, "c");
        world_round(w);
        assert_story(w, a, -1, "P-");
        assert_reason(w, a, -1, "a");
        assert_int_equal(engine_db_row(w->db, &a, -1).flags, terminate ? 2 : 1);
        assert_reason(w, b, -1, "b");
        assert_reason(w, b, 2, "b");
        assert_reason(w, c, 1, "c");
        assert_state(w, c, 0, OB_JOB_PENDING);
        assert_reason(w, d, -1, REASON);
        again(w);
        world_stop(w, c, -1, terminate, "c");
        world_round(w);
        assert_state(w, c, -1, OB_JOB_FAILED);
    }
    exits(w, x, -1, 0);
    assert_int_equal(engine_db_unended(w->db), 0);
}

static void retries_come_before_the_end_that_counts(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid a = world_submit_terms(w, 0, NEED(1, 100), (engine_terms){ .attempts = 2 });
    ob_uuid b = world_submit_after(w, 1, 0, AFTER(ON(a)), 1);
    world_round(w);
    exits(w, a, -1, 1);
    assert_state(w, b, -1, OB_JOB_PENDING);
    exits(w, a, -1, 0);
    assert_story(w, b, -1, "PRs");
}

static void released_jobs_keep_their_place(void **state)
{
    world *w = *state;
    start(w);
    world_instance(w, "i-1", 1, NEED(1, 1000), OB_INSTANCE_ACTIVE);
    ob_uuid a = world_submit(w, 1, 0, NEED(1, 100));
    ob_uuid b = world_submit_after(w, 1, 2, AFTER(ON(a)), 1),
            c = world_submit(w, 1, 0, NEED(1, 100));
    world_round(w);
    exits(w, a, -1, 0); /* b came before c */
    assert_state(w, b, 0, OB_JOB_STARTING);
    exits(w, b, 0, 0);
    assert_state(w, b, 1, OB_JOB_STARTING);
    exits(w, b, 1, 0);
    assert_state(w, c, -1, OB_JOB_STARTING);
}

static void a_deleted_queue_ends_what_is_pending(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid x = world_submit(w, 2, 0, NEED(1, 100));
    ob_uuid a = world_submit_after(w, 1, 0, AFTER(ON(x)), 1);
    ob_uuid b = world_submit_after(w, 1, 3, AFTER(ON(x)), 1);
    world_round(w);
    engine_put_queue(
        w->e,
        &(engine_queue){ .id = 1, .name = "queue", .deleting = true, .ces = { 1 }, .n_ces = 1 });
    world_round(w);
    assert_reason(w, a, -1, "JobQueue deleted");
    assert_reason(w, b, -1, "JobQueue deleted");
    assert_true(engine_queue_empty(w->e, 1));
}

static void a_submission_that_cannot_be_fails_with_its_reason(void **state)
{
    world *w = *state;
    start(w);
    for (int32_t size = 0; size < 4; size += 3) {
        engine_submission s = { .id = world_id(w->next_id++),
                                .queue_id = 1,
                                .array_size = size,
                                .created_at_ms = w->now_ms,
                                .failure = "Container Overrides length must be at most 8192" };
        engine_db_accept(w->db, &s);
        engine_submit(w->e, &s);
        world_round(w);
        assert_reason(w, s.id, -1, s.failure);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)
    const struct CMUnitTest tests[] = {
        TEST(waits_until_the_job_succeeded_6_2),
        TEST(waits_for_all_of_twenty_6_2),
        TEST(one_that_failed_fails_it_and_so_on_6_2),
        TEST(a_long_chain_fails_at_once),
        TEST(already_succeeded_counts_as_met_6_2),
        TEST(already_failed_or_unknown_fails_at_once_6_2),
        TEST(on_an_array_waits_for_all_its_children_6_2),
        TEST(a_failed_child_fails_who_depends_on_the_array_6_2),
        TEST(on_a_child_waits_for_that_child_6_2),
        TEST(sequential_children_run_one_after_the_other_6_2),
        TEST(the_rest_of_a_sequence_fails_with_one_6_2),
        TEST(a_child_waits_for_its_like_n_to_n_6_2),
        TEST(n_to_n_fails_whole_with_a_cancelled_array_6_2),
        TEST(types_may_be_mixed_6_2),
        TEST(cancel_and_terminate_end_what_is_pending_at_once_5_3),
        TEST(retries_come_before_the_end_that_counts),
        TEST(released_jobs_keep_their_place),
        TEST(a_deleted_queue_ends_what_is_pending),
        TEST(a_submission_that_cannot_be_fails_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
