/* What the engine tells of queues and shares, and what its events and attempts tell for metrics.
 * After each round of any test of the engine, its counts are compared with the rows
 * (engine_db_figures.c). */
#include "engine_world.h"

#include <math.h>

#include "ob/mem.h"

#define ONE NEED(1, 100)
#define SIZE NEED(4, 1000)

typedef struct seen {
    engine_queue_figures queues[4];
    size_t n;
} seen;

static void note(const engine_queue_figures *f, void *arg)
{
    seen *s = arg;
    assert_true(s->n < ARRAY_SIZE(s->queues));
    s->queues[s->n++] = *f;
}

/* The figures of queue 1. */
static engine_queue_figures figures(const world *w)
{
    seen s = { 0 };
    engine_each_queue(w->e, note, &s);
    for (size_t i = 0; i < s.n; i++)
        if (s.queues[i].id == 1)
            return s.queues[i];
    fail_msg("queue 1 is not there");
    return (engine_queue_figures){ 0 };
}

static void put_world(world *w)
{
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
}

static const effect_event *event_of(const world *w, ob_uuid id, ob_job_state state)
{
    for (size_t i = 0; i < w->effects.n_events; i++) {
        const effect_event *ev = &w->effects.events[i];
        if (ev->state == state && !ev->is_parent && ob_uuid_cmp(&ev->id, &id) == 0)
            return ev;
    }
    fail_msg("there is no such event");
    return NULL;
}

static void a_queue_counts_its_jobs_and_children_by_state(void **state)
{
    world *w = *state;
    put_world(w);
    ob_uuid one = world_submit(w, 1, 0, ONE);
    world_submit(w, 1, 10, ONE);
    world_round(w);
    world_running(w, one, -1);
    world_round(w);
    engine_queue_figures f = figures(w);
    assert_string_equal(f.name, "queue");
    assert_int_equal(f.jobs[OB_JOB_RUNNING], 1);
    assert_int_equal(f.jobs[OB_JOB_PENDING], 1); /* the array */
    assert_int_equal(f.children[OB_JOB_STARTING], 3);
    assert_int_equal(f.children[OB_JOB_RUNNABLE], 7);
    assert_int_equal(f.waiting.mcpu, 7000);
    assert_int_equal(f.waiting.mem_mib, 700);
    assert_int_equal(f.used.mcpu, 4000);
    world_exit(w, one, -1, 0);
    world_round(w);
    f = figures(w);
    assert_int_equal(f.jobs[OB_JOB_RUNNING], 0);
    assert_int_equal(f.jobs[OB_JOB_SUCCEEDED], 1);
    assert_int_equal(f.children[OB_JOB_STARTING], 4);
}

static void the_oldest_waiting_job_is_known(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 1, 1, 0);
    world_round(w);
    assert_int_equal(figures(w).oldest_at_ms, 0);
    world_submit(w, 1, 0, NEED(2, 100));
    world_round(w);
    int64_t first_ms = w->now_ms;
    world_submit(w, 1, 0, ONE);
    world_round(w);
    assert_int_equal(figures(w).oldest_at_ms, first_ms);
}

static void a_blocked_head_is_told_with_its_code(void **state)
{
    world *w = *state;
    put_world(w);
    world_submit(w, 1, 0, NEED(64, 100));
    world_round(w);
    assert_null(figures(w).blocked); /* not yet: it must last */
    w->now_ms += ENGINE_LASTS_MISFIT_MS;
    world_round(w);
    const char *why = figures(w).blocked;
    assert_non_null(why);
    assert_int_equal(strncmp(why, "MISCONFIGURATION:", strlen("MISCONFIGURATION:")), 0);
    world_stop(w, world_id(1), -1, true, "enough");
    world_round(w);
    assert_null(figures(w).blocked);
}

static void an_event_tells_how_long_the_state_before_has_lasted(void **state)
{
    world *w = *state;
    world_ce(w, 1, 4, SIZE);
    world_queue(w, 1, 1, 1, 0);
    ob_uuid id = world_submit(w, 1, 0, ONE);
    world_round(w);
    int64_t runnable_ms = w->now_ms;
    assert_int_equal(event_of(w, id, OB_JOB_RUNNABLE)->queue_id, 1);
    w->now_ms += 7000;
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_round(w);
    int64_t placed_ms = w->now_ms;
    const effect_event *ev = event_of(w, id, OB_JOB_STARTING);
    assert_int_equal(ev->before_ms, runnable_ms);
    assert_int_equal(ev->at_ms, placed_ms);
    w->now_ms += 2000;
    world_running(w, id, -1);
    world_round(w);
    ev = event_of(w, id, OB_JOB_RUNNING);
    assert_int_equal(ev->before_ms, placed_ms);
    assert_true(ev->at_ms > placed_ms);
}

static const effect_attempt *only_attempt(const world *w)
{
    assert_int_equal(w->effects.n_attempts, 1);
    assert_int_equal(w->effects.attempts[0].queue_id, 1);
    return &w->effects.attempts[0];
}

static void an_attempt_tells_whether_another_follows_and_why_it_ended(void **state)
{
    world *w = *state;
    put_world(w);
    ob_uuid id = world_submit_terms(w, 0, ONE, (engine_terms){ .attempts = 3 });
    world_round(w);
    world_running(w, id, -1);
    world_round(w);
    world_exit(w, id, -1, 1);
    world_round(w);
    assert_true(only_attempt(w)->retried);
    assert_false(only_attempt(w)->host_lost);
    world_running(w, id, -1);
    world_round(w);
    world_instance(w, "i-1", 1, SIZE, OB_INSTANCE_LOST);
    world_round(w);
    assert_true(only_attempt(w)->retried);
    assert_true(only_attempt(w)->host_lost);
    world_instance(w, "i-2", 1, SIZE, OB_INSTANCE_ACTIVE);
    world_round(w);
    world_running(w, id, -1);
    world_round(w);
    world_exit(w, id, -1, 1);
    world_round(w);
    assert_false(only_attempt(w)->retried);
    assert_state(w, id, -1, OB_JOB_FAILED);
}

typedef struct share_seen {
    engine_share_figures shares[4];
    size_t n;
} share_seen;

static void note_share(const engine_share_figures *f, void *arg)
{
    share_seen *s = arg;
    assert_true(s->n < ARRAY_SIZE(s->shares));
    s->shares[s->n++] = *f;
}

static void submit_for(world *w, const char *share)
{
    engine_submission s = { .id = world_id(w->next_id++),
                            .queue_id = 1,
                            .need = ONE,
                            .share = share,
                            .created_at_ms = w->now_ms };
    engine_db_accept(w->db, &s);
    engine_submit(w->e, &s);
}

static void a_share_tells_its_use_and_its_weighted_usage(void **state)
{
    world *w = *state;
    engine_weight weights[] = { { "b", 0.5 } };
    engine_policy policy = { .decay_s = 3600, .weights = weights, .n_weights = 1 };
    put_world(w);
    share_seen none = { 0 };
    world_round(w);
    engine_each_share(w->e, w->now_ms, note_share, &none);
    assert_int_equal(none.n, 0); /* no policy */
    engine_put_queue(w->e, &(engine_queue){ .id = 1,
                                            .name = "queue",
                                            .priority = 1,
                                            .enabled = true,
                                            .ces = { 1 },
                                            .n_ces = 1,
                                            .policy = &policy });
    submit_for(w, "a");
    submit_for(w, "b");
    world_round(w);
    share_seen s = { 0 };
    engine_each_share(w->e, w->now_ms + 100000, note_share, &s);
    assert_int_equal(s.n, 2);
    for (size_t i = 0; i < s.n; i++) {
        double weight = strcmp(s.shares[i].share, "b") == 0 ? 0.5 : 1;
        double usage = 3600 * (1 - exp(-100.0 / 3600)); /* of one vCPU for 100 s */
        assert_string_equal(s.shares[i].queue, "queue");
        assert_int_equal(s.shares[i].mcpu, 1000);
        assert_true(fabs(s.shares[i].weighted_usage - weight * usage) < 0.001);
    }
}

#define FIGURES_TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIGURES_TEST(a_queue_counts_its_jobs_and_children_by_state),
        FIGURES_TEST(the_oldest_waiting_job_is_known),
        FIGURES_TEST(a_blocked_head_is_told_with_its_code),
        FIGURES_TEST(an_event_tells_how_long_the_state_before_has_lasted),
        FIGURES_TEST(an_attempt_tells_whether_another_follows_and_why_it_ended),
        FIGURES_TEST(a_share_tells_its_use_and_its_weighted_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
