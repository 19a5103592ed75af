/* Stores messages in memory. Owns nothing, commits nothing: handlers record the content, the loop
 * acts on it. Every message is a doorbell or a level, so reading one twice changes nothing.
 * Executors' messages count only under their instance's key, and once. Loop thread. */
#include "incoming.h"

#include <string.h>

#include "environment_metrics.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/text.h"
#include "ob/topics.h"
#include "silence.h"
#include "unmanaged.h"

#define NOTICE_MAX_MS (24 * 3600 * 1000) /* limits an executor's value */

static void ignore(scaler *s, const ob_bus_msg *msg, const char *why)
{
    if (s->ignored_messages++ == 0)
        ob_warn("message.ignored", "{s:s, s:s, s:I}", "topic", msg->topic, "error",
                ob_cut(why, 200), "offset", (json_int_t)msg->offset);
}

/* ---- batch.executions ---- */

/* The instance that the message names, if it comes from it for the first time. Often it is one that
 * has just ended. */
static instance *authentic_instance(scaler *s, const char *type, json_t *msg)
{
    instance *in = scaler_instance(s, ob_json_str(msg, "instance", ""));
    bool accepted = in && ob_seal_accepts(&in->trust, msg);
    if (accepted && !ob_seal_repeats(&in->trust, msg))
        return in;
    s->forged_messages += in && !accepted;
    s->repeated_messages += accepted;
    ob_debug("report.ignored", "{s:s}", "type", type);
    return NULL;
}

static void heard_of(instance *in)
{
    if (in->executor == EXECUTOR_AWAITED)
        (void)instance_set_executor(in, EXECUTOR_REGISTERED);
}

/* Somebody says so: it is looked up at once. */
static void nothing_placed(instance *in)
{
    if (in->placements == PLACEMENTS_POSSIBLE)
        (void)instance_set_placements(in, PLACEMENTS_SAID_NONE);
}

static void on_execution(scaler *s, const ob_bus_msg *msg, const char *type, json_t *body)
{
    if (ob_probe_take(&s->probe, msg->partition, type, body, ob_mono_ms()))
        return;
    if (!scaler_instance(s, ob_json_str(body, "instance", "")) && json_object_get(body, "join"))
        join_note(s, body);
    instance *in = authentic_instance(s, type, body);
    if (!in)
        return;
    silence_end(in);
    in->beat = true;
    if (!strcmp(type, "registered")) {
        heard_of(in);
        in->held = -1; /* confirmed runs are not in its list; heartbeats count them */
    } else if (!strcmp(type, "heartbeat")) {
        heard_of(in); /* it registered when nobody listened: a heartbeat comes after that */
        int64_t count = ob_json_int(body, "count", -1);
        in->held = count < 0 ? -1 : count;
        environment_metrics_heard(s, in, body);
    } else if (!strcmp(type, "interrupted")) {
        int64_t in_ms = ob_json_int(body, "in", 0);
        if (in->notice != NOTICE_TAKEN)
            (void)instance_set_notice(in, NOTICE_TOLD);
        in->notice_in_ms = in_ms < 0 ? 0 : in_ms > NOTICE_MAX_MS ? NOTICE_MAX_MS : in_ms;
    } else if (!strcmp(type, "left")) {
        (void)instance_set_executor(in, EXECUTOR_LEFT);
        (void)instance_set_notice(in, NOTICE_TOLD); /* once more: sooner than it said first */
        in->notice_in_ms = 0;
        nothing_placed(in);
    }
}

/* ---- batch.instances: the scheduler's part ---- */

static void on_drained(scaler *s, const json_t *body)
{
    size_t i;
    const json_t *id;
    json_array_foreach(json_object_get(body, "instances"), i, id)
    {
        instance *in = json_is_string(id) ? scaler_instance(s, json_string_value(id)) : NULL;
        if (in)
            nothing_placed(in);
    }
}

/* ---- batch.demand ---- */

/* Within what its type holds: a value that is cut off would be another one. */
static int32_t amount_of(const json_t *obj, const char *name, int64_t if_missing)
{
    int64_t value = ob_json_int(obj, name, if_missing);
    return value < 0 ? -1 : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static ob_resources resources_of(const json_t *obj)
{
    return (ob_resources){ .mcpu = amount_of(obj, "mcpu", 0),
                           .mem_mib = amount_of(obj, "mem", 0),
                           .gpus = amount_of(obj, "gpus", 0) };
}

static bool is_size(const ob_resources *r)
{
    return r->mcpu >= 0 && r->mem_mib >= 0 && r->gpus >= 0;
}

static void take_shapes(env *e, const json_t *shapes)
{
    size_t i;
    const json_t *shape;
    free(e->shapes);
    e->shapes = ob_calloc(json_array_size(shapes) + 1, sizeof(*e->shapes));
    e->n_shapes = 0;
    json_array_foreach(shapes, i, shape)
    {
        decide_shape one = { .need = resources_of(shape), .count = amount_of(shape, "count", 1) };
        /* decide divides by these values. */
        if (one.count > 0 && is_size(&one.need))
            e->shapes[e->n_shapes++] = one;
    }
}

static void take_use(scaler *s, const env *e, const json_t *use, int64_t now_ms)
{
    instance *in = scaler_instance(s, ob_json_str(use, "id", ""));
    int32_t runs = amount_of(use, "runs", 0);
    ob_resources used = resources_of(use);
    if (!in || in->ce_id != e->id || runs < 0 || !is_size(&used))
        return;
    in->used = used;
    in->kept = json_is_true(json_object_get(use, "kept"));
    in->ran = in->ran || runs > 0;
    if (in->state == OB_INSTANCE_ACTIVE) { /* counted: placed on as its scheduler likes */
        free(in->plan);
        in->plan = NULL;
        in->n_plan = 0;
    }
    if (runs > 0)
        in->idle_since_ms = 0;
    else if (in->idle_since_ms == 0)
        in->idle_since_ms = now_ms;
    if (runs > 0 || in->runs > 0)
        in->held = -1; /* until its executor reports again */
    in->runs = runs;
}

static void on_demand(scaler *s, int64_t epoch, const json_t *body)
{
    env *e = scaler_env(s, ob_json_int(body, "ce", 0));
    if (epoch < s->scheduler_epoch)
        return; /* from a scheduler that no longer leads */
    s->scheduler_epoch = epoch;
    if (!e) {
        s->inbox_rung = true; /* new, perhaps: look */
        return;
    }
    int64_t now_ms = ob_mono_ms();
    size_t i;
    const json_t *use;
    const json_t *shapes = json_object_get(body, "shapes");
    if (shapes) /* else a further part of it */
        take_shapes(e, shapes);
    json_array_foreach(json_object_get(body, "instances"), i, use) take_use(s, e, use, now_ms);
    e->demand_at_ms = now_ms;
    s->dirty = true;
}

/* ---- All ---- */

void events_on_msg(const ob_bus_msg *msg, void *arg)
{
    scaler *s = arg;
    json_auto_t *body = NULL;
    const char *type = NULL;
    int64_t epoch = 0;
    ob_error err = { 0 };
    int r = ob_seal_parse(&s->seal, msg, &body, &type, &epoch, &err);
    if (r < 0) {
        s->forged_messages += r == -EBADMSG;
        ignore(s, msg, err.text);
        return;
    }
    if (!strcmp(msg->topic, OB_TOPIC_EXECUTIONS))
        on_execution(s, msg, type, body);
    else if (!strcmp(msg->topic, OB_TOPIC_DEMAND) && !strcmp(type, "demand"))
        on_demand(s, epoch, body);
    else if (!strcmp(msg->topic, OB_TOPIC_COMMANDS) && !strcmp(type, "command"))
        s->inbox_rung = true;
    else if (!strcmp(msg->topic, OB_TOPIC_INSTANCES) && !strcmp(type, "drained"))
        on_drained(s, body);
    else if (strcmp(msg->topic, OB_TOPIC_INSTANCES) != 0) /* the others there are our own */
        ignore(s, msg, type);
}

void events_on_bus(ob_bus_event event, void *arg)
{
    scaler *s = arg;
    /* Without an assignment (on standby) a loss of positions has no effect. */
    if (event == OB_BUS_REASSIGNED)
        s->reload_owed = true;
    ob_lead_bus_event(s->lead, event);
}
