/* The scaler's loop: tries for leadership; leading, it takes what has arrived, decides, commits,
 * asks the provider and tells. Invariants: positions in Kafka are resolved before PostgreSQL is
 * read; the leading connection hears of us every 250 ms; what is lost is made good by sweeps. One
 * thread. */
#include "loop.h"

#include <poll.h>

#include "decision.h"
#include "environments.h"
#include "incoming.h"
#include "instances.h"
#include "interrupt.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/service.h"
#include "ob/topics.h"
#include "scaler_store.h"
#include "status.h"
#include "unmanaged.h"

#define POLL_MS 200
#define POLL_MAX 500    /* messages a turn */
#define SWEEP_MS 1000   /* inbox */
#define RELOAD_MS 30000 /* everything */
#define DECIDE_MS 1000  /* at least so often: time makes instances idle */
#define HEAL_MS 100     /* the provider's own work */
#define HEALTH_MS 1000
#define TURN_MAX_MS 1000 /* a turn that takes longer has not listened */
#define PROBE_SILENT_MS 10000
#define GRACE_MS 5000 /* after the link has come back, silence does not count yet */
#define BUS_STEP_MS 2000

static const char *const topics[] = { OB_TOPIC_COMMANDS, OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES,
                                      OB_TOPIC_DEMAND, NULL };

bool scaler_lost_leadership(const scaler *s, int r)
{
    return r == LEAD_DEPOSED || r == LEAD_GIVEN_UP ||
           (r < 0 && (!ob_leader_db(s->leader) || !ob_db_ok(ob_leader_db(s->leader))));
}

/* ---- Leading ---- */

/* Time in which silence of executors counts, or LINK_BROKEN. */
static int64_t heard_ms(scaler *s, int64_t now_ms)
{
    int64_t lost_ms = s->config.lost_after_ms;
    link_send(&s->link, s->bus, now_ms, s->config.heartbeat_ms);
    link_update(&s->link, now_ms, 3 * s->config.heartbeat_ms);
    return link_heard_ms(&s->link, now_ms, lost_ms / 2 < GRACE_MS ? lost_ms / 2 : GRACE_MS,
                         TURN_MAX_MS, lost_ms);
}

/* A leader that hears nothing lets another try. */
static int check_rival(scaler *s, int64_t now_ms, ob_error *err)
{
    if (link_silent_ms(&s->link, now_ms) < PROBE_SILENT_MS ||
        now_ms - s->rival_checked_at_ms < 1000)
        return 0;
    bool other = false;
    s->rival_checked_at_ms = now_ms;
    int r = ob_leader_has_standby(s->leader, &other, err);
    if (r == 0 && other) {
        ob_warn("leader.resigned", "{s:s}", "text", "no answer through Kafka for 10 s");
        return LEAD_GIVEN_UP;
    }
    return r;
}

/* Positions first, then what PostgreSQL says: nothing falls between. */
static int resolve_positions(scaler *s, ob_error *err)
{
    int32_t partitions = 0, ignored;
    int r = ob_bus_make_topics(s->bus, BUS_STEP_MS, err);
    if (r == 0)
        r = ob_leader_keep(s->leader, err);
    if (r == 0)
        r = ob_bus_assign_end(s->bus, topics, NULL, BUS_STEP_MS, err);
    if (r == 0)
        r = ob_leader_keep(s->leader, err);
    if (r == 0)
        r = ob_bus_partitions(s->bus, OB_TOPIC_EXECUTIONS, BUS_STEP_MS, &partitions, err);
    if (r == 0)
        r = ob_bus_partitions(s->bus, OB_TOPIC_PLACEMENTS, BUS_STEP_MS, &s->placements, err);
    /* Lets the producer know the topic: its first message would wait a second for that. */
    if (r == 0)
        r = ob_bus_partitions(s->bus, OB_TOPIC_INSTANCES, BUS_STEP_MS, &ignored, err);
    if (r == 0)
        link_init(&s->link, ob_mono_ms(), partitions);
    return r;
}

static int begin(scaler *s, ob_error *err)
{
    int r = store_setup(ob_leader_db(s->leader), err);
    while (r == 0 && !ob_service_stopping) {
        ob_error bus_err = { 0 };
        int b = resolve_positions(s, &bus_err);
        ob_health_beat();
        ob_health_set("kafka", true, b == 0, b == 0 ? NULL : bus_err.text);
        r = ob_leader_keep(s->leader, err);
        if (b == 0)
            break;
        (void)s->provider->ops->tick(s->provider);
        (void)poll(&(struct pollfd){ .fd = ob_service_stop_fd(), .events = POLLIN }, 1, POLL_MS);
    }
    int64_t now_ms = ob_mono_ms();
    s->led_since_ms = s->reloaded_at_ms = now_ms;
    s->scheduler_epoch = 0;
    s->inbox_rung = true;
    s->reload_owed = s->counters_reloaded = false;
    counters_begin(s->counters, ob_leader_epoch(s->leader));
    if (r == 0)
        r = envs_load(s, true, now_ms, err);
    return r < 0 ? r : instances_reconcile(s, now_ms, err);
}

/* What is due by now, in the order in which it must happen. */
static int act(scaler *s, int64_t now_ms, ob_error *err)
{
    int r = ob_leader_keep(s->leader, err);
    if (r == 0)
        r = check_rival(s, now_ms, err);
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
        r = join_turn(s, now_ms, err);
    if (now_ms - s->healed_at_ms >= HEAL_MS) {
        s->healed_at_ms = now_ms;
        s->dirty = s->provider->ops->tick(s->provider) || s->dirty;
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
    status_count(s, now_ms);
    return r;
}

static void tell_health(scaler *s, int64_t now_ms)
{
    ob_health_beat();
    if (now_ms - s->health_at_ms < HEALTH_MS)
        return;
    s->health_at_ms = now_ms;
    bool up = ob_bus_is_up(s->bus) && link_silent_ms(&s->link, now_ms) < PROBE_SILENT_MS;
    ob_health_set("kafka", true, up, up ? NULL : "the scaler's probe does not come back");
    status_health(s);
}

/* Leads until leadership ends. Returns why. Whoever cannot begin does not lead: what is looked at
 * only then (use, instances that nobody knows) is looked at by the next who begins. */
static int lead(scaler *s)
{
    ob_error err = { 0 };
    int r = begin(s, &err);
    bool begun = r == 0;
    while (begun && !ob_service_stopping) {
        if (scaler_lost_leadership(s, r))
            break;
        if (r < 0) {
            /* The round was undone; memory may be ahead of it. */
            ob_warn("round.failed", "{s:s}", "text", err.text);
            s->reload_owed = s->inbox_rung = true;
        }
        ob_health_set("postgresql", true, r == 0, r == 0 ? NULL : err.text);
        int wait_ms = s->dirty && r == 0 ? 0 : POLL_MS;
        (void)ob_bus_poll(s->bus, s->provider->ops->busy(s->provider) ? POLL_MS / 4 : wait_ms,
                          POLL_MAX);
        int64_t now_ms = ob_mono_ms();
        r = act(s, now_ms, &err);
        tell_health(s, now_ms);
    }
    if (r < 0)
        ob_warn("leader.lost", "{s:I, s:s}", "epoch", (json_int_t)ob_leader_epoch(s->leader),
                "text", err.text);
    return r;
}

int loop_run(scaler *s)
{
    int r = 0;
    while (!ob_service_stopping && r != LEAD_DEPOSED) {
        ob_error err = { 0 };
        r = ob_leader_try(s->leader, &err);
        ob_health_beat();
        ob_health_leader(r == 1);
        ob_health_set("postgresql", true, r >= 0, r >= 0 ? NULL : err.text);
        if (r == 1) {
            ob_info("leader.elected", "{s:I}", "epoch", (json_int_t)ob_leader_epoch(s->leader));
            r = lead(s);
            ob_bus_unassign(s->bus);
            ob_leader_drop(s->leader);
            ob_health_leader(false);
            scaler_forget(s);
        } else {
            (void)ob_bus_poll(s->bus, 0, POLL_MAX);
            ob_health_set("kafka", true, ob_bus_is_up(s->bus), NULL);
        }
        int pause_ms = r == LEAD_GIVEN_UP ? 10 * OB_LEADER_TRY_MS : OB_LEADER_TRY_MS;
        if (!ob_service_stopping && r != LEAD_DEPOSED)
            (void)poll(&(struct pollfd){ .fd = ob_service_stop_fd(), .events = POLLIN }, 1,
                       pause_ms);
    }
    return r == LEAD_DEPOSED ? r : 0;
}
