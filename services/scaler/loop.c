/* The scaler as a leader, for the loop of ob/lead.h: it handles what has arrived, decides, commits,
 * asks the provider and announces changes.
 *
 * Invariants: the leading connection is used every 250 ms; sweeps compensate for lost messages. One
 * thread. */
#include "loop.h"

#include "decision.h"
#include "environment_metrics.h"
#include "environment_usage.h"
#include "environments.h"
#include "incoming.h"
#include "instances.h"
#include "interrupt.h"
#include "launches.h"
#include "nodes.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/topics.h"
#include "scaler_metrics.h"
#include "scaler_store.h"
#include "status.h"
#include "unmanaged.h"

#define MESSAGES_A_TURN 500
#define SWEEP_MS 1000     /* inbox */
#define RELOAD_MS 30000   /* everything */
#define DECIDE_MS 1000    /* the longest interval, because instances become idle by time */
#define HEAL_MS 100       /* the provider's own work */
#define PROBE_MAX_MS 1000 /* a slow heartbeat must not look like a silent Kafka */
#define TURN_MAX_MS 1000  /* a turn that takes longer has not listened */
#define GRACE_MS 5000     /* after the way is open again, silence does not count yet */

static const char *const follows[] = { OB_TOPIC_COMMANDS, OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES,
                                       OB_TOPIC_DEMAND, NULL };

/* ---- Leading ---- */

/* Time in which silence of executors counts, or LINK_BROKEN. */
static int64_t heard_ms(scaler *s, int64_t now_ms)
{
    int64_t lost_ms = s->config.lost_after_ms;
    bool open = ob_probe_silent_ms(&s->probe, now_ms) <= 3 * s->config.heartbeat_ms;
    listening_limits limits = { .grace_ms = lost_ms / 2 < GRACE_MS ? lost_ms / 2 : GRACE_MS,
                                .turn_max_ms = TURN_MAX_MS,
                                .owed_max_ms = lost_ms };
    return listening_turn(&s->listening, now_ms, open, &limits);
}

/* A scaler that cannot load does not lead. Some things are checked only here (use, unknown
 * instances), and the next scaler that can load checks them. */
static int load(void *arg, ob_error *err)
{
    scaler *s = arg;
    int64_t now_ms = ob_mono_ms();
    s->led_since_ms = s->reloaded_at_ms = now_ms;
    s->scheduler_epoch = 0;
    s->inbox_rung = true;
    s->reload_owed = s->counters_reloaded = false;
    s->used_at_ms = 0;
    counters_begin(s->counters, ob_leader_epoch(s->leader));
    listening_begin(&s->listening, now_ms);
    int r = envs_load(s, true, now_ms, err);
    return r < 0 ? r : launches_reconcile(s, now_ms, err);
}

/* Does what is due, in the order in which it must happen. */
static int act(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = ob_leader_keep(s->leader, err);
    if (r == 0 && (s->reload_owed || now_ms - s->reloaded_at_ms >= RELOAD_MS)) {
        r = envs_load(s, false, now_ms, err);
        s->reload_owed = r < 0;
        s->reloaded_at_ms = now_ms;
    }
    if (r == 0 && (s->inbox_rung || now_ms - s->swept_at_ms >= SWEEP_MS))
        r = status_sweep_inbox(s, now_ms, err);
    if (r == 0)
        r = instances_turn(s, heard_ms(s, now_ms), now_ms, err);
    if (r == 0)
        r = interrupt_turn(s, now_ms, err);
    if (r == 0)
        r = launches_store_keys(s, err);
    if (r == 0)
        r = join_turn(s, now_ms, err);
    if (r == 0)
        r = nodes_turn(s, now_ms, err);
    if (now_ms - s->healed_at_ms >= HEAL_MS) {
        s->healed_at_ms = now_ms;
        s->dirty = s->provider->ops->tick(s->provider) || s->dirty;
        if (s->nodes)
            (void)s->nodes->ops->tick(s->nodes);
    }
    if (r == 0)
        r = ob_leader_keep(s->leader, err);
    s->dirty_counters = s->dirty_counters || s->dirty;
    if (r == 0 && (s->dirty || now_ms - s->decided_at_ms >= DECIDE_MS))
        r = decision_turn(s, now_ms, err);
    if (r == 0)
        r = ob_leader_keep(s->leader, err);
    if (r == 0)
        r = status_write(s, now_ms, err);
    if (r == 0)
        r = environment_usage_write(s, now_ms, err);
    status_count(s, now_ms);
    return r;
}

static int turn(void *arg, int64_t now_ms, int *ret_wait_ms, ob_error *err)
{
    scaler *s = arg;
    int64_t begun_us = ob_mono_us();
    int r = act(s, now_ms, err);
    ob_metric_observe(&scaler_metrics[SCALER_TURN], ob_mono_us() - begun_us);
    if (s->provider->ops->busy(s->provider) || (s->nodes && s->nodes->ops->busy(s->nodes)))
        *ret_wait_ms = OB_LEAD_TURN_MS / 4;
    else if (s->dirty)
        *ret_wait_ms = 0;
    return r;
}

/* The transaction was undone; memory may be ahead of it. */
static int failed(void *arg, ob_error *err)
{
    scaler *s = arg;
    (void)err;
    s->reload_owed = s->inbox_rung = true;
    return 0;
}

static void forget(void *arg)
{
    environment_metrics_forget();
    scaler_forget(arg);
}

static void waiting(void *arg)
{
    const scaler *s = arg;
    (void)s->provider->ops->tick(s->provider);
    if (s->nodes)
        (void)s->nodes->ops->tick(s->nodes);
}

static void health(void *arg, bool leads)
{
    if (!leads)
        return;
    status_health(arg);
    environment_metrics_post(arg);
}

ob_lead *scaler_leading(scaler *s)
{
    int64_t every_ms = s->config.heartbeat_ms;
    const ob_lead_config config = {
        .role = SCALER_NAME,
        .leader = s->leader,
        .bus = s->bus,
        .probe = &s->probe,
        .follows = follows,
        .sends = { { OB_TOPIC_PLACEMENTS, &s->placements }, { OB_TOPIC_INSTANCES, NULL } },
        .probe_point = OB_POINT_SCALER_PROBE,
        .probe_every_ms = every_ms < PROBE_MAX_MS ? every_ms : PROBE_MAX_MS,
        .messages_a_turn = MESSAGES_A_TURN,
        .retry_ms = OB_LEAD_TURN_MS,
        .load = load,
        .turn = turn,
        .failed = failed,
        .forget = forget,
        .waiting = waiting,
        .health = health,
        .arg = s,
    };
    return ob_lead_new(&config);
}
