/* Executors' reports: late, repeated, about old runs; registrations; lost instances. */
#include "engine_world.h"

#include <stdio.h>

#define BIG NEED(4, 16000)
#define NEED1 NEED(1, 100)

static void start(world *w)
{
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
}

static void reports_out_of_order_and_twice_change_nothing(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report starting = world_run(w, id, -1, RUN_STARTING);
    engine_run_report running = world_run(w, id, -1, RUN_RUNNING);
    engine_report(w->e, "i-1", &running);
    engine_report(w->e, "i-1", &starting);
    engine_report(w->e, "i-1", &running);
    world_round(w);
    assert_story(w, id, -1, "Rsr");
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.ignored, 0);
    world_exit(w, id, -1, 0);
    world_exit(w, id, -1, 1); /* the first one counts */
    engine_report(w->e, "i-1", &running);
    world_round(w);
    assert_story(w, id, -1, "Rsr+");
    assert_int_equal(w->effects.n_done, 1);
    assert_int_equal(world_orders(w, ORDER_CONFIRM), 2);
    assert_int_equal(world_orders(w, ORDER_STOP), 1);
}

static void what_a_run_has_used_is_kept_with_its_attempt(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid used = world_submit(w, 1, 0, NEED1), unknown = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report r = world_run(w, used, -1, RUN_EXITED);
    r.started = true;
    r.pulled_at_ms = 5; /* long ago, by its instance's clock */
    r.started_at_ms = w->now_ms + 200;
    r.stopped_at_ms = w->now_ms + 500;
    r.created_at_ms = w->now_ms + 700;
    r.cpu_ms = 1500;
    r.peak_bytes = 40960;
    engine_report(w->e, "i-1", &r);
    world_exit(w, unknown, -1, 0);
    world_round(w);
    assert_int_equal(engine_db_attempt(w->db, &used, -1, 1)->cpu_ms, 1500);
    assert_int_equal(engine_db_attempt(w->db, &used, -1, 1)->peak_bytes, 40960);
    assert_int_equal(engine_db_attempt(w->db, &unknown, -1, 1)->cpu_ms, 0);
    const effect_attempt *a = engine_db_attempt(w->db, &used, -1, 1);
    assert_int_equal(a->pulled_at_ms, a->placed_at_ms);
    assert_int_equal(a->created_at_ms, a->stopped_at_ms);
    assert_int_equal(engine_db_attempt(w->db, &unknown, -1, 1)->pulled_at_ms, 0);
}

/* Of the current run only; one that is given back has the same attempt as the next. */
static void what_is_known_of_a_pod_goes_with_its_run(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report first = world_run(w, id, -1, RUN_STARTING);
    first.pod = "{\"name\":\"a\"}";
    engine_report(w->e, "i-1", &first);
    world_round(w);
    assert_int_equal(w->effects.n_pods, 1);
    assert_int_equal(w->effects.pods[0].attempt, 1);
    assert_int_equal(w->effects.pods[0].run.run, 1);
    assert_string_equal(w->effects.pods[0].body, "{\"name\":\"a\"}");
    engine_report(w->e, "i-2", &first); /* it is not there */
    engine_run_report refused = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &refused);
    world_round(w);
    assert_int_equal(w->effects.n_pods, 0);
    w->now_ms += ENGINE_HOLD_MIN_MS;
    world_round(w);
    engine_report(w->e, "i-1", &first); /* it is over */
    world_round(w);
    assert_int_equal(w->effects.n_pods, 0);
    engine_run_report second = world_run(w, id, -1, RUN_EXITED);
    second.pod = "{}";
    second.started = true;
    engine_report(w->e, "i-1", &second);
    world_round(w);
    assert_int_equal(w->effects.n_pods, 1);
    assert_int_equal(w->effects.pods[0].attempt, 1);
    assert_int_equal(w->effects.pods[0].run.run, 2);
}

/* The wait before its second attempt is one of its own. */
static void each_attempt_has_phases_of_its_own(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit_terms(w, 0, NEED1, (engine_terms){ .attempts = 2 });
    world_round(w);
    int64_t first_ms = w->now_ms;
    world_running(w, id, -1);
    world_round(w);
    world_reload(w);
    start(w);
    world_exit(w, id, -1, 1);
    world_round(w);
    int64_t second_ms = w->now_ms;
    world_running(w, id, -1);
    world_round(w);
    world_exit(w, id, -1, 0);
    world_round(w);
    const effect_attempt *a = engine_db_attempt(w->db, &id, -1, 1);
    const effect_attempt *b = engine_db_attempt(w->db, &id, -1, 2);
    assert_int_equal(a->placed_at_ms, first_ms);
    assert_true(b->runnable_at_ms >= a->stopped_at_ms);
    assert_int_equal(b->placed_at_ms, second_ms);
}

/* An executor that refuses all does not get its runs back as fast as messages travel. */
static void an_instance_that_refuses_is_left_alone_for_a_while(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1), other = world_submit(w, 1, 0, NEED1);
    world_round(w);
    assert_true(engine_next_due(w->e) == INT64_MAX);
    engine_run_report r = world_run(w, other, -1, RUN_EXITED);
    static const int64_t holds[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    for (int i = 0; i < 7; i++) {
        if (i < 1) /* two of one batch are one refusal */
            engine_report(w->e, "i-1", &r);
        r = world_run(w, id, -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r);
        engine_report(w->e, "i-1", &r);
        world_round(w);
        assert_state(w, id, -1, OB_JOB_RUNNABLE);
        assert_false(engine_dirty(w->e)); /* nothing spins */
        assert_int_equal(engine_next_due(w->e), w->now_ms + holds[i]);
        /* Whatever else makes rounds, even of the instance itself. */
        int64_t until = w->now_ms + holds[i];
        w->now_ms = until - 1001;
        world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
        world_round(w);
        assert_int_equal(w->now_ms, until - 1);
        assert_int_equal(world_orders(w, ORDER_RUN), 0);
        w->now_ms = until - 1000;
        world_round(w);
        assert_int_equal(world_orders(w, ORDER_RUN), i < 1 ? 2 : 1);
        assert_state(w, id, -1, OB_JOB_STARTING);
        assert_true(engine_next_due(w->e) == INT64_MAX);
        if (i < 1)
            world_stop(w, other, -1, true, "only one goes on");
    }
    /* A run that starts: from the first again. */
    world_running(w, id, -1);
    world_round(w);
    ob_uuid next = world_submit(w, 1, 0, NEED1);
    world_round(w);
    r = world_run(w, next, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_int_equal(engine_next_due(w->e), w->now_ms + 1000);
}

static void a_clock_set_back_makes_no_refusal_last(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r);
    world_round(w);
    w->now_ms -= 500000;
    world_round(w);
    assert_state(w, id, -1, OB_JOB_RUNNABLE);
    assert_int_equal(engine_next_due(w->e), w->now_ms + 30000);
    w->now_ms += 29000;
    world_round(w);
    assert_state(w, id, -1, OB_JOB_STARTING);
}

static void what_an_instance_refuses_goes_elsewhere_and_is_asked_for_late(void **state)
{
    world *w = *state;
    start(w);
    ob_resources need = NEED1;
    ob_uuid id = world_submit(w, 1, 0, need);
    for (int i = 1; i <= 6; i++) {
        w->now_ms += ENGINE_HOLD_MAX_MS;
        world_round(w);
        assert_state(w, id, -1, OB_JOB_STARTING);
        engine_run_report r = world_run(w, id, -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r);
        world_round(w);
        const effect_demand *d = world_demand(w, 1);
        assert_non_null(d); /* it is idle again; its room will do, until it has refused for long */
        assert_int_equal(d->n_shapes, i < 6 ? 0 : 1);
        assert_string_equal(engine_db_class_reason(w->db, 1, &need),
                            "Waiting for 1 vCPU and 100 MiB: an instance of compute environment "
                            "\"ce1\" refused a job and will be tried again soon");
    }
    world_instance(w, "i-2", 1, BIG, OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_string_equal(world_where(w, id, -1), "i-2");
    /* One that is told to stop before it starts was not refused. */
    world_stop(w, id, -1, true, "enough");
    world_round(w);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-2", &r);
    ob_uuid next = world_submit(w, 1, 0, need);
    world_round(w);
    assert_string_equal(world_where(w, next, -1), "i-2");
    engine_drop_instance(w->e, "i-1"); /* while it is held */
    world_round(w);
    w->now_ms += ENGINE_HOLD_MAX_MS;
    world_round(w);
    assert_true(engine_next_due(w->e) == INT64_MAX);
}

static void a_refused_run_uses_up_no_attempt(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    for (int i = 2; i < 10; i++) {
        engine_run_report r = world_run(w, id, -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r);
        world_round(w);
        assert_state(w, id, -1, OB_JOB_RUNNABLE);
        assert_int_equal(w->effects.n_placement_delete, 1);
        assert_int_equal(w->effects.n_live_update, 1);
        w->now_ms += ENGINE_HOLD_MAX_MS;
        world_round(w);
        const effect_order *o = world_order(w, ORDER_RUN, id, -1);
        assert_non_null(o);
        assert_int_equal(o->run.run, i);
        assert_int_equal(o->attempt, 1);
        assert_int_equal(o->queue_id, 1);
        assert_int_equal(w->effects.n_placement_insert, 1);
        assert_int_equal(w->effects.n_live_update, 1);
    }
    assert_null(engine_db_attempt(w->db, &id, -1, 1));
    world_exit(w, id, -1, 0);
    world_round(w);
    assert_int_equal(engine_db_attempt(w->db, &id, -1, 1)->run, 9);
}

static void a_refused_job_goes_to_the_front_of_its_class(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid ids[8];
    for (int i = 0; i < 8; i++)
        ids[i] = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_DRAINING);
    static const int order[] = { 2, 0, 3, 1 };
    for (int i = 0; i < 4; i++) {
        engine_run_report r = world_run(w, ids[order[i]], -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r);
    }
    world_round(w);
    world_instance(w, "i-2", 1, NEED(5, 100000), OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_int_equal(world_orders(w, ORDER_RUN), 5);
    for (int i = 0, n = 0; i < (int)w->effects.n_orders; i++)
        if (w->effects.orders[i].kind == ORDER_RUN)
            assert_int_equal(ob_uuid_cmp(&w->effects.orders[i].run.id, &ids[n++]), 0);
}

static void a_refused_and_stopped_job_of_one_batch_ends(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1), other = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r);
    world_stop(w, id, -1, false, "cancelled while it waited again");
    r = world_run(w, other, -1, RUN_EXITED);
    world_stop(w, other, -1, true, "terminated before");
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_story(w, id, -1, "RsR-");
    assert_int_equal(engine_db_row(w->db, &id, -1).flags, 1);
    assert_story(w, other, -1, "Rs-");
    assert_int_equal(world_orders(w, ORDER_RUN), 0);
}

static void a_lost_instance_ends_all_that_may_have_run(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid running = world_submit(w, 1, 0, NEED1), starting = world_submit(w, 1, 0, NEED1);
    ob_uuid silent = world_submit(w, 1, 0, NEED1), ended = world_submit(w, 1, 0, NEED1);
    ob_uuid refused = world_submit(w, 1, 0, NEED(0, 100));
    world_round(w);
    world_running(w, running, -1);
    engine_run_report r = world_run(w, starting, -1, RUN_STARTING);
    engine_report(w->e, "i-1", &r);
    world_round(w);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LOST);
    world_exit(w, ended, -1, 0); /* its end arrives in the same batch: it counts */
    r = world_run(w, refused, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r); /* as does this: it never ran */
    world_round(w);
    assert_story(w, running, -1, "Rsr-");
    assert_story(w, starting, -1, "Rs-");
    assert_story(w, silent, -1, "Rs-"); /* its reports may be lost as well */
    assert_story(w, ended, -1, "Rsr+");
    assert_story(w, refused, -1, "RsR");
    assert_string_equal(engine_db_row(w->db, &running, -1).reason,
                        "Host EC2 (instance i-1) terminated.");
    assert_false(engine_db_attempt(w->db, &running, -1, 1)->has_exit_code);
    assert_non_null(engine_db_attempt(w->db, &starting, -1, 1));
    assert_string_equal(engine_db_row(w->db, &silent, -1).reason,
                        "Host EC2 (instance i-1) terminated.");
    assert_string_equal(engine_db_attempt(w->db, &silent, -1, 1)->reason,
                        "Host EC2 (instance i-1) terminated.");
    assert_null(engine_db_attempt(w->db, &refused, -1, 1));
    /* It comes back: what it still runs is not wanted. */
    world_exit(w, running, -1, 0); /* (no instance in the row any more) */
    engine_run_report back[] = {
        { .run = { .id = running, .index = -1, .run = 1 }, .state = RUN_RUNNING },
        { .run = { .id = silent, .index = -1, .run = 1 }, .state = RUN_EXITED, .started = true }
    };
    engine_registered(w->e, "i-1", back, 2);
    world_round(w);
    assert_non_null(world_order(w, ORDER_STOP, running, -1));
    assert_non_null(world_order(w, ORDER_CONFIRM, silent, -1));
    assert_state(w, silent, -1, OB_JOB_FAILED);
    world_instance(w, "i-2", 1, BIG, OB_INSTANCE_ACTIVE);
    world_round(w);
    assert_string_equal(world_where(w, refused, -1), "i-2");
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.ignored, 0);
}

/* A new leader knows it as STARTING only: what was told of it went to the old one. */
static void a_loaded_run_may_have_run_too(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1), many = world_submit(w, 1, 3, NEED1);
    world_round(w);
    world_stop(w, many, -1, false, "no more"); /* what is placed goes on */
    world_round(w);
    world_reload(w);
    start(w);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LOST);
    world_round(w);
    assert_story(w, id, -1, "Rs-");
    assert_int_equal(engine_db_attempt(w->db, &id, -1, 1)->run, 1);
    assert_story(w, many, 2, "Rs-");
    assert_string_equal(engine_db_attempt(w->db, &many, 2, 1)->reason,
                        "Host EC2 (instance i-1) terminated.");
    assert_state(w, many, -1, OB_JOB_FAILED);
}

static void an_instance_that_is_gone_is_as_one_that_is_lost(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_running(w, id, -1);
    world_round(w);
    engine_drop_instance(w->e, "i-1");
    world_round(w);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason,
                        "Host EC2 (instance i-1) terminated.");
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.instances, 0);
    assert_int_equal(world_demand(w, 1)->n_shapes, 0);
}

static void registration_orders_again_what_was_never_told_of(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid never = world_submit(w, 1, 0, NEED1), gone = world_submit(w, 1, 0, NEED1);
    ob_uuid there = world_submit(w, 1, 0, NEED1), stopped = world_submit(w, 1, 0, NEED1);
    world_round(w);
    engine_run_report r = world_run(w, gone, -1, RUN_STARTING);
    engine_report(w->e, "i-1", &r);
    world_stop(w, stopped, -1, true, "stop");
    world_round(w);
    engine_run_report held[] = {
        world_run(w, there, -1, RUN_RUNNING),
        { .run = { .id = world_id(999), .index = 4, .run = 1 }, .state = RUN_RUNNING },
        { .run = { .id = world_id(999), .index = 5, .run = 1 }, .state = RUN_EXITED }
    };
    engine_registered(w->e, "i-1", held, 3);
    world_round(w);
    assert_state(w, never, -1, OB_JOB_STARTING);
    const effect_order *again = world_order(w, ORDER_RUN, never, -1);
    assert_non_null(again);
    assert_int_equal(again->run.run, 1); /* the same run */
    assert_int_equal(again->attempt, 1);
    assert_state(w, there, -1, OB_JOB_RUNNING);
    assert_state(w, gone, -1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &gone, -1).reason,
                        "Essential container in task exited");
    assert_string_equal(engine_db_attempt(w->db, &gone, -1, 1)->container_reason,
                        "CannotInspectContainerError: the container is gone");
    assert_non_null(world_order(w, ORDER_STOP, stopped, -1));
    assert_non_null(world_order(w, ORDER_STOP, world_id(999), 4));
    assert_non_null(world_order(w, ORDER_CONFIRM, world_id(999), 5));
    assert_int_equal(w->effects.n_orders, 4);
    /* A run that is being stopped is told so again when it registers with it. */
    engine_run_report s = world_run(w, stopped, -1, RUN_RUNNING);
    engine_report(w->e, "i-1", &s);
    world_round(w);
    engine_run_report both[] = { world_run(w, there, -1, RUN_RUNNING), s };
    engine_registered(w->e, "i-1", both, 2);
    world_round(w);
    assert_non_null(world_order(w, ORDER_STOP, stopped, -1));
    /* Once, however often it is named. */
    engine_run_report often[] = { world_run(w, there, -1, RUN_RUNNING), s, s, s };
    engine_registered(w->e, "i-1", often, 4);
    world_round(w);
    assert_int_equal(w->effects.n_orders, 2); /* one to run 'never' again */
}

static void count(const engine_wanted *run, void *arg)
{
    int *n = arg;
    n[0]++;
    n[1] += run->reported;
    n[2] += run->stopping;
    n[3] += run->state == RUN_RUNNING;
}

static void wanted_runs_can_be_seen(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid id = world_submit(w, 1, 3, NEED1);
    world_round(w);
    world_running(w, id, 0);
    engine_run_report r = world_run(w, id, 1, RUN_STARTING);
    engine_report(w->e, "i-1", &r);
    world_stop(w, id, 2, true, "x");
    world_round(w);
    int n[4] = { 0 };
    engine_instance_runs(w->e, "i-1", count, n);
    assert_int_equal(n[0], 3);
    assert_int_equal(n[1], 2);
    assert_int_equal(n[2], 1);
    assert_int_equal(n[3], 1);
    engine_instance_runs(w->e, "i-none", count, n);
    assert_int_equal(n[0], 3);
}

/* A new leader sees what the old one saw. */
static void loading_restores_what_matters(void **state)
{
    world *w = *state;
    start(w);
    ob_uuid running = world_submit(w, 1, 0, NEED1), stopping = world_submit(w, 1, 0, NEED1);
    ob_uuid many = world_submit(w, 1, 100, NEED1), waits = world_submit(w, 1, 0, NEED(2, 100));
    world_round(w);
    world_running(w, running, -1);
    world_stop(w, stopping, -1, true, "enough");
    world_stop(w, many, 50, false, "no");
    world_exit(w, many, 0, 0);
    world_round(w);
    world_reload(w);
    start(w);
    world_round(w);
    /* Nothing new: no rows, no events, no orders; and no reason is told again. */
    assert_int_equal(w->effects.n_live_insert + w->effects.n_live_update + w->effects.n_live_delete,
                     0);
    assert_int_equal(
        w->effects.n_events + w->effects.n_orders + w->effects.n_done + w->effects.n_reasons, 0);
    engine_stats s;
    engine_stats_get(w->e, &s);
    assert_int_equal(s.placed, 4);
    assert_int_equal(s.waiting, 97);
    int n[4] = { 0 };
    engine_instance_runs(w->e, "i-1", count, n);
    assert_int_equal(n[0], 4);
    assert_int_equal(n[1], 1);
    assert_int_equal(n[2], 1);
    world_exit(w, stopping, -1, 0);
    world_exit(w, running, -1, 0);
    world_round(w);
    assert_string_equal(engine_db_row(w->db, &stopping, -1).reason, "enough");
    assert_state(w, running, -1, OB_JOB_SUCCEEDED);
    assert_state(w, many, 3, OB_JOB_STARTING);
    assert_state(w, many, 4, OB_JOB_STARTING);
    assert_state(w, waits, -1, OB_JOB_RUNNABLE);
    /* Loaded onto an instance that is not there any more. */
    world_reload(w);
    world_ce(w, 1, 1000, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_round(w);
    int32_t lost = engine_db_row(w->db, &many, -1).counts[OB_JOB_FAILED] - 1; /* but the 50th */
    assert_true(lost > 0);
    for (int i = 1; i <= lost; i++)
        assert_non_null(engine_db_attempt(w->db, &many, i, 1));
    assert_int_equal(engine_db_row(w->db, &many, -1).counts[OB_JOB_RUNNABLE], 98 - lost);
    world_instance(w, "i-2", 1, NEED(1000, 1000000), OB_INSTANCE_ACTIVE);
    world_round(w);
    for (int i = 0; i < 100; i++)
        if (i != 50 && i > lost)
            world_exit(w, many, i, 0);
    world_round(w);
    assert_state(w, many, -1, OB_JOB_FAILED);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        T(reports_out_of_order_and_twice_change_nothing),
        T(what_a_run_has_used_is_kept_with_its_attempt),
        T(what_is_known_of_a_pod_goes_with_its_run),
        T(each_attempt_has_phases_of_its_own),
        T(an_instance_that_refuses_is_left_alone_for_a_while),
        T(a_clock_set_back_makes_no_refusal_last),
        T(what_an_instance_refuses_goes_elsewhere_and_is_asked_for_late),
        T(a_refused_run_uses_up_no_attempt),
        T(a_refused_job_goes_to_the_front_of_its_class),
        T(a_refused_and_stopped_job_of_one_batch_ends),
        T(a_lost_instance_ends_all_that_may_have_run),
        T(a_loaded_run_may_have_run_too),
        T(an_instance_that_is_gone_is_as_one_that_is_lost),
        T(registration_orders_again_what_was_never_told_of),
        T(wanted_runs_can_be_seen),
        T(loading_restores_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
