/* Every state and every event of a job: the next state, and the order to the executor. */
#include "engine_world.h"
#include "ob/mem.h"

#include <stdio.h>

#define BIG NEED(4, 16000)
#define NEED1 NEED(1, 100)

typedef enum happening {
    SUBMIT_AGAIN,
    QUEUE_COMES,
    ROOM_COMES,
    REPORT_STARTING,
    REPORT_RUNNING,
    EXIT_0,
    EXIT_1,
    EXIT_WITHOUT_CODE,
    FAILED_TO_START,
    REFUSED,
    OLD_RUN_RUNNING,
    OLD_RUN_EXITED,
    OTHER_INSTANCE_RUNNING,
    OTHER_INSTANCE_EXITED,
    CANCEL,
    TERMINATE,
    INSTANCE_DRAINS,
    INSTANCE_LOST,
    INSTANCE_GONE,
    REGISTERED_WITH,
    REGISTERED_WITHOUT,
    QUEUE_DELETED,
    HAPPENINGS,
} happening;

static const char *const names[HAPPENINGS] = {
    "submit again",     "queue comes",           "room comes",
    "report starting",  "report running",        "exit 0",
    "exit 1",           "exit without code",     "failed to start",
    "refused",          "old run running",       "old run exited",
    "other is running", "other instance exited", "cancel",
    "terminate",        "instance drains",       "instance lost",
    "instance gone",    "registered with it",    "registered w/o it",
    "queue deleted",
};

/* Where a single job goes: SUBMITTED = held for its queue, RUNNABLE = no room. */
#define SAME OB_JOB_STATE_COUNT
static const ob_job_state want[OB_JOB_STATE_COUNT][HAPPENINGS] = {
    [OB_JOB_SUBMITTED] = { SAME,          OB_JOB_RUNNABLE,
                           SAME,          SAME,
                           SAME,          SAME,
                           SAME,          SAME,
                           SAME,          SAME,
                           SAME,          SAME,
                           SAME,          SAME,
                           OB_JOB_FAILED, OB_JOB_FAILED,
                           SAME,          SAME,
                           SAME,          SAME,
                           SAME,          OB_JOB_FAILED },
    [OB_JOB_RUNNABLE] = { SAME,          SAME, OB_JOB_STARTING,
                          SAME,          SAME, SAME,
                          SAME,          SAME, SAME,
                          SAME,          SAME, SAME,
                          SAME,          SAME, OB_JOB_FAILED,
                          OB_JOB_FAILED, SAME, SAME,
                          SAME,          SAME, SAME,
                          OB_JOB_FAILED },
    [OB_JOB_STARTING] = { SAME,
                          SAME,
                          SAME,
                          SAME,
                          OB_JOB_RUNNING,
                          OB_JOB_SUCCEEDED,
                          OB_JOB_FAILED,
                          OB_JOB_FAILED,
                          OB_JOB_FAILED,
                          OB_JOB_RUNNABLE /* placed again when its instance is held no more */,
                          SAME,
                          SAME,
                          SAME,
                          SAME,
                          SAME,
                          SAME,
                          SAME,
                          OB_JOB_FAILED,
                          OB_JOB_FAILED,
                          SAME,
                          SAME,
                          SAME },
    [OB_JOB_RUNNING] = { SAME,          SAME,          SAME,
                         SAME,          SAME,          OB_JOB_SUCCEEDED,
                         OB_JOB_FAILED, OB_JOB_FAILED, OB_JOB_FAILED,
                         OB_JOB_FAILED, SAME,          SAME,
                         SAME,          SAME,          SAME,
                         SAME,          SAME,          OB_JOB_FAILED,
                         OB_JOB_FAILED, SAME,          OB_JOB_FAILED,
                         SAME },
    [OB_JOB_SUCCEEDED] = { SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME,
                           SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME },
    [OB_JOB_FAILED] = { SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME,
                        SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME },
};

/* Orders to the executor that follow: letters R(un) S(top) C(onfirm) in the order told. */
static const char *orders_wanted(ob_job_state s, happening h)
{
    bool placed = s == OB_JOB_STARTING || s == OB_JOB_RUNNING;
    switch (h) {
    case ROOM_COMES:
        return s == OB_JOB_RUNNABLE ? "R" : "";
    case REPORT_STARTING:
    case REPORT_RUNNING:
        return placed ? "" : "S";
    case EXIT_0:
    case EXIT_1:
    case EXIT_WITHOUT_CODE:
    case FAILED_TO_START:
    case REFUSED:
        return "C";
    case OLD_RUN_RUNNING:
    case OTHER_INSTANCE_RUNNING:
        return "S";
    case OLD_RUN_EXITED:
    case OTHER_INSTANCE_EXITED:
        return "C";
    case TERMINATE:
    case QUEUE_DELETED:
        return placed ? "S" : "";
    case REGISTERED_WITH:
        return placed ? "" : "S";
    case REGISTERED_WITHOUT:
        return s == OB_JOB_STARTING ? "R" : "";
    case SUBMIT_AGAIN:
    case QUEUE_COMES:
    case CANCEL:
    case INSTANCE_DRAINS:
    case INSTANCE_LOST:
    case INSTANCE_GONE:
    case HAPPENINGS:
        break;
    }
    return "";
}

/* Brings a job into the state, placed (if so) as the third run on i-1. */
static ob_uuid bring(world *w, ob_job_state s)
{
    world_ce(w, 1, 64, BIG);
    if (s != OB_JOB_SUBMITTED)
        world_queue(w, 1, 1, 1, 0);
    if (s > OB_JOB_RUNNABLE)
        world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    for (int i = 0; s > OB_JOB_RUNNABLE && i < 2; i++) {
        engine_run_report r = world_run(w, id, -1, RUN_EXITED);
        engine_report(w->e, "i-1", &r); /* refused: placed again after a while */
        world_round(w);
        w->now_ms += ENGINE_HOLD_MAX_MS;
        world_round(w);
    }
    if (s == OB_JOB_RUNNING) {
        world_running(w, id, -1);
        world_round(w);
    } else if (s > OB_JOB_RUNNING) {
        world_exit(w, id, -1, s == OB_JOB_FAILED);
        world_round(w);
    }
    assert_state(w, id, -1, s);
    return id;
}

static void report(world *w, ob_uuid id, const char *instance, int32_t run, happening h)
{
    engine_run_report r = { .run = { .id = id, .index = -1, .run = run }, .state = RUN_EXITED };
    if (h == REPORT_STARTING) {
        r.state = RUN_STARTING;
    } else if (h == REPORT_RUNNING || h == OLD_RUN_RUNNING || h == OTHER_INSTANCE_RUNNING) {
        r.state = RUN_RUNNING;
        r.started_at_ms = w->now_ms;
    } else if (h == FAILED_TO_START) {
        r.reason = "CannotPullContainerError: no such image";
    } else if (h != REFUSED) {
        r.started = true;
        r.has_exit_code = h != EXIT_WITHOUT_CODE;
        r.exit_code = h == EXIT_1;
    }
    engine_report(w->e, instance, &r);
}

static void happen(world *w, ob_uuid id, ob_job_state s, happening h)
{
    int32_t run = s > OB_JOB_RUNNABLE ? 3 : 1;
    engine_run_report held = { .run = { .id = id, .index = -1, .run = run },
                               .state = s == OB_JOB_STARTING ? RUN_STARTING : RUN_RUNNING };
    engine_queue deleted = { .id = 1, .name = "queue", .deleting = true, .ces = { 1 }, .n_ces = 1 };
    engine_submission again = { .id = id, .queue_id = 1, .need = NEED1, .created_at_ms = 5 };
    switch (h) {
    case SUBMIT_AGAIN:
        /* An ended job's inbox row went with its admission: the service never feeds it again. */
        if (!ob_job_is_final(s))
            engine_submit(w->e, &again);
        break;
    case QUEUE_COMES:
        world_queue(w, 1, 1, 1, 0);
        break;
    case ROOM_COMES:
        world_instance(w, "i-9", 1, BIG, OB_INSTANCE_ACTIVE);
        break;
    case REPORT_STARTING:
    case REPORT_RUNNING:
    case EXIT_0:
    case EXIT_1:
    case EXIT_WITHOUT_CODE:
    case FAILED_TO_START:
    case REFUSED:
        report(w, id, "i-1", run, h);
        break;
    case OLD_RUN_RUNNING:
    case OLD_RUN_EXITED:
        report(w, id, "i-1", run - 1, h);
        break;
    case OTHER_INSTANCE_RUNNING:
    case OTHER_INSTANCE_EXITED:
        report(w, id, "i-2", run, h);
        break;
    case CANCEL:
    case TERMINATE:
        world_stop(w, id, -1, h == TERMINATE, "my reason");
        break;
    case INSTANCE_DRAINS:
        world_instance(w, "i-1", 1, BIG, OB_INSTANCE_DRAINING);
        break;
    case INSTANCE_LOST:
        world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LOST);
        break;
    case INSTANCE_GONE:
        engine_drop_instance(w->e, "i-1");
        break;
    case REGISTERED_WITH:
        engine_registered(w->e, "i-1", &held, 1);
        break;
    case REGISTERED_WITHOUT:
        engine_registered(w->e, "i-1", NULL, 0);
        break;
    case QUEUE_DELETED:
        engine_put_queue(w->e, &deleted);
        break;
    case HAPPENINGS:
        break;
    }
}

/* Once: as wanted. The same once more: nothing else comes of it. */
static void every_state_and_every_happening(void **state)
{
    (void)state;
    static const char letters[] = { [ORDER_RUN] = 'R', [ORDER_STOP] = 'S', [ORDER_CONFIRM] = 'C' };
    for (int s = 0; s < OB_JOB_STATE_COUNT; s++) {
        if (s == OB_JOB_PENDING) /* arrays' parents only: test_engine_array */
            continue;
        for (int h = 0; h < HAPPENINGS; h++) {
            world w;
            world_init(&w);
            ob_uuid id = bring(&w, (ob_job_state)s);
            happen(&w, id, (ob_job_state)s, (happening)h);
            world_round(&w);
            ob_job_state to = want[s][h] == SAME ? (ob_job_state)s : want[s][h];
            char orders[8] = "";
            for (size_t i = 0; i < w.effects.n_orders && i < 7; i++)
                orders[i] = letters[w.effects.orders[i].kind];
            if (world_state(&w, id, -1) != to ||
                strcmp(orders, orders_wanted((ob_job_state)s, (happening)h)) != 0)
                fail_msg("%s, %s: became %s with orders \"%s\"", ob_job_state_name((ob_job_state)s),
                         names[h], ob_job_state_name(world_state(&w, id, -1)), orders);
            size_t events = engine_db_events(w.db);
            if (h != REFUSED) {
                happen(&w, id, (ob_job_state)s, (happening)h);
                world_round(&w);
                if (engine_db_events(w.db) != events)
                    fail_msg("%s, %s: twice is not once", ob_job_state_name((ob_job_state)s),
                             names[h]);
            }
            world_done(&w);
        }
    }
}

static void a_job_that_ran_shows_every_state_even_in_one_batch(void **state)
{
    world *w = *state;
    ob_uuid id = bring(w, OB_JOB_RUNNABLE);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    world_round(w);
    world_running(w, id, -1);
    world_exit(w, id, -1, 0);
    world_round(w);
    assert_story(w, id, -1, "Rsr+");
    assert_int_equal(w->effects.n_live_update,
                     0); /* coalesced: one delete, one done, one attempt */
    assert_int_equal(w->effects.n_live_delete, 1);
    assert_int_equal(w->effects.n_done, 1);
    assert_int_equal(w->effects.n_attempts, 1);
    /* Submitted, placed, stopped within a round: no live row at all. */
    ob_uuid quick = world_submit(w, 1, 0, NEED1);
    world_stop(w, quick, -1, false, "changed my mind");
    world_round(w);
    assert_story(w, quick, -1, "R-");
    assert_int_equal(w->effects.n_live_insert + w->effects.n_live_delete, 0);
    assert_int_equal(w->effects.n_done, 1);
    /* Submitted and placed: one insert, in its last state. */
    ob_uuid placed = world_submit(w, 1, 0, NEED1);
    world_round(w);
    assert_story(w, placed, -1, "Rs");
    assert_int_equal(w->effects.n_live_insert, 1);
    assert_int_equal(w->effects.live_insert[0].state, OB_JOB_STARTING);
    /* RUNNING and the end known from the end alone. */
    world_exit(w, placed, -1, 3);
    world_round(w);
    assert_story(w, placed, -1, "Rsr-");
}

static void the_end_says_what_happened(void **state)
{
    world *w = *state;
    static const struct {
        engine_run_report r;
        bool succeeded;
        const char *reason, *container_reason;
    } cases[] = {
        { { .started = true, .has_exit_code = true },
          true,
          "Essential container in task exited",
          NULL },
        { { .started = true, .has_exit_code = true, .exit_code = 7 },
          false,
          "Essential container in task exited",
          NULL },
        { { .started = true, .has_exit_code = true, .exit_code = 137, .oom = true },
          false,
          "Essential container in task exited",
          "OutOfMemoryError: Container killed due to memory usage" },
        { { .started = true, .reason = "CannotInspectContainerError: x" },
          false,
          "Essential container in task exited",
          "CannotInspectContainerError: x" },
        { { .reason = "CannotPullContainerError: x" },
          false,
          "Task failed to start",
          "CannotPullContainerError: x" },
        { { .reason = "x", .status_reason = "ResourceInitializationError: y" },
          false,
          "ResourceInitializationError: y",
          "x" },
        { { .started = true, .has_exit_code = true, .exit_code = 1, .status_reason = "z" },
          false,
          "z",
          NULL },
    };
    world_ce(w, 1, 64, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_ACTIVE);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_uuid id = world_submit(w, 1, 0, NEED1);
        world_round(w);
        engine_run_report r = cases[i].r;
        r.run = world_run(w, id, -1, RUN_EXITED).run;
        r.state = RUN_EXITED;
        engine_report(w->e, "i-1", &r);
        world_round(w);
        assert_state(w, id, -1, cases[i].succeeded ? OB_JOB_SUCCEEDED : OB_JOB_FAILED);
        db_row row = engine_db_row(w->db, &id, -1);
        assert_string_equal(row.reason, cases[i].reason);
        assert_int_equal(row.started_at_ms != 0, r.started);
        const effect_attempt *t = engine_db_attempt(w->db, &id, -1, 1);
        assert_non_null(t);
        assert_string_equal(t->reason, cases[i].reason);
        assert_int_equal(t->has_exit_code, r.has_exit_code);
        assert_int_equal(t->exit_code, r.exit_code);
        if (cases[i].container_reason)
            assert_string_equal(t->container_reason, cases[i].container_reason);
        else
            assert_null(t->container_reason);
        /* The event carries it too. */
        const effect_event *ev = &w->effects.events[w->effects.n_events - 1];
        assert_string_equal(ev->reason, cases[i].reason);
        assert_int_equal(ev->attempt, 1);
    }
}

static void terminated_runs_fail_with_the_callers_words_whatever_they_say(void **state)
{
    world *w = *state;
    for (int code = 0; code < 2; code++) {
        ob_uuid id = code ? world_submit(w, 1, 0, NEED1) : bring(w, OB_JOB_STARTING);
        world_round(w);
        world_stop(w, id, -1, true, "Stop, please.");
        world_round(w);
        assert_string_equal(engine_db_row(w->db, &id, -1).stop_reason, "Stop, please.");
        assert_int_equal(engine_db_row(w->db, &id, -1).flags, 2);
        world_stop(w, id, -1, true, "A second time");
        world_exit(w, id, -1, code);
        world_round(w);
        db_row row = engine_db_row(w->db, &id, -1);
        assert_state(w, id, -1, OB_JOB_FAILED);
        assert_string_equal(row.reason, "Stop, please.");
        assert_int_equal(row.flags, 2);
        const effect_attempt *t = engine_db_attempt(w->db, &id, -1, 1);
        assert_string_equal(t->reason, "Stop, please.");
        assert_true(t->has_exit_code);
        assert_int_equal(t->exit_code, code);
    }
    /* Stopped before it started: ended, without an attempt. */
    ob_uuid id = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_stop(w, id, -1, true, "Not yet begun");
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r);
    world_round(w);
    assert_story(w, id, -1, "Rs-");
    assert_null(engine_db_attempt(w->db, &id, -1, 1));
    /* Terminated on an instance that is lost. */
    ob_uuid gone = world_submit(w, 1, 0, NEED1);
    world_round(w);
    world_running(w, gone, -1);
    world_stop(w, gone, -1, true, "Too late");
    world_instance(w, "i-1", 1, BIG, OB_INSTANCE_LOST);
    world_round(w);
    assert_string_equal(engine_db_row(w->db, &gone, -1).reason, "Too late");
}

static void cancelled_jobs_carry_reason_and_flag(void **state)
{
    world *w = *state;
    ob_uuid id = bring(w, OB_JOB_RUNNABLE), other = world_submit(w, 1, 0, NEED1);
    world_stop(w, id, -1, false, "one");
    world_stop(w, other, -1, true, "two");
    world_round(w);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "one");
    assert_int_equal(engine_db_row(w->db, &id, -1).flags, 1);
    assert_string_equal(engine_db_row(w->db, &other, -1).reason, "two");
    assert_int_equal(engine_db_row(w->db, &other, -1).flags, 2);
}

static void a_deleted_queue_ends_its_jobs_and_is_empty_then(void **state)
{
    world *w = *state;
    world_ce(w, 1, 64, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_queue(w, 2, 1, 1, 0);
    world_instance(w, "i-1", 1, NEED(2, 16000), OB_INSTANCE_ACTIVE);
    ob_uuid running = world_submit(w, 1, 0, NEED1);
    ob_uuid other = world_submit(w, 2, 0, NEED1);
    ob_uuid many = world_submit(w, 1, 10, NEED(2, 100));
    world_round(w);
    world_running(w, running, -1);
    world_round(w);
    engine_queue q = { .id = 1, .name = "q", .deleting = true };
    engine_put_queue(w->e, &q);
    ob_uuid late = world_submit(w, 1, 0, NEED1);
    world_round(w);
    assert_state(w, many, -1, OB_JOB_FAILED);
    assert_state(w, late, -1, OB_JOB_FAILED);
    assert_state(w, running, -1, OB_JOB_RUNNING);
    assert_false(engine_queue_empty(w->e, 1));
    world_exit(w, running, -1, 0);
    world_round(w);
    assert_true(engine_queue_empty(w->e, 1));
    assert_string_equal(engine_db_row(w->db, &running, -1).reason, "JobQueue deleted");
    assert_string_equal(engine_db_row(w->db, &many, -1).reason, "JobQueue deleted");
    assert_int_equal(engine_db_row(w->db, &late, -1).flags, 2);
    assert_state(w, other, -1, OB_JOB_STARTING);
    engine_drop_queue(w->e, 1);
    world_round(w);
    assert_true(engine_queue_empty(w->e, 1));
}

/* The transaction of a round stays short. */
static void a_deleted_queue_ends_many_jobs_in_several_rounds(void **state)
{
    world *w = *state;
    world_ce(w, 1, 64, BIG);
    world_queue(w, 1, 1, 1, 0);
    world_instance(w, "i-1", 1, NEED(8, 100000), OB_INSTANCE_ACTIVE);
    for (int i = 0; i < 5000; i++)
        (void)world_submit(w, 1, i < 4 ? 2 : 0, i < 4 ? NEED1 : NEED(9 + i % 2, 100));
    world_round(w);
    engine_put_queue(
        w->e, &(engine_queue){ .id = 1, .name = "q", .deleting = true, .ces = { 1 }, .n_ces = 1 });
    world_instance(w, "i-2", 1, NEED(64, 100000), OB_INSTANCE_ACTIVE); /* room, too late */
    int rounds = 0;
    for (; rounds < 20 && engine_dirty(w->e); rounds++) {
        world_round(w);
        assert_true(w->effects.n_done < 3000);
        assert_int_equal(world_orders(w, ORDER_RUN), 0);
    }
    assert_in_range(rounds, 2, 5);
    assert_int_equal(engine_db_unended(w->db), 4); /* whose children are being stopped */
    for (uint64_t i = 1; i <= 4; i++) {
        world_exit(w, world_id(i), 0, 143);
        world_exit(w, world_id(i), 1, 143);
    }
    world_round(w);
    assert_true(engine_queue_empty(w->e, 1));
}

static void a_job_refused_as_its_queue_is_deleted_ends(void **state)
{
    world *w = *state;
    ob_uuid id = bring(w, OB_JOB_STARTING);
    engine_run_report r = world_run(w, id, -1, RUN_EXITED);
    engine_report(w->e, "i-1", &r);
    engine_put_queue(w->e, &(engine_queue){ .id = 1, .name = "q", .deleting = true });
    world_round(w);
    assert_state(w, id, -1, OB_JOB_FAILED);
    assert_string_equal(engine_db_row(w->db, &id, -1).reason, "JobQueue deleted");
}

static void times_never_go_backwards_within_a_job(void **state)
{
    world *w = *state;
    ob_uuid id = bring(w, OB_JOB_STARTING);
    engine_run_report r = world_run(w, id, -1, RUN_RUNNING);
    r.started_at_ms = 17; /* a clock that is far behind */
    engine_report(w->e, "i-1", &r);
    world_round(w);
    int64_t started = engine_db_row(w->db, &id, -1).started_at_ms;
    assert_true(started >= engine_db_row(w->db, &id, -1).runnable_at_ms);
    w->now_ms -= 100000; /* and ours was set back */
    r.state = RUN_EXITED;
    r.started = r.has_exit_code = true;
    r.stopped_at_ms = 18;
    engine_report(w->e, "i-1", &r);
    world_round(w); /* the database checks events and rows */
    assert_true(engine_db_row(w->db, &id, -1).stopped_at_ms >= started);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_new, world_free)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_every_happening),
        T(a_job_that_ran_shows_every_state_even_in_one_batch),
        T(the_end_says_what_happened),
        T(terminated_runs_fail_with_the_callers_words_whatever_they_say),
        T(cancelled_jobs_carry_reason_and_flag),
        T(a_deleted_queue_ends_its_jobs_and_is_empty_then),
        T(a_deleted_queue_ends_many_jobs_in_several_rounds),
        T(a_job_refused_as_its_queue_is_deleted_ends),
        T(times_never_go_backwards_within_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
