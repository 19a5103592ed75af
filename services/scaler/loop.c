/* The scaler's loop: tries for leadership; leading, it takes what has arrived, decides, commits,
 * asks the provider and tells. Invariants: positions in Kafka are resolved before PostgreSQL is
 * read; the leading connection hears of us every 250 ms; what is lost is made good by sweeps. One
 * thread. */
#include "loop.h"

#include <poll.h>
#include <string.h>

#include "decide/decide.h"
#include "decide/env_types.h"
#include "environments.h"
#include "incoming.h"
#include "instances.h"
#include "interrupt.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"
#include "scaler_store.h"
#include "shortages.h"
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
#define DEMAND_OLD_MS 30000
#define STARVED_MS 2000
#define MAX_LAUNCHES 64
#define MAX_STEPS 10000000 /* of decide: some 50 ms */

static const char *const topics[] = { OB_TOPIC_COMMANDS, OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES,
                                      OB_TOPIC_DEMAND, NULL };

bool scaler_lost_leadership(const scaler *s, int r)
{
    return r == LEAD_DEPOSED || r == LEAD_GIVEN_UP ||
           (r < 0 && (!ob_leader_db(s->leader) || !ob_db_ok(ob_leader_db(s->leader))));
}

/* ---- Telling ---- */

static void ring_part(scaler *s, const char *type, json_t *changed)
{
    json_auto_t *msg = ob_message_new(type, ob_leader_epoch(s->leader));
    (void)json_object_set(msg, "changed", changed);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len = ob_message_dump(msg, &text);
    ob_error err = { 0 };
    if (ob_bus_send(s->bus, OB_TOPIC_INSTANCES, -1, NULL, 0, text, len, NULL, &err) < 0)
        ob_warn("bus.send", "{s:s, s:s}", "topic", OB_TOPIC_INSTANCES, "text", err.text);
}

/* Takes 'changed'. */
static void ring(scaler *s, const char *type, json_t *changed)
{
    json_auto_t *parts = ob_message_split(changed);
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part) ring_part(s, type, part);
    json_decref(changed);
}

void scaler_ring_instances(scaler *s, const char *const *ids, size_t n)
{
    if (n == 0)
        return;
    json_t *changed = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(changed, ob_json_text(ids[i]));
    ring(s, "instances", changed);
}

void scaler_ring_ces(scaler *s, const int64_t *ids, size_t n)
{
    if (n == 0)
        return;
    json_t *changed = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(changed, json_integer(ids[i]));
    ring(s, "ce", changed);
}

/* ---- Deciding ---- */

static void view_instance(decide_instance *out, const env *e, const instance *in, int64_t now_ms)
{
    *out = (decide_instance){ .nominal = in->nominal,
                              .size = in->size,
                              .used = in->kept ? in->size : in->used,
                              .runs = in->runs,
                              .ran = in->ran,
                              .outdated = instances_outdated(e, in),
                              .bounded = in->ends_at_deadline,
                              .may_fail = in->may_fail && in->state == OB_INSTANCE_LAUNCHING,
                              .plan = in->plan,
                              .n_plan = in->n_plan,
                              .state = in->state };
    if (in->state == OB_INSTANCE_ACTIVE && in->idle_since_ms)
        out->idle_ms = now_ms - in->idle_since_ms;
}

/* Fills decide's view of an environment. instances: room for its instances; which: those behind the
 * view. Its 'shortages' is new. */
static void view_env(const scaler *s,
                     env *e,
                     decide_env *out,
                     decide_instance *instances,
                     instance **which,
                     int64_t now_ms)
{
    int32_t floor = e->min_vcpus;
    size_t n = 0;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (in->ce_id == e->id) {
            which[n] = in;
            view_instance(&instances[n++], e, in, now_ms);
        }
    if (e->enabled && e->wanted_vcpus > floor && e->wanted_vcpus <= e->max_vcpus)
        floor = e->wanted_vcpus;
    env_types_refresh(e, now_ms);
    /* A scheduler that is away for long says nothing of use: what is idle by then may go. */
    bool known = e->demand_at_ms > 0 || now_ms - s->led_since_ms > DEMAND_OLD_MS;
    *out = (decide_env){ .id = e->id,
                         .strategy = e->strategy,
                         .enabled = e->enabled && e->managed,
                         .valid = !e->invalid,
                         .exact = e->exact,
                         .deleting = e->deleting,
                         .may_exceed = e->may_exceed,
                         .demand_known = known && e->managed,
                         .floor_mcpu = (int64_t)floor * 1000,
                         .max_mcpu = (int64_t)e->max_vcpus * 1000,
                         .scale_down_ms = e->scale_down_ms,
                         .starved_ms = e->short_since_ms ? now_ms - e->short_since_ms : 0,
                         .types = e->types,
                         .n_types = e->n_types,
                         .shapes = e->shapes,
                         .n_shapes = e->n_shapes,
                         .shortages = ob_calloc(e->n_shapes + 1, sizeof(*out->shortages)),
                         .instances = instances,
                         .n_instances = n };
}

/* desiredvCpus of a new version counts until it is reached, or cannot be. */
static void settle_wanted(env *e, const decide_env *view, bool launches)
{
    int64_t have = 0;
    for (size_t i = 0; i < view->n_instances; i++)
        if (view->instances[i].state <= OB_INSTANCE_ACTIVE)
            have += view->instances[i].nominal.mcpu;
    if (have >= (int64_t)e->wanted_vcpus * 1000 || (!launches && !view->lacks_room) || !e->enabled)
        e->wanted_vcpus = 0;
}

static void after_decision(env *e, const decide_env *view, bool launches, int64_t now_ms)
{
    if (view->passed)
        return; /* nothing is known of what it lacks or cannot reach: decided at once again */
    if (!view->lacks_room)
        e->short_since_ms = 0;
    else if (e->short_since_ms == 0)
        e->short_since_ms = now_ms;
    shortages_take(e, view->shortages, view->n_shortages, now_ms);
    if (e->wanted_vcpus > 0)
        settle_wanted(e, view, launches);
}

static int drain_decided(
    scaler *s, const env *e, const decide_env *view, instance *const *which, ob_error *err)
{
    ob_cleanup(ob_freep) instance **drains = ob_calloc(view->n_instances + 1, sizeof(*drains));
    int r = 0;
    /* Those of one reason together: a transaction each. */
    for (size_t i = 0; r == 0 && i < view->n_instances; i++) {
        const char *why = view->instances[i].drain;
        int64_t deadline_ms = e->deleting ? 0 : view->instances[i].outdated ? e->drain_ms : -1;
        size_t n = 0;
        for (size_t k = i; why && k < view->n_instances; k++)
            if (view->instances[k].drain && !strcmp(view->instances[k].drain, why)) {
                drains[n++] = which[k];
                view->instances[k].drain = NULL;
            }
        r = instances_drain(s, drains, n, why, deadline_ms, err);
    }
    return r;
}

/* Instances whose environment is gone from the table go too. */
static int drain_orphans(scaler *s, ob_error *err)
{
    ob_cleanup(ob_freep) instance **drains =
        ob_calloc(HASH_COUNT(s->instances) + 1, sizeof(*drains));
    size_t n = 0;
    for (instance *in = s->instances; in; in = in->hh.next)
        if (!scaler_env(s, in->ce_id) && in->state <= OB_INSTANCE_ACTIVE)
            drains[n++] = in;
    return instances_drain(s, drains, n, "its compute environment is gone", -1, err);
}

static int decide_now(scaler *s, int64_t now_ms, ob_error *err)
{
    size_t n = HASH_COUNT(s->envs), total = HASH_COUNT(s->instances), at = 0, i = 0;
    ob_cleanup(ob_freep) decide_env *views = ob_calloc(n + 1, sizeof(*views));
    ob_cleanup(ob_freep) env **envs = ob_calloc(n + 1, sizeof(env *));
    ob_cleanup(ob_freep) decide_instance *instances = ob_calloc(total + 1, sizeof(*instances));
    ob_cleanup(ob_freep) instance **which = ob_calloc(total + 1, sizeof(instance *));
    decide_launch launches[MAX_LAUNCHES];
    ob_cleanup(ob_freep) bool *launched = ob_calloc(n + 1, sizeof(*launched));

    s->dirty = false;
    s->decided_at_ms = now_ms;
    for (env *e = s->envs; e; e = e->hh.next) {
        view_env(s, e, &views[i], instances + at, which + at, now_ms);
        at += views[i].n_instances;
        envs[i++] = e;
    }
    provider_room room = { 0 };
    s->provider->ops->room(s->provider, &room);
    decide_host host = { .limited = room.limited,
                         .mcpu = room.mcpu,
                         .mem = room.mem_mib,
                         .mcpu_left = room.mcpu_left,
                         .mcpu_ending = room.mcpu_ending,
                         .mem_left = room.mem_left,
                         .mem_ending = room.mem_ending };
    for (const instance *in = s->instances; in; in = in->hh.next)
        if (in->state == OB_INSTANCE_DRAINING) {
            host.mcpu_ending += in->nominal.mcpu;
            host.mem_ending += in->nominal.mem_mib;
        }
    decide_limits limits = { .idle_ms = s->config.scale_in_idle_ms,
                             .starved_ms = STARVED_MS,
                             .max_launches = MAX_LAUNCHES,
                             .max_steps = MAX_STEPS };
    size_t n_launches = decide(views, n, &host, &limits, launches);
    for (i = 0; i < n_launches; i++)
        launched[launches[i].env] = true;
    for (i = 0; i < n; i++) {
        after_decision(envs[i], &views[i], launched[i], now_ms);
        s->dirty = s->dirty || views[i].passed;
        free(views[i].shortages);
    }

    int r = instances_launch(s, launches, envs, n_launches, now_ms, err);
    for (i = 0; i < n_launches; i++)
        free(launches[i].plan); /* of those that were not taken on */
    for (i = 0, at = 0; r == 0 && i < n; at += views[i].n_instances, i++)
        r = drain_decided(s, envs[i], &views[i], which + at, err);
    return r < 0 ? r : drain_orphans(s, err);
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
        r = decide_now(s, now_ms, err);
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
