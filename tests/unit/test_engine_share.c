/* Fair share: which share is served next, what is reserved for inactive shares, and what survives
 * the scheduler. */
#include "engine_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ob/error.h"

#define ONE NEED(1, 100)

static ob_uuid submit(world *w, const char *share, int32_t priority, ob_resources need)
{
    engine_submission s = { .id = world_id(w->next_id++),
                            .queue_id = 1,
                            .need = need,
                            .share = share,
                            .priority = priority,
                            .created_at_ms = w->now_ms };
    engine_db_accept(w->db, &s);
    engine_submit(w->e, &s);
    return s.id;
}

static void put_fair(world *w, const engine_policy *policy)
{
    engine_put_queue(w->e, &(engine_queue){ .id = 1,
                                            .name = "queue",
                                            .priority = 1,
                                            .enabled = true,
                                            .ces = { 1 },
                                            .n_ces = 1,
                                            .policy = policy });
}

static void put_world(world *w, int32_t vcpus, const engine_policy *policy)
{
    world_ce(w, 1, vcpus, NEED(vcpus, 100000));
    put_fair(w, policy);
    world_instance(w, "i-1", 1, NEED(vcpus, 100000), OB_INSTANCE_ACTIVE);
}

/* How many of 'n' jobs that follow one another from 'first' on, 'step' apart, are placed. */
static int placed(const world *w, uint64_t first, uint64_t step, int n)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        ob_job_state state = world_state(w, world_id(first + (uint64_t)i * step), -1);
        count += state == OB_JOB_STARTING || state == OB_JOB_RUNNING;
    }
    return count;
}

static void room_is_divided_by_weight(void **state)
{
    world *w = *state;
    engine_weight weights[] = { { "a", 1 }, { "b", 0.5 } };
    put_world(w, 9, &(engine_policy){ .weights = weights, .n_weights = 2 });
    for (int i = 0; i < 9; i++) {
        submit(w, "a", 0, ONE);
        submit(w, "b", 0, ONE);
    }
    world_round(w);
    assert_int_equal(placed(w, 1, 2, 9), 3);
    assert_int_equal(placed(w, 2, 2, 9), 6); /* half the weight, twice as much */
}

static void a_prefix_is_shared_by_its_shares(void **state)
{
    world *w = *state;
    engine_weight weights[] = { { "user*", 1 }, { "other", 1 } };
    put_world(w, 8, &(engine_policy){ .weights = weights, .n_weights = 2 });
    for (int i = 0; i < 8; i++) {
        submit(w, "userA", 0, ONE);
        submit(w, "userB", 0, ONE);
        submit(w, "other", 0, ONE);
    }
    world_round(w); /* weights 2, 2 and 1: a quarter each for the users */
    assert_int_equal(placed(w, 1, 3, 8), 2);
    assert_int_equal(placed(w, 2, 3, 8), 2);
    assert_int_equal(placed(w, 3, 3, 8), 4);
}

static void what_was_used_counts_and_is_forgotten(void **state)
{
    world *w = *state;
    put_world(w, 2, &(engine_policy){ .decay_s = 600 });
    ob_uuid a = submit(w, "a", 0, NEED(2, 100));
    world_round(w);
    w->now_ms += 300000;
    world_exit(w, a, -1, 0);
    ob_uuid late_a = submit(w, "a", 0, NEED(2, 100)), b = submit(w, "b", 0, NEED(2, 100));
    world_round(w);
    assert_state(w, b, -1, OB_JOB_STARTING); /* though it is younger */
    assert_state(w, late_a, -1, OB_JOB_RUNNABLE);
    /* 2 vCPUs for 300 s: 2 * 600 * (1 - exp(-301/600)) vCPU seconds */
    double usage = 0;
    for (size_t i = 0; i < w->effects.n_shares; i++)
        if (strcmp(w->effects.shares[i].share, "a") == 0)
            usage = w->effects.shares[i].usage;
    assert_true(fabs(usage - 1200 * (1 - exp(-302.0 / 600))) < 5);
    world_exit(w, b, -1, 0);
    world_stop(w, late_a, -1, false, "enough");
    world_round(w);
    w->now_ms += 20000000; /* hours later nothing of it counts: the rows go */
    world_round(w);
    assert_int_equal(w->effects.n_shares, 2);
    assert_true(w->effects.shares[0].gone && w->effects.shares[1].gone);
}

static void usage_outlives_the_scheduler(void **state)
{
    world *w = *state;
    engine_policy policy = { .decay_s = 3600 };
    put_world(w, 2, &policy);
    ob_uuid a = submit(w, "a", 0, NEED(2, 100));
    world_round(w);
    w->now_ms += 600000;
    world_round(w);
    world_exit(w, a, -1, 0);
    world_round(w);
    world_reload(w);
    put_world(w, 2, &policy);
    ob_uuid again = submit(w, "a", 0, NEED(2, 100)), b = submit(w, "b", 0, NEED(2, 100));
    world_round(w);
    assert_state(w, b, -1, OB_JOB_STARTING);
    assert_state(w, again, -1, OB_JOB_RUNNABLE);
}

static void rows_of_shares_are_not_written_each_round(void **state)
{
    world *w = *state;
    put_world(w, 2, &(engine_policy){ 0 });
    size_t written = 0;
    ob_uuid last = submit(w, "a", 0, ONE);
    for (int i = 0; i < 60; i++) { /* a minute of jobs of a second */
        world_round(w);
        written += w->effects.n_shares;
        world_exit(w, last, -1, 0);
        last = submit(w, "a", 0, ONE);
    }
    assert_in_range(written, 2, 8);
}

static void priority_orders_within_a_share_only(void **state)
{
    world *w = *state;
    put_world(w, 2, &(engine_policy){ 0 });
    ob_uuid low = submit(w, "a", 1, ONE), high = submit(w, "a", 9, ONE);
    ob_uuid other = submit(w, "b", 0, ONE);
    world_round(w);
    assert_state(w, low, -1, OB_JOB_RUNNABLE);
    assert_state(w, high, -1, OB_JOB_STARTING);
    assert_state(w, other, -1, OB_JOB_STARTING);
}

static void without_a_policy_priority_is_ignored(void **state)
{
    world *w = *state;
    put_world(w, 1, NULL);
    ob_uuid first = submit(w, NULL, 1, ONE), second = submit(w, NULL, 9, ONE);
    world_round(w);
    assert_state(w, first, -1, OB_JOB_STARTING);
    assert_state(w, second, -1, OB_JOB_RUNNABLE);
}

static void a_reservation_waits_for_other_shares(void **state)
{
    world *w = *state;
    put_world(w, 8, &(engine_policy){ .reservation = 50 });
    for (int i = 0; i < 8; i++)
        submit(w, "a", 0, ONE);
    world_round(w);
    assert_int_equal(placed(w, 1, 1, 8), 4); /* 8 * (1 - 0.5) */
    ob_resources one = ONE;
    assert_non_null(strstr(engine_db_share_reason(w->db, 1, &one, "a", 0),
                           "reserved for share identifiers that are not active yet"));
    submit(w, "b", 0, ONE);
    submit(w, "b", 0, ONE);
    submit(w, "b", 0, ONE);
    world_round(w); /* two active shares: 8 * (1 - 0.25), the new one first */
    assert_int_equal(placed(w, 9, 1, 3), 2);
    assert_int_equal(placed(w, 1, 1, 8), 4);
}

static void a_reservation_leaves_one_job(void **state)
{
    world *w = *state;
    put_world(w, 4, &(engine_policy){ .reservation = 99 });
    ob_uuid a = submit(w, "a", 0, NEED(4, 100)), b = submit(w, "a", 0, NEED(4, 100));
    world_round(w);
    assert_state(w, a, -1, OB_JOB_STARTING);
    assert_state(w, b, -1, OB_JOB_RUNNABLE);
}

static const char *why(const world *w, ob_resources need, const char *share)
{
    const char *text = engine_db_share_reason(w->db, 1, &need, share, 0);
    return text ? text : "";
}

static void a_share_whose_turn_it_is_not_says_so(void **state)
{
    world *w = *state;
    put_world(w, 1, &(engine_policy){ 0 });
    submit(w, "a", 0, ONE); /* runs */
    world_round(w);
    submit(w, "a", 0, ONE);
    submit(w, "b", 0, ONE);
    world_round(w);
    assert_non_null(strstr(why(w, ONE, "a"), ", shares with lower usage go before share \"a\": "));
    assert_null(strstr(why(w, ONE, "b"), "share"));
}

/* One is larger than what the reservation leaves beside those that run: passed over, it gets the
 * next vCPUs. */
static void vcpus_kept_from_those_behind_are_told(void **state)
{
    world *w = *state;
    ob_resources large = NEED(4, 100);
    put_world(w, 8, &(engine_policy){ .reservation = 50 });
    submit(w, "a", 5, ONE);
    world_round(w);
    submit(w, "a", 5, large);
    world_round(w);
    ob_uuid last = submit(w, "a", 0, ONE);
    world_round(w);
    int rounds = 0; /* small ones pass it by, for longer than it is to wait */
    for (; rounds < 60 && world_state(w, last, -1) == OB_JOB_STARTING; rounds++) {
        world_exit(w, last, -1, 0);
        last = submit(w, "a", 0, ONE);
        world_round(w);
    }
    assert_in_range(rounds, ENGINE_KEEP_AFTER_MS / 1000 - 1, ENGINE_KEEP_AFTER_MS / 1000 + 2);
    assert_non_null(strstr(why(w, ONE, "a"), "the next free vCPUs of the job queue are kept for a "
                                             "larger job that has been passed over"));
}

static const engine_front *front_of(const world *w, size_t *ret_n)
{
    for (size_t i = 0; i < w->effects.n_fronts; i++)
        if (w->effects.fronts[i].queue_id == 1) {
            *ret_n = w->effects.fronts[i].n_front;
            return w->effects.fronts[i].front;
        }
    *ret_n = 0;
    return NULL;
}

/* Is the n-th placement of the last round the job that stood there? */
static void assert_served(const world *w, size_t n, const engine_front *stood)
{
    assert_true(n < w->effects.n_placement_insert);
    const ob_run_ref *run = &w->effects.placement_insert[n].run;
    assert_int_equal(ob_uuid_cmp(&run->id, &stood->id), 0);
    assert_int_equal(run->index, stood->index);
}

/* First in, first out, to the end of it: classes in turns, an array in their midst, one that is
 * tried again behind all. */
static void the_front_is_the_order_of_service(void **state)
{
    world *w = *state;
    put_world(w, 1, NULL);
    ob_uuid running = world_submit_terms(w, 0, ONE, (engine_terms){ .attempts = 2 });
    world_round(w);
    for (int i = 0; i < 12; i++)
        world_submit(w, 1, i == 5 ? 4 : 0, NEED(1, 100 + i % 3));
    world_exit(w, running, -1, 1); /* goes to the end */
    engine_drop_instance(w->e, "i-1");
    world_round(w);
    engine_front told[ENGINE_FRONT_MAX];
    size_t n;
    const engine_front *front = front_of(w, &n);
    assert_int_equal(n, 11 + 4 + 1);
    memcpy(told, front, n * sizeof(*told));
    assert_int_equal(told[0].since_ms, w->now_ms);
    assert_int_equal(ob_uuid_cmp(&told[n - 1].id, &running), 0);
    world_round(w);
    assert_int_equal(w->effects.n_fronts, 0); /* told once */
    world_instance(w, "i-2", 1, NEED(1, 100000), OB_INSTANCE_ACTIVE);
    for (size_t i = 0; i < n; i++) { /* one after the other, as they end */
        if (i > 0)
            world_exit(w, told[i - 1].id, told[i - 1].index, 0);
        world_round(w);
        assert_int_equal(w->effects.n_placement_insert, 1);
        assert_served(w, 0, &told[i]);
    }
}

/* Of shares: each time room comes up, whoever stands first gets it; and what is left then is served
 * in that order when there is room for all of it. What one share uses more puts it behind: the
 * order is not that of the submissions. */
static void the_front_of_shares_is_the_order_of_service(void **state)
{
    world *w = *state;
    engine_weight weights[] = { { "a", 1 }, { "b", 0.25 }, { "c*", 0.5 } };
    static const char *const names[] = { "a", "b", "c1", "c2" };
    char id[16];
    size_t n, of_b = 0;
    world_ce(w, 1, 100, NEED(1, 1000));
    put_fair(w, &(engine_policy){ .weights = weights, .n_weights = 3 });
    for (int i = 0; i < 40; i++)
        submit(w, names[i % 4], i % 3, NEED(1, 100 + i % 2));
    world_round(w);
    for (int i = 0; i < 20; i++) {
        const engine_front *front = front_of(w, &n);
        assert_int_equal(n, 40 - i);
        engine_front first = front[0];
        (void)snprintf(id, sizeof(id), "i-%d", i);
        world_instance(w, id, 1, NEED(1, 1000), OB_INSTANCE_ACTIVE);
        w->now_ms -= 1000; /* at once: nobody has used anything meanwhile */
        world_round(w);
        assert_int_equal(w->effects.n_placement_insert, 1);
        assert_served(w, 0, &first);
        world_round(w);
        of_b += first.id.b[15] % 4 == 2; /* ids are counted from 1 */
    }
    assert_int_equal(of_b, 10); /* of all its jobs: 4 parts of 7 would be 11 */
    engine_front told[20];
    memcpy(told, front_of(w, &n), sizeof(told));
    assert_int_equal(n, 20);
    for (int i = 20; i < 40; i++) {
        (void)snprintf(id, sizeof(id), "i-%d", i);
        world_instance(w, id, 1, NEED(1, 1000), OB_INSTANCE_ACTIVE);
    }
    w->now_ms -= 1000;
    world_round(w);
    assert_int_equal(w->effects.n_placement_insert, 20);
    for (size_t i = 0; i < 20; i++)
        assert_served(w, i, &told[i]);
}

static void the_front_shows_children_and_times(void **state)
{
    world *w = *state;
    put_world(w, 1, NULL);
    ob_uuid array = world_submit(w, 1, 300, ONE);
    world_round(w);
    size_t n;
    const engine_front *front = front_of(w, &n);
    assert_int_equal(n, ENGINE_FRONT_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(front[i].index, i + 1);
        assert_int_equal(ob_uuid_cmp(&front[i].id, &array), 0);
    }
    world_reload(w);
    put_world(w, 1, NULL);
    w->now_ms += 5000;
    world_round(w); /* where it was, since when it was */
    front = front_of(w, &n);
    assert_int_equal(n, ENGINE_FRONT_MAX);
    assert_int_equal(front[0].since_ms, w->now_ms - 6000);
}

static void a_front_is_told_once_a_second_at_most(void **state)
{
    world *w = *state;
    put_world(w, 1, NULL);
    size_t told = 0;
    for (int i = 0; i < 50; i++) { /* rounds 100 ms apart */
        world_submit(w, 1, 0, ONE);
        w->now_ms -= 900;
        world_round(w);
        told += w->effects.n_fronts;
    }
    assert_in_range(told, 4, 6);
    assert_true(engine_next_due(w->e) <= w->now_ms + ENGINE_FRONT_EVERY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(room_is_divided_by_weight, world_new, world_free),
        cmocka_unit_test_setup_teardown(a_prefix_is_shared_by_its_shares, world_new, world_free),
        cmocka_unit_test_setup_teardown(what_was_used_counts_and_is_forgotten, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(usage_outlives_the_scheduler, world_new, world_free),
        cmocka_unit_test_setup_teardown(rows_of_shares_are_not_written_each_round, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(priority_orders_within_a_share_only, world_new, world_free),
        cmocka_unit_test_setup_teardown(without_a_policy_priority_is_ignored, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_reservation_waits_for_other_shares, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(a_reservation_leaves_one_job, world_new, world_free),
        cmocka_unit_test_setup_teardown(a_share_whose_turn_it_is_not_says_so, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(vcpus_kept_from_those_behind_are_told, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(the_front_is_the_order_of_service, world_new, world_free),
        cmocka_unit_test_setup_teardown(the_front_of_shares_is_the_order_of_service, world_new,
                                        world_free),
        cmocka_unit_test_setup_teardown(the_front_shows_children_and_times, world_new, world_free),
        cmocka_unit_test_setup_teardown(a_front_is_told_once_a_second_at_most, world_new,
                                        world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
