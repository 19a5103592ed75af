/* What the scheduler hears from executors: values count only within bounds, and a registration in
 * parts counts when all have come. */
#include "scheduler_world.h"

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/text.h"
#include "peers.h"
#include "peers_internal.h"
#include "random_bytes.h"
#include "report_messages.h"

static void a_registration_counts_when_all_its_parts_are_there(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    world_registered(&w, "one", 0, 1);
    assert_true(world_is_current(&w, "one"));
    world_registered(&w, "two", 0, 3);
    world_registered(&w, "two", 1, 3);
    assert_true(world_is_current(&w, "one"));
    world_registered(&w, "two", 2, 3);
    assert_true(world_is_current(&w, "two"));
    world_registered(&w, "three", 1, 2); /* the first was lost */
    assert_true(world_is_current(&w, "two"));
    world_registered(&w, "four", 0, 2);
    world_registered(&w, "five", 1, 2); /* of another one */
    assert_true(world_is_current(&w, "two"));
    world_registered(&w, "six", 0, 3);
    world_registered(&w, "six", 2, 3); /* one between was lost, and this one comes twice */
    world_registered(&w, "six", 2, 3);
    assert_true(world_is_current(&w, "two"));
    reports_again(&w.s); /* all anew, as after a round that failed */
    reports_feed(&w.s);
    assert_true(world_is_current(&w, "two"));
    world_end(&w);
}

/* Runs that nobody knows. */
static json_t *unknown_runs(int first, int n)
{
    json_t *runs = json_array();
    for (int i = first; i < first + n; i++) {
        char run[OB_RUN_TEXT];
        ob_run_ref ref = { .id = world_job_id(i), .index = -1, .run = 1 };
        ob_run_ref_format(&ref, run);
        (void)json_array_append_new(
            runs, json_pack("{s:s, s:s}", "run", run, "state", i % 2 ? "running" : "exited"));
    }
    return runs;
}

static size_t orders_of_a_round(world *w)
{
    engine_effects_clear(&w->s.effects);
    engine_round(w->s.engine, ob_wall_ms(), &w->s.effects);
    return w->s.effects.n_orders;
}

static void of_many_unknown_runs_a_thousand_are_answered(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    json_t *msg = world_said("report", "session");
    (void)json_object_set_new(msg, "runs", unknown_runs(1, 6000));
    world_hear(&w, msg);
    assert_int_equal(orders_of_a_round(&w), ENGINE_ANSWERS_MAX);
    assert_int_equal(w.s.effects.orders[0].kind, ORDER_STOP);
    assert_int_equal(w.s.effects.orders[1].kind, ORDER_CONFIRM);
    for (int part = 0; part < 2; part++) {
        msg = world_said("registered", "next");
        (void)json_object_set_new(msg, "held", unknown_runs(1 + 6000 * part, 6000));
        (void)json_object_set_new(msg, "part", json_integer(part));
        (void)json_object_set_new(msg, "parts", json_integer(2));
        world_hear(&w, msg);
    }
    assert_true(world_is_current(&w, "next"));
    assert_int_equal(orders_of_a_round(&w), ENGINE_ANSWERS_MAX);
    for (int i = 0; i < 2; i++) { /* two messages, two answers */
        msg = world_said("report", "next");
        (void)json_object_set_new(msg, "runs", unknown_runs(1, 600));
        world_hear(&w, msg);
    }
    assert_int_equal(orders_of_a_round(&w), 1200);
    world_end(&w);
}

/* Nothing else of them waits, however long it is. */
static void of_a_registration_in_parts_only_run_states_are_kept(void **state)
{
    static world w;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 100001);
    memset(text, 'x', 100000);
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    json_t *run = json_pack("{s:s, s:s, s:I, s:i, s:i, s:b, s:s, s:s, s:{s:s}, s:[i]}", "run", "r",
                            "state", "exited", "startedAt", (json_int_t)1700000000000, "exitCode",
                            3, "cpuMs", 5, "oom", 1, "statusReason", text, "other", text, "reason",
                            "a", text, "stoppedAt", 1);
    json_t *msg = world_said("registered", "one");
    (void)json_object_set_new(msg, "held", json_pack("[o, s]", run, text));
    (void)json_object_set_new(msg, "part", json_integer(0));
    (void)json_object_set_new(msg, "parts", json_integer(2));
    world_hear(&w, msg);
    const json_t *held = peers_find(w.s.peers, INSTANCE)->held;
    const json_t *kept = json_array_get(held, 0);
    assert_int_equal(json_array_size(held), 2);
    assert_int_equal(json_object_size(kept), 7);
    assert_int_equal(ob_json_int(kept, "cpuMs", 0), 5);
    assert_string_equal(ob_json_str(kept, "run", ""), "r");
    assert_int_equal(ob_json_int(kept, "startedAt", 0), 1700000000000);
    assert_int_equal(ob_json_int(kept, "exitCode", 0), 3);
    assert_true(ob_json_bool(kept, "oom", false));
    assert_int_equal(strlen(ob_json_str(kept, "statusReason", "")), 1024);
    assert_int_equal(json_object_size(json_array_get(held, 1)), 0);
    world_end(&w);
}

static void running_job(world *w)
{
    world_put_instance(w, INSTANCE, OB_INSTANCE_ACTIVE);
    engine_put_queue(
        w->s.engine,
        &(engine_queue){ .id = 1, .name = "q", .enabled = true, .ces = { WORLD_CE }, .n_ces = 1 });
    engine_submit(w->s.engine, &(engine_submission){ .id = world_job_id(1),
                                                     .queue_id = 1,
                                                     .need = { 1000, 100, 0 },
                                                     .created_at_ms = ob_wall_ms() - 1000 });
    engine_round(w->s.engine, ob_wall_ms() - 500, &w->s.effects);
    assert_int_equal(w->s.effects.n_placement_insert, 1);
    engine_effects_clear(&w->s.effects);
    peers_registered(w->s.peers, INSTANCE, "session");
}

/* Random texts of up to 2,000 characters, times from 1970 to beyond 2100, numbers of any size. */
static void what_executors_say_is_bounded(void **state)
{
    uint64_t seed = 17;
    for (int i = 0; i < 60; i++) {
        static world w;
        world_begin(&w, OB_TOPIC_PLACEMENTS);
        int64_t before_ms = ob_wall_ms() - 501;
        running_job(&w);
        static const int64_t any[] = { 0, 1, -5, 1700000000000, 4200000000000, INT64_MAX };
        char raw[6001];
        random_string(&seed, raw, sizeof(raw) - 1);
        int64_t code = any[random_next(&seed) % 6] - (int64_t)(random_next(&seed) % 3);
        json_t *run = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "run",
                                "018f0000-0000-7000-8000-000000000001/1", "state", "exited",
                                "createdAt", (json_int_t)any[random_next(&seed) % 6], "cpuMs",
                                (json_int_t)any[random_next(&seed) % 6], "peakBytes",
                                (json_int_t)any[random_next(&seed) % 6], "startedAt",
                                (json_int_t)any[random_next(&seed) % 6], "stoppedAt",
                                (json_int_t)any[random_next(&seed) % 6], "exitCode",
                                (json_int_t)code, "started", 1);
        (void)json_object_set_new(run, "reason", ob_json_text(raw));
        (void)json_object_set_new(run, "statusReason", ob_json_text(raw));
        json_t *msg = world_said("report", "session");
        (void)json_object_set_new(msg, "runs", json_pack("[o]", run));
        world_hear(&w, msg);
        engine_round(w.s.engine, ob_wall_ms(), &w.s.effects);
        assert_int_equal(w.s.effects.n_attempts, 1);
        const effect_attempt *a = &w.s.effects.attempts[0];
        assert_true(strlen(a->container_reason) <= 255);
        assert_true(ob_text_is_utf8(a->container_reason, strlen(a->container_reason)));
        assert_true(strlen(a->reason) <= 1024 && ob_text_is_utf8(a->reason, strlen(a->reason)));
        assert_true(a->started_at_ms >= before_ms && a->started_at_ms <= ob_wall_ms());
        assert_true(a->stopped_at_ms >= a->started_at_ms && a->stopped_at_ms <= ob_wall_ms());
        assert_int_equal(a->has_exit_code, code >= 0 && code <= 255);
        assert_true(a->created_at_ms == 0 ||
                    (a->created_at_ms >= before_ms && a->created_at_ms <= a->stopped_at_ms));
        assert_true(a->cpu_ms >= 0 && a->cpu_ms <= INT64_C(1) << 54);
        assert_true(a->peak_bytes >= 0 && a->peak_bytes <= INT64_C(1) << 46);
        world_end(&w);
    }
}

static void a_poison_reason_is_cut_where_it_enters(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    running_job(&w);
    ob_cleanup(ob_freep) char *reason = ob_calloc(1, 500001);
    memset(reason, 'x', 500000);
    json_t *msg = world_said("report", "session");
    (void)json_object_set_new(msg, "runs",
                              json_pack("[{s:s, s:s, s:s}]", "run",
                                        "018f0000-0000-7000-8000-000000000001/1", "state", "exited",
                                        "reason", reason));
    world_hear(&w, msg);
    engine_round(w.s.engine, ob_wall_ms(), &w.s.effects);
    assert_int_equal(strlen(w.s.effects.attempts[0].container_reason), 255);
    world_end(&w);
}

/* The text of a pod is made anew, whatever else is in the run state; of a registration in parts it
 * stays. */
static void what_executors_say_of_pods_is_bounded(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    running_job(&w);
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 5001);
    memset(text, 'x', 5000);
    json_t *run = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:[{s:s, s:i, s:s}]}}", "run",
                            "018f0000-0000-7000-8000-000000000001/1", "state", "starting",
                            "podText", text, "pod", "name", "p", "other", text, "containers",
                            "name", "a", "exitCode", 1000, "reason", text);
    for (int parts = 1; parts <= 2; parts++) {
        json_t *msg = world_said(parts == 1 ? "report" : "registered", "session");
        (void)json_object_set_new(msg, parts == 1 ? "runs" : "held", json_pack("[O]", run));
        if (parts == 2) {
            (void)json_object_set_new(msg, "part", json_integer(0));
            (void)json_object_set_new(msg, "parts", json_integer(2));
            world_hear(&w, msg);
            msg = world_said("registered", "session");
            (void)json_object_set_new(msg, "held", json_array());
            (void)json_object_set_new(msg, "part", json_integer(1));
            (void)json_object_set_new(msg, "parts", json_integer(2));
        }
        world_hear(&w, msg);
        engine_effects_clear(&w.s.effects);
        engine_round(w.s.engine, ob_wall_ms(), &w.s.effects);
        assert_int_equal(w.s.effects.n_pods, 1);
        const char *body = w.s.effects.pods[0].body;
        json_auto_t *pod = ob_json_read_text(body);
        const json_t *one = json_array_get(json_object_get(pod, "containers"), 0);
        assert_string_equal(ob_json_str(pod, "name", ""), "p");
        assert_int_equal(strlen(ob_json_str(one, "reason", "")), 255);
        assert_null(json_object_get(one, "exitCode"));
        assert_true(strlen(body) < 400);
    }
    json_decref(run);
    world_end(&w);
}

static size_t unwell(const world *w)
{
    engine_stats stats;
    engine_stats_get(w->s.engine, &stats);
    return stats.unwell;
}

static json_t *said_unwell(const char *type, const char *session, const char *why)
{
    json_t *msg = world_said(type, session);
    if (why)
        (void)json_object_set_new(msg, "unwell", json_string(why));
    return msg;
}

static void an_engine_that_is_unwell_is_one_until_its_executor_says_otherwise(void **state)
{
    static world w;
    world_begin(&w, OB_TOPIC_PLACEMENTS);
    world_put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    world_hear(&w, said_unwell("registered", "one", "containerd is away"));
    assert_int_equal(unwell(&w), 1);
    world_hear(&w, said_unwell("registered", "two", NULL));
    assert_int_equal(unwell(&w), 0);
    world_hear(&w, said_unwell("heartbeat", "two", "containerd is away"));
    assert_int_equal(unwell(&w), 1);
    world_hear(&w, world_said("report", "two")); /* says nothing of it */
    assert_int_equal(unwell(&w), 1);
    world_hear(&w, said_unwell("heartbeat", "two", NULL));
    assert_int_equal(unwell(&w), 0);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registration_counts_when_all_its_parts_are_there),
        cmocka_unit_test(of_many_unknown_runs_a_thousand_are_answered),
        cmocka_unit_test(of_a_registration_in_parts_only_run_states_are_kept),
        cmocka_unit_test(what_executors_say_is_bounded),
        cmocka_unit_test(a_poison_reason_is_cut_where_it_enters),
        cmocka_unit_test(what_executors_say_of_pods_is_bounded),
        cmocka_unit_test(an_engine_that_is_unwell_is_one_until_its_executor_says_otherwise),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
