/* Messages of batch.executions and batch.instances as the scheduler reads them, and what its engine
 * makes of them.
 * Covers: services/scheduler/report_messages.c services/scheduler/peers.c */
#include "fuzz.h"

#include "ob/log.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "peers.h"
#include "report_messages.h"
#include "topology.h"

/* The inputs name this instance, its token, and the runs of these two jobs. */
#define INSTANCE "i-0123456789abcdef0"
#define TOKEN "t"
#define JOB "018f0000-0000-7000-8000-00000000000"
#define NOW_MS 1000000

static void submit(engine *e, const char *id, int32_t array_size)
{
    engine_submission job = { .queue_id = 1,
                              .array_size = array_size,
                              .need = { 1000, 100, 0 },
                              .created_at_ms = 1,
                              .terms = { .attempts = 3, .kind = 1 } };
    FUZZ_CHECK(ob_uuid_parse(id, strlen(id), &job.id));
    engine_submit(e, &job);
}

/* A queue, an instance, and jobs that are placed on it. */
static void begin(scheduler *s)
{
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash(TOKEN, hash);
    *s = (scheduler){ .epoch = 3, .partitions = 1 };
    s->engine = engine_new();
    s->peers = peers_new();
    s->topology = topology_new();
    s->reports = json_array();
    ob_probe_begin(&s->probe, "scheduler", 1, 0);
    engine_clock(s->engine, NOW_MS);
    engine_put_ce(s->engine, &(engine_ce){ .id = 1,
                                           .name = "ce",
                                           .cluster = "ce_Batch_x",
                                           .enabled = true,
                                           .valid = true,
                                           .max_vcpus = 1000 });
    engine_put_queue(
        s->engine,
        &(engine_queue){
            .id = 1, .name = "q", .priority = 1, .enabled = true, .ces = { 1 }, .n_ces = 1 });
    engine_put_instance(s->engine, &(engine_instance){ .id = INSTANCE,
                                                       .ce_id = 1,
                                                       .size = { 64000, 64000, 0 },
                                                       .vcpus = 64,
                                                       .state = OB_INSTANCE_ACTIVE });
    peers_put(s->peers, INSTANCE, 1, OB_INSTANCE_ACTIVE, NULL, hash);
    submit(s->engine, JOB "1", 0);
    submit(s->engine, JOB "2", 2);
    engine_round(s->engine, NOW_MS, &s->effects);
    FUZZ_CHECK(s->effects.n_orders > 0);
}

static void end(scheduler *s)
{
    engine_free(s->engine);
    engine_effects_done(&s->effects);
    peers_free(s->peers);
    topology_free(s->topology);
    json_decref(s->reports);
}

static void check_text(const char *text, size_t max)
{
    FUZZ_CHECK(!text || (strlen(text) <= max && ob_text_is_utf8(text, strlen(text))));
}

/* What is stored and shown is within AWS's limits, and of one end each. */
static void check_effects(const engine_effects *e)
{
    for (size_t i = 0; i < e->n_attempts; i++) {
        const effect_attempt *a = &e->attempts[i];
        check_text(a->container_reason, 255);
        check_text(a->reason, 1024);
        FUZZ_CHECK(!a->has_exit_code || (a->exit_code >= 0 && a->exit_code <= 255));
        FUZZ_CHECK(a->started_at_ms >= 0 && a->stopped_at_ms >= a->started_at_ms);
        for (size_t k = 0; k < i; k++)
            FUZZ_CHECK(ob_uuid_cmp(&a->id, &e->attempts[k].id) != 0 ||
                       a->index != e->attempts[k].index || a->attempt != e->attempts[k].attempt);
    }
    for (size_t i = 0; i < e->n_done; i++)
        check_text(e->done[i].reason, 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = { OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES,
                                          OB_TOPIC_COMMANDS };
    fuzz_input in = fuzz_begin(data, size);
    scheduler s;
    ob_log_init("fuzz", OB_LOG_ERROR);
    begin(&s);
    for (int64_t now_ms = NOW_MS; in.left > 0; now_ms += 1000) {
        const char *topic = topics[fuzz_byte(&in) % ARRAY_SIZE(topics)];
        ob_bus_msg msg = { .topic = topic };
        ob_cleanup(ob_freep) char *text = fuzz_part(&in, &msg.len);
        msg.data = text;
        reports_on_message(&msg, &s);
        reports_on_message(&msg, &s); /* everything may come twice */
        reports_feed(&s);
        peers_compare(&s);
        engine_effects_clear(&s.effects);
        engine_clock(s.engine, now_ms);
        engine_round(s.engine, now_ms, &s.effects);
        check_effects(&s.effects);
        reports_forget(&s);
    }
    end(&s);
    return 0;
}
