/* Messages of batch.executions, batch.demand, batch.instances and batch.commands as the scaler
 * reads them.
 * Covers: services/scaler/incoming.c services/scaler/unmanaged.c */
#include "fuzz.h"

#include "environments.h"
#include "incoming.h"
#include "ob/log.h"
#include "ob/topics.h"
#include "unmanaged.h"

/* The inputs name this instance, its token and its environment. */
#define INSTANCE "i-0123456789abcdef0"
#define TOKEN "t"
#define CE 7
#define OFFERS_MAX 32

static void begin(scaler *s)
{
    *s = (scaler){ 0 };
    env *e = ob_calloc(1, sizeof(*e));
    e->id = CE;
    e->name = ob_strdup("ce");
    e->launch_hash = ob_strdup("h");
    HASH_ADD(hh, s->envs, id, sizeof(e->id), e);
    char hash[OB_TOKEN_HASH_TEXT];
    ob_token_hash(TOKEN, hash);
    decide_launch launch = { .size = { 4000, 4000, 0 } };
    instance *in = envs_add_instance(s, INSTANCE, e, "m5.large", &launch, hash, 0);
    instance_set_state(in, OB_INSTANCE_ACTIVE, 0);
    ob_probe_begin(&s->probe, SCALER_NAME, 1, 0);
}

static void check(const scaler *s)
{
    const env *e = scaler_env(s, CE);
    const instance *in = scaler_instance(s, INSTANCE);
    for (size_t i = 0; i < e->n_shapes; i++) {
        const decide_shape *shape = &e->shapes[i];
        FUZZ_CHECK(shape->count > 0 && shape->need.mcpu >= 0 && shape->need.mem_mib >= 0 &&
                   shape->need.gpus >= 0);
    }
    FUZZ_CHECK(in->held >= -1 && in->runs >= 0);
    FUZZ_CHECK(in->used.mcpu >= 0 && in->used.mem_mib >= 0 && in->used.gpus >= 0);
    FUZZ_CHECK(in->notice_in_ms >= 0 && in->notice_in_ms <= 24 * 3600 * 1000);
    FUZZ_CHECK(s->n_offers <= OFFERS_MAX && HASH_COUNT(s->instances) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = { OB_TOPIC_EXECUTIONS, OB_TOPIC_DEMAND, OB_TOPIC_INSTANCES,
                                          OB_TOPIC_COMMANDS };
    fuzz_input in = fuzz_begin(data, size);
    scaler s;
    ob_log_init("fuzz", OB_LOG_ERROR);
    begin(&s);
    while (in.left > 0) {
        ob_bus_msg msg = { .topic = topics[fuzz_byte(&in) % ARRAY_SIZE(topics)] };
        ob_cleanup(ob_freep) char *text = fuzz_part(&in, &msg.len);
        msg.data = text;
        int64_t epoch = s.scheduler_epoch;
        events_on_msg(&msg, &s);
        events_on_msg(&msg, &s); /* everything may come twice */
        FUZZ_CHECK(s.scheduler_epoch >= epoch);
        check(&s);
    }
    scaler_forget(&s);
    join_done(&s);
    return 0;
}
