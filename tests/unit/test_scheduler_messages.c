/* Messages of the scheduler, with a broker in memory: none is longer than its reader accepts,
 * nothing is lost between two, and executors' values are accepted only within bounds. */
#include "bus_mock.h"

#include "demand_messages.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "peers.h"
#include "peers_internal.h"
#include "placement_messages.h"
#include "random_bytes.h"
#include "report_messages.h"
#include "seal_pair.h"
#include "topology.h"

#define INSTANCE "i-0123456789abcdef0"
#define TOKEN "secret"
#define CE 7
#define RECEIVED_MAX 64

/* ---- A scheduler without its loop and its database ---- */

typedef struct world {
    scheduler s;
    ob_seal own; /* of the executor; empty: it is of an earlier version */
    json_t *received[RECEIVED_MAX];
    size_t lengths[RECEIVED_MAX];
    int n;
} world;

static void on_received(const ob_bus_msg *msg, void *arg)
{
    world *w = arg;
    const char *type;
    int64_t epoch;
    ob_error err = { 0 };
    assert_true(w->n < RECEIVED_MAX);
    w->lengths[w->n] = msg->len;
    ob_seal_opened m = { .text = ob_strdup(msg->data), .len = msg->len };
    if (*w->own.self.salt) {
        free(m.text);
        if (ob_seal_read(&w->own, msg->topic, msg->data, msg->len, &m, &err) < 0)
            fail_msg("%s", err.text);
    }
    if (ob_message_parse(m.text, m.len, &w->received[w->n++], &type, &epoch, &err) < 0)
        fail_msg("%s", err.text);
    free(m.text);
}

static void begin(world *w, const char *topic)
{
    ob_error err = { 0 };
    *w = (world){ .s = { .epoch = 3, .partitions = 1 } };
    const ob_bus_config config = { .servers = rd_kafka_mock_cluster_bootstraps(cluster),
                                   .client_id = "test",
                                   .partitions = 1,
                                   .on_msg = on_received,
                                   .arg = w };
    if (ob_bus_new(&config, &w->s.bus, &err) < 0)
        fail_msg("%s", err.text);
    (void)rd_kafka_mock_topic_create(cluster, topic, 1, 1);
    assign(w->s.bus, topic);
    w->s.engine = engine_new();
    w->s.peers = peers_new();
    w->s.topology = topology_new();
    w->s.reports = json_array();
    engine_put_ce(w->s.engine, &(engine_ce){ .id = CE,
                                             .name = "ce",
                                             .cluster = "ce_Batch_x",
                                             .enabled = true,
                                             .valid = true,
                                             .max_vcpus = 1000000 });
}

static void end(world *w)
{
    for (int i = 0; i < w->n; i++)
        json_decref(w->received[i]);
    engine_free(w->s.engine);
    engine_effects_done(&w->s.effects);
    peers_free(w->s.peers);
    topology_free(w->s.topology);
    json_decref(w->s.reports);
    ob_bus_free(w->s.bus);
}

static void put_instance(world *w, const char *id, ob_instance_state state)
{
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash(TOKEN, hash);
    engine_put_instance(
        w->s.engine,
        &(engine_instance){
            .id = id, .ce_id = CE, .size = { 64000, 640000, 0 }, .vcpus = 64, .state = state });
    peers_put(w->s.peers, id, CE, state, *w->own.self.salt ? w->own.self.salt : NULL, hash);
}

static void receive(world *w, int n)
{
    poll_until(w->s.bus, &w->n, n);
    poll_for(w->s.bus, 200); /* no more than that */
    assert_int_equal(w->n, n);
    for (int i = 0; i < n; i++)
        assert_true(w->lengths[i] <= OB_MESSAGE_MAX);
}

static ob_uuid job_id(int n)
{
    char text[OB_UUID_TEXT];
    ob_uuid id;
    (void)snprintf(text, sizeof(text), "018f0000-0000-7000-8000-%012d", n);
    assert_true(ob_uuid_parse(text, strlen(text), &id));
    return id;
}

static void order(world *w, int kind, int job)
{
    static effect_order orders[40000];
    engine_effects *effects = &w->s.effects;
    assert_true(effects->n_orders < 40000);
    effects->orders = orders;
    orders[effects->n_orders++] =
        (effect_order){ .kind = kind,
                        .instance_id = INSTANCE,
                        .run = { .id = job_id(job), .index = -1, .run = 1 },
                        .attempt = 1 };
}

static void orders_done(world *w)
{
    w->s.effects.orders = NULL;
    w->s.effects.n_orders = 0;
}

/* Rows of the statement "specs": jobs 1 to n, each with so many bytes of environment. */
static PGresult *make_specs(int n, const size_t *bytes)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[7] = { 0 };
    for (int i = 0; i < 7; i++)
        columns[i].name = (char *)(uintptr_t) "c";
    assert_true(PQsetResultAttrs(res, 7, columns));
    for (int i = 0; i < n; i++) {
        char id[OB_UUID_TEXT];
        ob_uuid job = job_id(i + 1);
        ob_uuid_format(&job, id);
        ob_cleanup(ob_freep) char *filler = ob_calloc(1, bytes[i] + 1);
        memset(filler, 'e', bytes[i]);
        ob_cleanup(ob_freep) char *detail =
            ob_strf("{\"jobArn\":\"arn:aws:batch:r:1:job/%s\",\"jobQueue\":"
                    "\"arn:aws:batch:r:1:job-queue/q\",\"container\":{\"environment\":[\"%s\"]}}",
                    id, filler);
        const char *const values[] = { id, "name", "def:1", detail, NULL, NULL, NULL };
        for (int k = 0; k < 7; k++)
            assert_true(PQsetvalue(res, i, k, (char *)(uintptr_t)values[k],
                                   values[k] ? (int)strlen(values[k]) : -1));
    }
    return res;
}

/* ---- Out ---- */

static void the_spec_of_an_eks_job_has_its_pod(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = make_specs(1, (const size_t[]){ 1 });
    static const char detail[] = "{\"jobArn\":\"arn:aws:batch:r:1:job/j\",\"jobQueue\":"
                                 "\"arn:aws:batch:r:1:job-queue/q\",\"eksProperties\":"
                                 "{\"podProperties\":{\"containers\":[{\"image\":\"i\"}]}}}";
    assert_true(PQsetvalue(specs, 0, 3, (char *)(uintptr_t)detail, (int)strlen(detail)));
    order(&w, ORDER_RUN, 1);
    placements_send(&w.s, specs);
    receive(&w, 1);
    const json_t *spec =
        json_object_iter_value(json_object_iter(json_object_get(w.received[0], "specs")));
    assert_null(json_object_get(spec, "container"));
    const json_t *containers = json_object_get(json_object_get(spec, "eks"), "containers");
    assert_string_equal(ob_json_str(json_array_get(containers, 0), "image", ""), "i");
    PQclear(specs);
    orders_done(&w);
    end(&w);
}

/* As it was met: seven descriptions of 75 KB in one round, and a small one among them. */
static void descriptions_that_do_not_fit_one_message_go_in_several(void **state)
{
    static world w;
    const size_t bytes[] = { 75000, 75000, 75000, 10, 75000, 75000, 75000, 75000 };
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = make_specs(8, bytes);
    for (int i = 1; i <= 8; i++)
        order(&w, ORDER_RUN, i);
    placements_send(&w.s, specs);
    receive(&w, 2);
    int runs = 0;
    for (int i = 0; i < w.n; i++) {
        size_t k;
        const json_t *run;
        assert_int_equal(ob_json_int(w.received[i], "seq", 0), i + 1);
        json_array_foreach(json_object_get(w.received[i], "runs"), k, run)
        {
            char id[OB_UUID_TEXT] = "";
            memcpy(id, ob_json_str(run, "run", ""), OB_UUID_TEXT - 1);
            assert_non_null(json_object_get(json_object_get(w.received[i], "specs"), id));
            runs++;
        }
    }
    assert_int_equal(runs, 8);
    PQclear(specs);
    orders_done(&w);
    end(&w);
}

static void long_lists_go_in_several(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    for (int i = 0; i < 20000; i++)
        order(&w, i % 2 ? ORDER_STOP : ORDER_CONFIRM, i);
    placements_send(&w.s, NULL);
    poll_until(w.s.bus, &w.n, 3);
    size_t stops = 0, confirms = 0;
    for (int64_t until = ob_mono_ms() + 20000; stops + confirms < 20000;) {
        assert_true(ob_mono_ms() < until);
        poll_for(w.s.bus, 50);
        stops = confirms = 0;
        for (int i = 0; i < w.n; i++) {
            assert_true(w.lengths[i] <= OB_MESSAGE_MAX);
            stops += json_array_size(json_object_get(w.received[i], "stop"));
            confirms += json_array_size(json_object_get(w.received[i], "confirm"));
        }
    }
    assert_int_equal(stops, 10000);
    assert_int_equal(confirms, 10000);
    orders_done(&w);
    end(&w);
}

/* One that was stored before its size was looked at: the job ends, with a reason. */
static void a_description_that_cannot_travel_ends_its_run(void **state)
{
    static world w;
    const size_t bytes[] = { 500000, 10 };
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    engine_put_queue(
        w.s.engine,
        &(engine_queue){ .id = 1, .name = "q", .enabled = true, .ces = { CE }, .n_ces = 1 });
    for (int i = 1; i <= 2; i++)
        engine_submit(w.s.engine, &(engine_submission){ .id = job_id(i),
                                                        .queue_id = 1,
                                                        .need = { 1000, 100, 0 },
                                                        .created_at_ms = 1000 });
    engine_round(w.s.engine, 2000, &w.s.effects);
    assert_int_equal(w.s.effects.n_placement_insert, 2);
    peers_registered(w.s.peers, INSTANCE, "session");
    PGresult *specs = make_specs(2, bytes);
    placements_send(&w.s, specs);
    receive(&w, 1); /* the other one goes */
    assert_int_equal(json_array_size(json_object_get(w.received[0], "runs")), 1);

    for (int i = 0; i < 2; i++) /* again, as after a round that failed */
        placements_refused(&w.s);
    engine_effects_clear(&w.s.effects);
    engine_round(w.s.engine, 3000, &w.s.effects);
    assert_int_equal(w.s.effects.n_done, 1);
    assert_int_equal(w.s.effects.done[0].state, OB_JOB_FAILED);
    ob_uuid large = job_id(1);
    assert_int_equal(ob_uuid_cmp(&w.s.effects.done[0].id, &large), 0);
    assert_int_equal(w.s.effects.n_attempts, 1);
    assert_non_null(strstr(w.s.effects.attempts[0].container_reason, "too large"));
    placements_send(&w.s, NULL); /* its round is committed */
    assert_int_equal(w.s.peers->n_refused, 0);
    PQclear(specs);
    end(&w);
}

static void many_instances_are_told_of_in_several(void **state)
{
    enum { N = 24000 };
    static world w;
    begin(&w, OB_TOPIC_INSTANCES);
    for (int i = 0; i < N; i++) {
        char id[OB_INSTANCE_TEXT];
        (void)snprintf(id, sizeof(id), "i-%017d", i);
        peers_put(w.s.peers, id, CE, OB_INSTANCE_DRAINING, NULL, "");
    }
    w.s.peers->n_sync_owed = 0;
    placements_send(&w.s, NULL);
    receive(&w, 2);
    assert_int_equal(json_array_size(json_object_get(w.received[0], "instances")) +
                         json_array_size(json_object_get(w.received[1], "instances")),
                     N);
    end(&w);
}

static void demand_of_many_instances_goes_in_several(void **state)
{
    enum { N = 14000 };
    static world w;
    static effect_shape shapes[5000];
    static effect_demand demand = { .ce_id = CE, .shapes = shapes, .n_shapes = 5000 };
    begin(&w, OB_TOPIC_DEMAND);
    for (int i = 0; i < 5000; i++)
        shapes[i] = (effect_shape){ .need = { INT32_MAX, INT32_MAX, 100 }, .count = INT32_MAX - i };
    for (int i = 0; i < N; i++) {
        char id[OB_INSTANCE_TEXT];
        (void)snprintf(id, sizeof(id), "i-%017d", i);
        engine_put_instance(w.s.engine, &(engine_instance){ .id = id,
                                                            .ce_id = CE,
                                                            .size = { 64000, 640000, 0 },
                                                            .state = OB_INSTANCE_ACTIVE });
    }
    w.s.effects.demand = &demand;
    w.s.effects.n_demand = 1;
    w.s.demand_at_ms = ob_mono_ms();
    demand_send(&w.s);
    receive(&w, 3);
    size_t n = 0;
    for (int i = 0; i < w.n; i++) {
        n += json_array_size(json_object_get(w.received[i], "instances"));
        assert_int_equal(json_object_get(w.received[i], "shapes") != NULL, i == 0);
    }
    assert_int_equal(n, N);
    w.s.effects.demand = NULL;
    w.s.effects.n_demand = 0;
    end(&w);
}

static void a_message_that_nobody_could_read_is_not_sent(void **state)
{
    static world w;
    ob_error err = { 0 };
    ob_cleanup(ob_freep) char *text = ob_calloc(1, OB_MESSAGE_MAX + 2);
    memset(text, 'x', OB_MESSAGE_MAX + 1);
    begin(&w, OB_TOPIC_JOB_STATE);
    assert_int_equal(ob_bus_send_clear(w.s.bus, OB_POINT_API_RING, OB_TOPIC_EXECUTIONS, -1, NULL, 0,
                                       text, OB_MESSAGE_MAX + 1, NULL, &err),
                     -EMSGSIZE);
    assert_false(err.retriable);
    ob_bus_unassign(w.s.bus);
    assert_int_equal(ob_bus_send(w.s.bus, OB_POINT_API_RING, OB_TOPIC_JOB_STATE, -1, NULL, 0, text,
                                 OB_MESSAGE_MAX + 1, NULL, &err),
                     0); /* others' limits are not ours */
    end(&w);
}

/* A path that forgets to seal is noticed before anybody can read what it says. */
static void nothing_goes_in_clear_by_mistake(void **state)
{
    static world w;
    ob_error err = { 0 };
    static const char *const topics[] = { OB_TOPIC_PLACEMENTS, OB_TOPIC_EXECUTIONS, OB_TOPIC_LOGS };
    begin(&w, OB_TOPIC_PLACEMENTS);
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        assert_int_equal(ob_bus_send(w.s.bus, OB_POINT_API_RING, topics[i], -1, NULL, 0,
                                     "{\"v\":1}", 7, NULL, &err),
                         -EINVAL);
    assert_non_null(strstr(err.text, "sealed"));
    end(&w);
}

/* ---- In ---- */

/* Takes 'msg', as an executor sent it. */
static void hear(world *w, json_t *msg)
{
    (void)json_object_set_new(msg, "instance", json_string(INSTANCE));
    (void)json_object_set_new(msg, "token", json_string(TOKEN));
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    reports_on_message(&(ob_bus_msg){ .topic = OB_TOPIC_EXECUTIONS, .data = text, .len = len },
                       &w->s);
    json_decref(msg);
    reports_feed(&w->s);
}

static json_t *said(const char *type, const char *session)
{
    json_t *msg = ob_message_new(type, 0);
    (void)json_object_set_new(msg, "session", json_string(session));
    return msg;
}

static void registered(world *w, const char *session, int part, int parts)
{
    json_t *msg = said("registered", session);
    (void)json_object_set_new(msg, "held",
                              json_pack("[{s:s, s:s}]", "run", "no run", "state", "running"));
    if (parts > 1) {
        (void)json_object_set_new(msg, "part", json_integer(part));
        (void)json_object_set_new(msg, "parts", json_integer(parts));
    }
    hear(w, msg);
}

static bool is_current(world *w, const char *session)
{
    return strcmp(peers_find(w->s.peers, INSTANCE)->session, session) == 0;
}

static void a_registration_counts_when_all_its_parts_are_there(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    registered(&w, "one", 0, 1);
    assert_true(is_current(&w, "one"));
    registered(&w, "two", 0, 3);
    registered(&w, "two", 1, 3);
    assert_true(is_current(&w, "one"));
    registered(&w, "two", 2, 3);
    assert_true(is_current(&w, "two"));
    registered(&w, "three", 1, 2); /* the first was lost */
    assert_true(is_current(&w, "two"));
    registered(&w, "four", 0, 2);
    registered(&w, "five", 1, 2); /* of another one */
    assert_true(is_current(&w, "two"));
    registered(&w, "six", 0, 3);
    registered(&w, "six", 2, 3); /* one between was lost, and this one comes twice */
    registered(&w, "six", 2, 3);
    assert_true(is_current(&w, "two"));
    reports_again(&w.s); /* all anew, as after a round that failed */
    reports_feed(&w.s);
    assert_true(is_current(&w, "two"));
    end(&w);
}

/* Runs that nobody knows. */
static json_t *unknown_runs(int first, int n)
{
    json_t *runs = json_array();
    for (int i = first; i < first + n; i++) {
        char run[OB_RUN_TEXT];
        ob_run_ref ref = { .id = job_id(i), .index = -1, .run = 1 };
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
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    peers_registered(w.s.peers, INSTANCE, "session");
    json_t *msg = said("report", "session");
    (void)json_object_set_new(msg, "runs", unknown_runs(1, 6000));
    hear(&w, msg);
    assert_int_equal(orders_of_a_round(&w), ENGINE_ANSWERS_MAX);
    assert_int_equal(w.s.effects.orders[0].kind, ORDER_STOP);
    assert_int_equal(w.s.effects.orders[1].kind, ORDER_CONFIRM);
    for (int part = 0; part < 2; part++) {
        msg = said("registered", "next");
        (void)json_object_set_new(msg, "held", unknown_runs(1 + 6000 * part, 6000));
        (void)json_object_set_new(msg, "part", json_integer(part));
        (void)json_object_set_new(msg, "parts", json_integer(2));
        hear(&w, msg);
    }
    assert_true(is_current(&w, "next"));
    assert_int_equal(orders_of_a_round(&w), ENGINE_ANSWERS_MAX);
    for (int i = 0; i < 2; i++) { /* two messages, two answers */
        msg = said("report", "next");
        (void)json_object_set_new(msg, "runs", unknown_runs(1, 600));
        hear(&w, msg);
    }
    assert_int_equal(orders_of_a_round(&w), 1200);
    end(&w);
}

/* Nothing else of them waits, however long it is. */
static void of_a_registration_in_parts_only_run_states_are_kept(void **state)
{
    static world w;
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 100001);
    memset(text, 'x', 100000);
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    json_t *run = json_pack("{s:s, s:s, s:I, s:i, s:i, s:b, s:s, s:s, s:{s:s}, s:[i]}", "run", "r",
                            "state", "exited", "startedAt", (json_int_t)1700000000000, "exitCode",
                            3, "cpuMs", 5, "oom", 1, "statusReason", text, "other", text, "reason",
                            "a", text, "stoppedAt", 1);
    json_t *msg = said("registered", "one");
    (void)json_object_set_new(msg, "held", json_pack("[o, s]", run, text));
    (void)json_object_set_new(msg, "part", json_integer(0));
    (void)json_object_set_new(msg, "parts", json_integer(2));
    hear(&w, msg);
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
    end(&w);
}

static void running_job(world *w)
{
    put_instance(w, INSTANCE, OB_INSTANCE_ACTIVE);
    engine_put_queue(
        w->s.engine,
        &(engine_queue){ .id = 1, .name = "q", .enabled = true, .ces = { CE }, .n_ces = 1 });
    engine_submit(w->s.engine, &(engine_submission){ .id = job_id(1),
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
        begin(&w, OB_TOPIC_PLACEMENTS);
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
        json_t *msg = said("report", "session");
        (void)json_object_set_new(msg, "runs", json_pack("[o]", run));
        hear(&w, msg);
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
        end(&w);
    }
}

static void a_poison_reason_is_cut_where_it_enters(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    running_job(&w);
    ob_cleanup(ob_freep) char *reason = ob_calloc(1, 500001);
    memset(reason, 'x', 500000);
    json_t *msg = said("report", "session");
    (void)json_object_set_new(msg, "runs",
                              json_pack("[{s:s, s:s, s:s}]", "run",
                                        "018f0000-0000-7000-8000-000000000001/1", "state", "exited",
                                        "reason", reason));
    hear(&w, msg);
    engine_round(w.s.engine, ob_wall_ms(), &w.s.effects);
    assert_int_equal(strlen(w.s.effects.attempts[0].container_reason), 255);
    end(&w);
}

/* The text of a pod is made anew, whatever else is in the run state; of a registration in parts it
 * stays. */
static void what_executors_say_of_pods_is_bounded(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    running_job(&w);
    ob_cleanup(ob_freep) char *text = ob_calloc(1, 5001);
    memset(text, 'x', 5000);
    json_t *run = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:[{s:s, s:i, s:s}]}}", "run",
                            "018f0000-0000-7000-8000-000000000001/1", "state", "starting",
                            "podText", text, "pod", "name", "p", "other", text, "containers",
                            "name", "a", "exitCode", 1000, "reason", text);
    for (int parts = 1; parts <= 2; parts++) {
        json_t *msg = said(parts == 1 ? "report" : "registered", "session");
        (void)json_object_set_new(msg, parts == 1 ? "runs" : "held", json_pack("[O]", run));
        if (parts == 2) {
            (void)json_object_set_new(msg, "part", json_integer(0));
            (void)json_object_set_new(msg, "parts", json_integer(2));
            hear(&w, msg);
            msg = said("registered", "session");
            (void)json_object_set_new(msg, "held", json_array());
            (void)json_object_set_new(msg, "part", json_integer(1));
            (void)json_object_set_new(msg, "parts", json_integer(2));
        }
        hear(&w, msg);
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
    end(&w);
}

static size_t unwell(const world *w)
{
    engine_stats stats;
    engine_stats_get(w->s.engine, &stats);
    return stats.unwell;
}

static json_t *said_unwell(const char *type, const char *session, const char *why)
{
    json_t *msg = said(type, session);
    if (why)
        (void)json_object_set_new(msg, "unwell", json_string(why));
    return msg;
}

static void an_engine_that_is_unwell_is_one_until_its_executor_says_otherwise(void **state)
{
    static world w;
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    hear(&w, said_unwell("registered", "one", "containerd is away"));
    assert_int_equal(unwell(&w), 1);
    hear(&w, said_unwell("registered", "two", NULL));
    assert_int_equal(unwell(&w), 0);
    hear(&w, said_unwell("heartbeat", "two", "containerd is away"));
    assert_int_equal(unwell(&w), 1);
    hear(&w, said("report", "two")); /* says nothing of it */
    assert_int_equal(unwell(&w), 1);
    hear(&w, said_unwell("heartbeat", "two", NULL));
    assert_int_equal(unwell(&w), 0);
    end(&w);
}

/* ---- An executor with a key ---- */

static void begin_sealed(world *w)
{
    begin(w, OB_TOPIC_PLACEMENTS);
    seal_pair(INSTANCE, 1, &w->s.seal, &w->own);
    put_instance(w, INSTANCE, OB_INSTANCE_ACTIVE);
    w->s.peers->n_sync_owed = 0;
    peers_find(w->s.peers, INSTANCE)->sync_owed = false;
}

/* Takes what the executor says under its key; *ret, if not NULL, is its message, to be freed. */
static void hear_sealed(world *w, json_t *msg, char **ret, size_t *ret_len)
{
    ob_cleanup(ob_freep) char *text = NULL, *data = NULL;
    size_t len = ob_message_dump(msg, &text);
    assert_int_equal(
        ob_seal_write(&w->own, NULL, OB_TOPIC_EXECUTIONS, text, len, &data, &len, NULL), 0);
    reports_on_message(&(ob_bus_msg){ .topic = OB_TOPIC_EXECUTIONS, .data = data, .len = len },
                       &w->s);
    json_decref(msg);
    reports_feed(&w->s);
    if (ret) {
        *ret = ob_take(data);
        *ret_len = len;
    }
}

static json_t *said_after(const char *type, const char *session, int64_t epoch)
{
    json_t *msg = said(type, session);
    (void)json_object_set_new(msg, "held", json_array());
    (void)json_object_set_new(msg, "last",
                              json_pack("{s:I, s:i}", "epoch", (json_int_t)epoch, "seq", 0));
    return msg;
}

static void orders_are_sealed_for_their_instance(void **state)
{
    static world w;
    const size_t bytes[] = { 75000 };
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), NULL, NULL);
    assert_true(is_current(&w, "one"));
    PGresult *specs = make_specs(1, bytes);
    order(&w, ORDER_RUN, 1);
    peers_sync_all(w.s.peers);
    placements_send(&w.s, specs);
    receive(&w, 2);
    assert_string_equal(ob_json_str(w.received[0], "type", ""), "place");
    assert_string_equal(ob_json_str(w.received[1], "type", ""), "sync");
    PQclear(specs);
    orders_done(&w);
    end(&w);
}

static void a_registration_from_before_this_leader_only_asks_for_another(void **state)
{
    static world w;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "old", 2), NULL, NULL);
    assert_false(is_current(&w, "old"));
    assert_int_equal(w.s.peers->n_sync_owed, 1);
    hear_sealed(&w, said_after("registered", "new", 3), NULL, NULL);
    assert_true(is_current(&w, "new"));
    end(&w);
}

static void a_repeated_message_changes_nothing(void **state)
{
    static world w;
    char *first = NULL;
    size_t len = 0;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), &first, &len);
    hear_sealed(&w, said_after("registered", "two", 3), NULL, NULL);
    reports_on_message(&(ob_bus_msg){ .topic = OB_TOPIC_EXECUTIONS, .data = first, .len = len },
                       &w.s);
    reports_feed(&w.s);
    assert_true(is_current(&w, "two"));
    assert_int_equal(w.s.repeated_messages, 1);
    reports_again(&w.s); /* as after a round that failed */
    reports_feed(&w.s);
    assert_true(is_current(&w, "two"));
    /* Its next process, then one of the first. */
    seal_pair(INSTANCE, 2, &w.s.seal, &w.own);
    hear_sealed(&w, said_after("registered", "three", 3), NULL, NULL);
    assert_true(is_current(&w, "three"));
    seal_pair(INSTANCE, 1, &w.s.seal, &w.own);
    hear_sealed(&w, said_after("registered", "four", 3), NULL, NULL);
    assert_true(is_current(&w, "three"));
    free(first);
    end(&w);
}

static void forged_messages_are_counted_and_change_nothing(void **state)
{
    static world w;
    begin_sealed(&w);
    hear_sealed(&w, said_after("registered", "one", 3), NULL, NULL);
    ob_seal own = w.own;
    w.own.key[0] ^= 1;
    hear_sealed(&w, said_after("registered", "two", 3), NULL, NULL);
    w.own = own;
    ob_seal launched_before = { 0 };
    seal_pair(INSTANCE, 9, &w.s.seal, &launched_before);
    w.own = launched_before;
    hear_sealed(&w, said_after("registered", "three", 3), NULL, NULL);
    w.own = own;
    hear(&w, said_after("registered", "four", 3)); /* in clear, with the token of its row */
    assert_true(is_current(&w, "one"));
    assert_int_equal(w.s.forged_messages, 3);
    end(&w);
}

/* The upgrade: its executor speaks in clear until it is replaced by one that has a key. */
static void an_executor_that_gets_a_key_is_answered_under_it(void **state)
{
    static world w;
    char token[OB_SEAL_TOKEN_TEXT];
    begin(&w, OB_TOPIC_PLACEMENTS);
    put_instance(&w, INSTANCE, OB_INSTANCE_ACTIVE);
    registered(&w, "old", 0, 1);
    assert_true(is_current(&w, "old"));
    ob_seal_owner first = { .instance = INSTANCE, .salt = OB_SEAL_FIRST_SALT };
    ob_seal_token(&w.s.seal, &first, token);
    assert_int_equal(ob_seal_own(&w.own, INSTANCE, token, 1, NULL), 0);
    hear_sealed(&w, said_after("registered", "new", 3), NULL, NULL);
    assert_true(is_current(&w, "new"));
    registered(&w, "old", 0, 1);
    assert_true(is_current(&w, "new"));
    peers_sync_all(w.s.peers);
    placements_send(&w.s, NULL);
    receive(&w, 1); /* it opens */
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_in_clear_by_mistake),
        cmocka_unit_test(orders_are_sealed_for_their_instance),
        cmocka_unit_test(a_registration_from_before_this_leader_only_asks_for_another),
        cmocka_unit_test(a_repeated_message_changes_nothing),
        cmocka_unit_test(forged_messages_are_counted_and_change_nothing),
        cmocka_unit_test(an_executor_that_gets_a_key_is_answered_under_it),
        cmocka_unit_test(the_spec_of_an_eks_job_has_its_pod),
        cmocka_unit_test(descriptions_that_do_not_fit_one_message_go_in_several),
        cmocka_unit_test(long_lists_go_in_several),
        cmocka_unit_test(a_description_that_cannot_travel_ends_its_run),
        cmocka_unit_test(many_instances_are_told_of_in_several),
        cmocka_unit_test(demand_of_many_instances_goes_in_several),
        cmocka_unit_test(a_message_that_nobody_could_read_is_not_sent),
        cmocka_unit_test(a_registration_counts_when_all_its_parts_are_there),
        cmocka_unit_test(of_many_unknown_runs_a_thousand_are_answered),
        cmocka_unit_test(of_a_registration_in_parts_only_run_states_are_kept),
        cmocka_unit_test(what_executors_say_is_bounded),
        cmocka_unit_test(what_executors_say_of_pods_is_bounded),
        cmocka_unit_test(a_poison_reason_is_cut_where_it_enters),
        cmocka_unit_test(an_engine_that_is_unwell_is_one_until_its_executor_says_otherwise),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
