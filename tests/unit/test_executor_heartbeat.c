/* An executor's messages about very many runs with long reasons, with a broker in memory: as many
 * messages as needed, and none longer than its reader accepts. */
#include "bus_mock.h"
#include "executor_world.h"

#include "heartbeat.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "seal_pair.h"

#define RUNS 1500
#define INSTANCE "i-0123456789abcdef0"
#define LONGEST "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" /* as JSON */

typedef struct heard {
    world *w;
    heartbeat *h;
    notice *none;
    ob_seal copy, own;
    ob_bus *writer, *reader;
    loop_timer timer;
    int64_t until_ms;
    char session[32];
    int64_t parts, next_part;
    size_t held, reported, most, longest, beats; /* most: runs of one report */
    char unwell[64];                             /* of the last registration or heartbeat */
    bool is_deaf;                                /* it hears nothing of its bus */
    bool (*is_enough)(const struct heard *x);
} heard;

static void on_heard(const ob_bus_msg *msg, void *arg)
{
    heard *x = arg;
    json_auto_t *json = NULL;
    const char *type;
    int64_t epoch;
    ob_error err = { 0 };
    if (ob_seal_parse(&x->copy, msg, &json, &type, &epoch, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(ob_seal_is_sealed(json));
    assert_string_equal(ob_json_str(json, "instance", ""), INSTANCE);
    x->longest = msg->len > x->longest ? msg->len : x->longest;
    const char *session = ob_json_str(json, "session", "");
    if (strcmp(type, "report") != 0)
        (void)snprintf(x->unwell, sizeof(x->unwell), "%s", ob_json_str(json, "unwell", ""));
    if (strcmp(type, "heartbeat") == 0) {
        const json_t *figures = json_object_get(json, "figures");
        assert_int_equal(json_object_size(figures), 7);
        assert_true(ob_json_int(figures, "starting", -1) >= 0);
        x->beats++;
    }
    if (strcmp(type, "registered") == 0) {
        if (x->next_part == 0)
            (void)snprintf(x->session, sizeof(x->session), "%s", session);
        assert_string_equal(session, x->session);
        assert_int_equal(ob_json_int(json, "part", 0), x->next_part++);
        x->parts = ob_json_int(json, "parts", 1);
        x->held += json_array_size(json_object_get(json, "held"));
    } else if (strcmp(type, "report") == 0) {
        assert_true(x->parts > 0 && x->next_part == x->parts);
        size_t runs = json_array_size(json_object_get(json, "runs"));
        x->reported += runs;
        x->most = runs > x->most ? runs : x->most;
    }
}

static void on_turn(void *arg)
{
    heartbeat_flush(((heard *)arg)->h);
}

static void on_time(void *arg)
{
    heard *x = arg;
    if (!x->is_deaf)
        (void)ob_bus_poll(x->writer, 0, 10000);
    (void)ob_bus_poll(x->reader, 0, 10000);
    loop_timer_set(x->w->loop, &x->timer, 20);
    if (x->is_enough(x) || ob_mono_ms() > x->until_ms)
        loop_stop(x->w->loop);
}

static void on_assigned(ob_bus_event event, void *arg)
{
    if (event == OB_BUS_REASSIGNED)
        heartbeat_assigned(((heard *)arg)->h);
}

static ob_bus *bus_of(ob_bus_on_msg hears, ob_bus_on_event sees, void *arg)
{
    ob_bus *bus = NULL;
    ob_error err = { 0 };
    const ob_bus_config config = { .servers = rd_kafka_mock_cluster_bootstraps(cluster),
                                   .client_id = "test",
                                   .partitions = 1,
                                   .on_msg = hears,
                                   .on_event = sees,
                                   .arg = arg };
    if (ob_bus_new(&config, &bus, &err) < 0)
        fail_msg("%s", err.text);
    return bus;
}

static void run(heard *x, bool (*is_enough)(const heard *x), int64_t patience_ms)
{
    x->is_enough = is_enough;
    x->until_ms = ob_mono_ms() + patience_ms;
    loop_timer_set(x->w->loop, &x->timer, 0);
    assert_int_equal(loop_run(x->w->loop, NULL), 0);
}

static void run_until(heard *x, bool (*is_enough)(const heard *x), int64_t patience_ms)
{
    run(x, is_enough, patience_ms);
    assert_true(is_enough(x));
}

/* An executor that is to register, and who reads what it says. */
static void begin(heard *x, world *w)
{
    *x = (heard){ .w = w };
    seal_pair(INSTANCE, 1, &x->copy, &x->own);
    x->timer = (loop_timer){ .fn = on_time, .arg = x };
    x->writer = bus_of(NULL, on_assigned, x);
    x->reader = bus_of(on_heard, NULL, x);
    assign(x->reader, OB_TOPIC_EXECUTIONS);
    x->none = notice_new(&(notice_config){ .loop = w->loop, .spool = w->spool });
    x->h = heartbeat_new(&(heartbeat_config){ .loop = w->loop,
                                              .bus = x->writer,
                                              .attempts = &w->a,
                                              .placement = w->placement,
                                              .notice = x->none,
                                              .instance = INSTANCE,
                                              .seal = &x->own,
                                              .ce = "ce",
                                              .host = "h",
                                              .every_ms = 600000,
                                              .partitions = 1 });
    int64_t until_ms = ob_mono_ms() + 20000;
    while (!ob_bus_is_up(x->writer) && ob_mono_ms() < until_ms)
        poll_for(x->writer, 50);
    heartbeat_register(x->h);
    loop_on_turn(w->loop, on_turn, x);
}

static void end(heard *x)
{
    loop_timer_stop(x->w->loop, &x->timer);
    heartbeat_free(x->h);
    notice_free(x->none);
    ob_bus_free(x->writer);
    ob_bus_free(x->reader);
}

static bool all_are_reported(const heard *x)
{
    return x->reported >= RUNS;
}

static void very_many_runs_are_told_in_several_messages(void **state)
{
    static heard x;
    static char reason[256];
    world *w = *state;
    for (size_t i = 0; i + 16 < sizeof(reason); i += 16)
        memcpy(reason + i, LONGEST, 16);
    for (int i = 0; i < RUNS; i++) {
        char run[OB_RUN_TEXT];
        (void)snprintf(run, sizeof(run), JOB ":%d/1", i);
        attempt *at = attempts_add(&w->a, run, ATTEMPT_EXITED);
        at->reason = ob_strdup(reason);
        attempt_touch(at);
    }
    begin(&x, w);
    run_until(&x, all_are_reported, 240000);
    assert_true(x.parts > 1);
    assert_int_equal(x.next_part, x.parts);
    assert_int_equal(x.held, RUNS);
    assert_int_equal(x.reported, RUNS);
    assert_true(x.longest <= OB_MESSAGE_MAX && x.longest > OB_MESSAGE_MAX / 2);
    end(&x);
}

/* One message is one transaction of the scheduler's. */
static void at_most_500_runs_are_told_in_one_report(void **state)
{
    static heard x;
    world *w = *state;
    for (int i = 0; i < RUNS; i++) {
        char run[OB_RUN_TEXT];
        (void)snprintf(run, sizeof(run), JOB ":%d/1", i);
        attempt_touch(attempts_add(&w->a, run, ATTEMPT_EXITED));
    }
    begin(&x, w);
    run_until(&x, all_are_reported, 240000);
    assert_int_equal(x.parts, 1);
    assert_int_equal(x.held, RUNS);
    assert_int_equal(x.reported, RUNS);
    assert_int_equal(x.most, 500);
    end(&x);
}

static bool is_registered(const heard *x)
{
    return x->parts > 0 && x->next_part == x->parts;
}

static bool has_beaten(const heard *x)
{
    return x->beats > 0;
}

/* Heartbeats are ten minutes apart here. */
static void an_engine_that_is_unwell_is_told_of_at_once_and_by_each_registration(void **state)
{
    static heard x;
    begin(&x, *state);
    heartbeat_unwell(x.h, "containerd is away"); /* nobody can be told yet */
    run_until(&x, is_registered, 30000);
    assert_string_equal(x.unwell, "containerd is away");
    static const char *const said[] = { NULL, "its disk is full", NULL };
    for (size_t i = 0; i < 3; i++) {
        x.beats = 0;
        heartbeat_unwell(x.h, said[i]);
        run_until(&x, has_beaten, 30000);
        assert_string_equal(x.unwell, said[i] ? said[i] : "");
    }
    end(&x);
}

/* What is said under a session before its partition is there would be answered where nobody reads.
 */
static void nothing_is_said_before_the_partition_is_assigned(void **state)
{
    static heard x;
    begin(&x, *state);
    x.is_deaf = true;
    run(&x, is_registered, 1500);
    assert_int_equal(x.parts, 0);
    assert_false(heartbeat_is_registered(x.h));
    x.is_deaf = false;
    run_until(&x, is_registered, 30000);
    assert_true(heartbeat_is_registered(x.h));
    end(&x);
}

/* Each registration is another session, so that one whose parts were lost in between is not joined
 * with it. */
static void registering_again_is_another_session(void **state)
{
    static heard x;
    char before[32];
    begin(&x, *state);
    run_until(&x, is_registered, 30000);
    (void)snprintf(before, sizeof(before), "%s", x.session);
    x.parts = x.next_part = 0;
    heartbeat_register(x.h);
    run_until(&x, is_registered, 30000);
    assert_string_not_equal(x.session, before);
    assert_int_equal(strlen(x.session), strlen(before));
    end(&x);
}

static int start(void **state)
{
    if (set_up(state) != 0)
        return -1;
    make_topic(OB_TOPIC_PLACEMENTS, 1);
    make_topic(OB_TOPIC_EXECUTIONS, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(very_many_runs_are_told_in_several_messages),
        IN_WORLD(at_most_500_runs_are_told_in_one_report),
        IN_WORLD(an_engine_that_is_unwell_is_told_of_at_once_and_by_each_registration),
        IN_WORLD(nothing_is_said_before_the_partition_is_assigned),
        IN_WORLD(registering_again_is_another_session),
    };
    return cmocka_run_group_tests(tests, start, tear_down);
}
