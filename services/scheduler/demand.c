/* Demand: one message an environment. Owns nothing; the engine knows what is wanted. Sent only
 * behind a fenced commit. Thread: the loop's. */
#include "demand.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "text.h"
#include "topology.h"

#define EVERY_MS 5000
#define SHAPES_MAX 4096

bool demand_due(const scheduler *s, int64_t now_ms)
{
    return now_ms - s->demand_at_ms >= EVERY_MS;
}

static void add_use(const engine_use *use, void *arg)
{
    text *t = arg;
    text_str(t, t->at[t->len - 1] == '[' ? "{\"id\":" : ",{\"id\":");
    text_json(t, use->instance_id);
    text_addf(t, ",\"mcpu\":%d,\"mem\":%d,\"gpus\":%d,\"runs\":%d%s}", use->used.mcpu,
              use->used.mem_mib, use->used.gpus, use->runs, use->kept ? ",\"kept\":true" : "");
}

static void send_ce(scheduler *s, int64_t ce_id, const effect_shape *shapes, size_t n)
{
    static text t;
    char key[24];
    ob_error err = { 0 };
    text_clear(&t);
    text_addf(&t,
              "{\"v\":%d,\"type\":\"demand\",\"epoch\":%" PRId64 ",\"ce\":%" PRId64 ",\"shapes\":[",
              OB_MESSAGE_VERSION, s->epoch, ce_id);
    for (size_t i = 0; i < n; i++)
        text_addf(&t, "%s{\"mcpu\":%d,\"mem\":%d,\"gpus\":%d,\"count\":%d}", i ? "," : "",
                  shapes[i].need.mcpu, shapes[i].need.mem_mib, shapes[i].need.gpus,
                  shapes[i].count);
    text_str(&t, "],\"instances\":[");
    engine_ce_use(s->engine, ce_id, add_use, &t);
    text_str(&t, "]}");
    (void)snprintf(key, sizeof(key), "%" PRId64, ce_id);
    if (ob_bus_send(s->bus, OB_TOPIC_DEMAND, -1, key, strlen(key), t.at, t.len, NULL, &err) < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_DEMAND, "error", err.text);
}

static void send_level(int64_t ce_id, void *arg)
{
    static effect_shape shapes[SHAPES_MAX];
    scheduler *s = arg;
    size_t n = engine_ce_demand(s->engine, ce_id, shapes, SHAPES_MAX);
    send_ce(s, ce_id, shapes, n < SHAPES_MAX ? n : SHAPES_MAX);
}

void demand_send(scheduler *s)
{
    int64_t now_ms = ob_mono_ms();
    if (demand_due(s, now_ms)) {
        s->demand_at_ms = now_ms;
        topology_each_ce(s->topology, send_level, s);
        return;
    }
    for (size_t i = 0; i < s->effects.n_demand; i++)
        send_ce(s, s->effects.demand[i].ce_id, s->effects.demand[i].shapes,
                s->effects.demand[i].n_shapes);
}
