#include "scheduler_world.h"

#include "ob/json.h"
#include "ob/text.h"
#include "peers.h"
#include "peers_internal.h"
#include "report_messages.h"
#include "topology.h"

#define TOKEN "secret"

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

void world_begin(world *w, const char *topic)
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
    engine_put_ce(w->s.engine, &(engine_ce){ .id = WORLD_CE,
                                             .name = "ce",
                                             .cluster = "ce_Batch_x",
                                             .enabled = true,
                                             .valid = true,
                                             .max_vcpus = 1000000 });
}

void world_end(world *w)
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

void world_put_instance(world *w, const char *id, ob_instance_state state)
{
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash(TOKEN, hash);
    engine_put_instance(w->s.engine, &(engine_instance){ .id = id,
                                                         .ce_id = WORLD_CE,
                                                         .size = { 64000, 640000, 0 },
                                                         .vcpus = 64,
                                                         .state = state });
    peers_put(w->s.peers, id, WORLD_CE, state, *w->own.self.salt ? w->own.self.salt : NULL, hash);
}

void world_receive(world *w, int n)
{
    poll_until(w->s.bus, &w->n, n);
    poll_for(w->s.bus, 200); /* no more than that */
    assert_int_equal(w->n, n);
    for (int i = 0; i < n; i++)
        assert_true(w->lengths[i] <= OB_MESSAGE_MAX);
}

ob_uuid world_job_id(int n)
{
    char text[OB_UUID_TEXT];
    ob_uuid id;
    (void)snprintf(text, sizeof(text), "018f0000-0000-7000-8000-%012d", n);
    assert_true(ob_uuid_parse(text, strlen(text), &id));
    return id;
}

void world_order(world *w, int kind, int job)
{
    static effect_order orders[40000];
    engine_effects *effects = &w->s.effects;
    assert_true(effects->n_orders < 40000);
    effects->orders = orders;
    orders[effects->n_orders++] =
        (effect_order){ .kind = kind,
                        .instance_id = INSTANCE,
                        .run = { .id = world_job_id(job), .index = -1, .run = 1 },
                        .attempt = 1 };
}

void world_orders_done(world *w)
{
    w->s.effects.orders = NULL;
    w->s.effects.n_orders = 0;
}

PGresult *world_specs(int n, const size_t *bytes)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[7] = { 0 };
    for (int i = 0; i < 7; i++)
        columns[i].name = (char *)(uintptr_t) "c";
    assert_true(PQsetResultAttrs(res, 7, columns));
    for (int i = 0; i < n; i++) {
        char id[OB_UUID_TEXT];
        ob_uuid job = world_job_id(i + 1);
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

void world_take(world *w, const char *data, size_t len)
{
    reports_on_message(&(ob_bus_msg){ .topic = OB_TOPIC_EXECUTIONS, .data = data, .len = len },
                       &w->s);
    reports_feed(&w->s);
}

void world_hear(world *w, json_t *msg)
{
    (void)json_object_set_new(msg, "instance", json_string(INSTANCE));
    (void)json_object_set_new(msg, "token", json_string(TOKEN));
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    world_take(w, text, len);
    json_decref(msg);
}

json_t *world_said(const char *type, const char *session)
{
    json_t *msg = ob_message_new(type, 0);
    (void)json_object_set_new(msg, "session", json_string(session));
    return msg;
}

void world_registered(world *w, const char *session, int part, int parts)
{
    json_t *msg = world_said("registered", session);
    (void)json_object_set_new(msg, "held",
                              json_pack("[{s:s, s:s}]", "run", "no run", "state", "running"));
    if (parts > 1) {
        (void)json_object_set_new(msg, "part", json_integer(part));
        (void)json_object_set_new(msg, "parts", json_integer(parts));
    }
    world_hear(w, msg);
}

bool world_is_current(world *w, const char *session)
{
    return strcmp(peers_find(w->s.peers, INSTANCE)->session, session) == 0;
}
