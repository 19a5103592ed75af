/* Demand: one message for each environment. Owns nothing; the engine has the demand. Sent only
 * after a fenced commit. Thread: the loop's. */
#include "demand_messages.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ob/buf.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "topology.h"

#define EVERY_MS 5000
#define SHAPES_MAX 4096 /* of 93 bytes at most: they fit OB_MESSAGE_ROOM */
#define ENTRY_MAX 256   /* one instance */

bool demand_due(const scheduler *s, int64_t now_ms)
{
    return now_ms - s->demand_at_ms >= EVERY_MS;
}

/* A message that is being built; the list of an environment's instances may need several. */
typedef struct level {
    scheduler *s;
    int64_t ce_id;
    ob_buf t;
    bool has_use;
} level;

static void level_begin(level *l)
{
    ob_buf_clear(&l->t);
    ob_message_begin(&l->t, "demand", l->s->epoch);
    ob_buf_addf(&l->t, ",\"ce\":%" PRId64, l->ce_id);
}

static void level_begin_use(level *l)
{
    ob_buf_str(&l->t, ",\"instances\":[");
    l->has_use = false;
}

static void level_send(level *l)
{
    char key[24];
    ob_error err = { 0 };
    ob_buf_str(&l->t, "]}");
    assert(l->t.len <= OB_MESSAGE_MAX);
    (void)snprintf(key, sizeof(key), "%" PRId64, l->ce_id);
    if (ob_bus_send(l->s->bus, OB_POINT_SCHEDULER_DEMAND, OB_TOPIC_DEMAND, -1, key, strlen(key),
                    l->t.at, l->t.len, NULL, &err) < 0)
        ob_warn("message.unsent", "{s:s, s:s}", "topic", OB_TOPIC_DEMAND, "error", err.text);
}

static void add_use(const engine_use *use, void *arg)
{
    level *l = arg;
    if (l->t.len + ENTRY_MAX > OB_MESSAGE_ROOM) {
        level_send(l);
        level_begin(l);
        level_begin_use(l);
    }
    ob_buf_str(&l->t, l->has_use ? ",{\"id\":" : "{\"id\":");
    ob_buf_json(&l->t, use->instance_id);
    ob_buf_addf(&l->t, ",\"mcpu\":%d,\"mem\":%d,\"gpus\":%d,\"runs\":%d%s}", use->used.mcpu,
                use->used.mem_mib, use->used.gpus, use->runs, use->kept ? ",\"kept\":true" : "");
    l->has_use = true;
}

static void send_ce(scheduler *s, int64_t ce_id, const effect_shape *shapes, size_t n)
{
    level l = { .s = s, .ce_id = ce_id };
    level_begin(&l);
    ob_buf_str(&l.t, ",\"shapes\":[");
    for (size_t i = 0; i < n && i < SHAPES_MAX; i++)
        ob_buf_addf(&l.t, "%s{\"mcpu\":%d,\"mem\":%d,\"gpus\":%d,\"count\":%d}", i ? "," : "",
                    shapes[i].need.mcpu, shapes[i].need.mem_mib, shapes[i].need.gpus,
                    shapes[i].count);
    ob_buf_str(&l.t, "]");
    level_begin_use(&l);
    engine_ce_use(s->engine, ce_id, add_use, &l);
    level_send(&l);
    ob_buf_done(&l.t);
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
