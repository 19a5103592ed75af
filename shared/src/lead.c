/* The leading loop. Owns the start and the end of leading, the decision to let another process have
 * the lock, and the health of PostgreSQL and Kafka. Never decides about jobs or instances.
 *
 * Invariants: the epoch is raised first, then positions in Kafka are resolved, then state is
 * loaded, so everything that happens meanwhile is either in the tables or comes as a message. The
 * leading connection is used between all steps; losing it means losing leadership. Thread: the
 * owner's. */
#include "ob/lead.h"

#include <stdio.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/service.h"
#include "ob/topics.h"

#define KAFKA_STEP_MS 400 /* two are below the second after which a standby ends the session */
#define KAFKA_RETRY_MS 100
#define RECOUNT_MS 200
#define RIVAL_EVERY_MS 1000
#define HOLD_OFF_MS 5000
#define HEALTH_EVERY_MS 1000
#define COMPLAIN_EVERY_MS 10000

/* How leading ends. */
typedef enum ending {
    LEADS_ON,
    END_STOPPED,  /* the service is to stop */
    END_FAILED,   /* it could not start: try again */
    END_LOST,     /* the connection, or a commit's outcome: try again */
    END_RESIGNED, /* resigned: another process first */
    END_DEPOSED,  /* another process has led since: exit */
} ending;

struct ob_lead {
    ob_lead_config config;
    bool leads;     /* state is loaded */
    bool pg_failed; /* health says so */
    bool recount;   /* positions were lost: the topic may have been made anew */
    ob_error kafka; /* why positions cannot be resolved; empty: they can */
    int failures;   /* turns that failed in a row */
    int wait_ms;    /* before the next turn */
    int64_t rival_asked_at_ms, hold_off_until_ms, health_at_ms, complained_at_ms; /* monotonic */
};

ob_lead *ob_lead_new(const ob_lead_config *config)
{
    ob_lead *lead = ob_calloc(1, sizeof(*lead));
    lead->config = *config;
    lead->rival_asked_at_ms = lead->health_at_ms = lead->complained_at_ms = INT64_MIN / 2;
    ob_probe_begin(config->probe, config->role, 0, ob_mono_ms());
    return lead;
}

void ob_lead_free(ob_lead *lead)
{
    free(lead);
}

void ob_lead_bus_event(ob_lead *lead, ob_bus_event event)
{
    switch (event) {
    case OB_BUS_REASSIGNED:
        lead->recount = true;
        ob_warn("kafka.positions_lost", NULL);
        break;
    case OB_BUS_DOWN:
        ob_warn("kafka.lost", NULL);
        break;
    case OB_BUS_UP:
        ob_info("kafka.reached", NULL);
        break;
    }
}

/* ---- Health ---- */

/* err: NULL if it is well. */
static void post_postgresql(ob_lead *lead, const ob_error *err)
{
    lead->pg_failed = err != NULL;
    ob_health_set("postgresql", true, err == NULL, err != NULL ? err->text : NULL);
}

/* A leader whose own messages do not come back can give no orders, whatever the state of the
 * connection. */
static void post_kafka(const ob_lead *lead, int64_t now_ms)
{
    const ob_lead_config *c = &lead->config;
    int64_t silent_ms = lead->leads ? ob_probe_silent_ms(c->probe, now_ms) : 0;
    if (silent_ms >= OB_LEAD_SILENCE_MS) {
        char text[96];
        (void)snprintf(text, sizeof(text), "the %s's probe has not come back for %lld s", c->role,
                       (long long)silent_ms / 1000);
        ob_health_set("kafka", true, false, text);
    } else if (lead->kafka.text[0]) {
        ob_health_set("kafka", true, false, lead->kafka.text);
    } else {
        ob_health_set("kafka", true, ob_bus_is_up(c->bus), NULL);
    }
}

static void beat(ob_lead *lead, int64_t now_ms)
{
    ob_health_beat();
    if (now_ms - lead->health_at_ms < HEALTH_EVERY_MS)
        return;
    lead->health_at_ms = now_ms;
    post_kafka(lead, now_ms);
    lead->config.health(lead->config.arg, lead->leads);
}

/* ---- How it ends ---- */

static bool keeps(ob_lead *lead, ob_error *err)
{
    return ob_leader_keep(lead->config.leader, err) == 0;
}

/* If Kafka is silent for us and another process could lead, it may try. */
static ending check_rival(ob_lead *lead, int64_t now_ms, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    bool standby = false;
    if (ob_probe_silent_ms(c->probe, now_ms) < OB_LEAD_SILENCE_MS ||
        now_ms - lead->rival_asked_at_ms < RIVAL_EVERY_MS)
        return LEADS_ON;
    lead->rival_asked_at_ms = now_ms;
    if (ob_leader_has_standby(c->leader, &standby, err) < 0)
        return END_LOST;
    if (!standby)
        return LEADS_ON;
    lead->hold_off_until_ms = now_ms + HOLD_OFF_MS;
    (void)ob_fail(err, EAGAIN, "Kafka has been silent for %d s and another %s is connected",
                  OB_LEAD_SILENCE_MS / 1000, c->role);
    return END_RESIGNED;
}

/* After a turn that failed. */
static ending after_failure(ob_lead *lead, int r, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    while (r < 0) {
        ob_db *db = ob_leader_db(c->leader);
        if (r == -ESTALE)
            return END_DEPOSED;
        post_postgresql(lead, err);
        if (r == -ETIMEDOUT || !ob_db_ok(db))
            return END_LOST;
        lead->failures++;
        if (c->max_failures > 0 && lead->failures > c->max_failures) {
            ob_errlog("round.abandoned", "{s:s}", "error", err->text);
            return END_LOST;
        }
        ob_warn("round.retried", "{s:s, s:s, s:i}", "error", err->text, "sqlstate",
                ob_db_sqlstate(db), "failures", lead->failures);
        r = c->failed(c->arg, err);
    }
    return LEADS_ON;
}

/* Repeated failures are logged only once in a while. */
static void complain(ob_lead *lead, const ob_error *err)
{
    int64_t now_ms = ob_mono_ms();
    if (now_ms - lead->complained_at_ms < COMPLAIN_EVERY_MS)
        return;
    lead->complained_at_ms = now_ms;
    ob_warn("leader.failed", "{s:s}", "error", err->text);
}

static void log_ending(ob_lead *lead, ending end, const ob_error *err)
{
    json_int_t epoch = (json_int_t)ob_leader_epoch(lead->config.leader);
    switch (end) {
    case LEADS_ON:
    case END_STOPPED:
        break;
    case END_FAILED:
        complain(lead, err);
        break;
    case END_LOST:
        ob_warn("leader.lost", "{s:I, s:s}", "epoch", epoch, "error", err->text);
        break;
    case END_RESIGNED:
        ob_warn("leader.resigned", "{s:I, s:s}", "epoch", epoch, "error", err->text);
        break;
    case END_DEPOSED:
        ob_warn("leader.deposed", "{s:I, s:s}", "epoch", epoch, "error", err->text);
        break;
    }
}

static void give_up(ob_lead *lead)
{
    const ob_lead_config *c = &lead->config;
    lead->leads = false;
    lead->kafka = (ob_error){ 0 };
    ob_health_leader(false);
    ob_bus_unassign(c->bus);
    ob_leader_drop(c->leader);
    c->forget(c->arg);
}

/* ---- Taking over ---- */

/* Creates topics and resolves positions, in steps that keep the session alive. Positions come last:
 * until all are known no message is read. LEADS_ON: lead->kafka says whether it worked. */
static ending resolve_positions(ob_lead *lead, int32_t *ret_partitions, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    ob_error kafka = { 0 };
    int r = ob_bus_make_topics(c->bus, KAFKA_STEP_MS, &kafka);
    if (r == 0)
        r = ob_bus_partitions(c->bus, OB_TOPIC_EXECUTIONS, KAFKA_STEP_MS, ret_partitions, &kafka);
    for (int i = 0; r == 0 && i < OB_LEAD_SENDS_MAX && c->sends[i].name; i++) {
        const ob_lead_topic *t = &c->sends[i];
        int32_t ignored;
        if (!keeps(lead, err))
            return END_LOST;
        r = ob_bus_partitions(c->bus, t->name, KAFKA_STEP_MS,
                              t->ret_partitions ? t->ret_partitions : &ignored, &kafka);
    }
    if (!keeps(lead, err))
        return END_LOST;
    if (r == 0)
        r = ob_bus_assign_end(c->bus, c->follows, NULL, KAFKA_STEP_MS, &kafka);
    if (!keeps(lead, err))
        return END_LOST;
    lead->kafka = r < 0 ? kafka : (ob_error){ 0 };
    return LEADS_ON;
}

static ending wait_for_kafka(ob_lead *lead, int32_t *ret_partitions, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    while (!atomic_load(&ob_service_stopping)) {
        ending end = resolve_positions(lead, ret_partitions, err);
        if (end != LEADS_ON || !lead->kafka.text[0])
            return end;
        int64_t now_ms = ob_mono_ms();
        ob_debug("kafka.awaited", "{s:s}", "error", lead->kafka.text);
        beat(lead, now_ms);
        if (c->waiting)
            c->waiting(c->arg);
        end = check_rival(lead, now_ms, err);
        if (end != LEADS_ON)
            return end;
        (void)ob_bus_poll(c->bus, KAFKA_RETRY_MS, c->messages_a_turn);
    }
    return END_STOPPED;
}

static ending take_over(ob_lead *lead, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    int32_t partitions = 0;
    ob_info("leader.elected", "{s:I}", "epoch", (json_int_t)ob_leader_epoch(c->leader));
    ob_probe_begin(c->probe, c->role, 0, ob_mono_ms());
    ending end = wait_for_kafka(lead, &partitions, err);
    if (end != LEADS_ON)
        return end == END_LOST ? END_FAILED : end;
    int r = c->load(c->arg, err);
    if (r < 0)
        return r == -ESTALE ? END_DEPOSED : END_FAILED;
    /* No message was read while it loaded: silence counts from now. */
    ob_probe_begin(c->probe, c->role, partitions, ob_mono_ms());
    lead->recount = false;
    lead->failures = lead->wait_ms = 0;
    lead->leads = true;
    ob_health_leader(true);
    return LEADS_ON;
}

/* ---- Leading ---- */

static void recount(ob_lead *lead, int64_t now_ms)
{
    const ob_lead_config *c = &lead->config;
    int32_t partitions;
    lead->recount = false;
    if (ob_bus_partitions(c->bus, OB_TOPIC_EXECUTIONS, RECOUNT_MS, &partitions, NULL) == 0)
        ob_probe_resize(c->probe, partitions, now_ms);
}

static ending turn(ob_lead *lead, ob_error *err)
{
    const ob_lead_config *c = &lead->config;
    if (lead->wait_ms > 0)
        ob_service_wait(ob_bus_fd(c->bus), lead->wait_ms);
    if (atomic_load(&ob_service_stopping))
        return END_STOPPED;
    int taken = ob_bus_poll(c->bus, 0, c->messages_a_turn);
    int64_t now_ms = ob_mono_ms();
    beat(lead, now_ms);
    if (lead->recount)
        recount(lead, now_ms);
    ob_probe_send(c->probe, c->bus, c->probe_point, ob_leader_epoch(c->leader), now_ms,
                  c->probe_every_ms);

    int wait_ms = OB_LEAD_TURN_MS;
    ending end = LEADS_ON;
    int r = c->turn(c->arg, now_ms, &wait_ms, err);
    if (r < 0) {
        end = after_failure(lead, r, err);
        wait_ms = c->retry_ms;
    } else {
        lead->failures = 0;
        if (lead->pg_failed)
            post_postgresql(lead, NULL);
    }
    if (end == LEADS_ON && !keeps(lead, err))
        end = END_LOST;
    if (end == LEADS_ON)
        end = check_rival(lead, now_ms, err);
    lead->wait_ms = taken >= c->messages_a_turn ? 0 : wait_ms;
    return end;
}

/* ---- Standing by ---- */

/* One try for the lock. Does this process hold it now? */
static bool try_lock(ob_lead *lead)
{
    const ob_lead_config *c = &lead->config;
    /* Do not compete for the lock without Kafka: we could not lead, and would be mistaken for a
     * standby. */
    if (ob_mono_ms() < lead->hold_off_until_ms || !ob_bus_is_up(c->bus)) {
        ob_leader_drop(c->leader);
        return false;
    }
    ob_error err = { 0 };
    int r = ob_leader_try(c->leader, &err);
    post_postgresql(lead, r < 0 ? &err : NULL);
    if (r < 0)
        complain(lead, &err);
    return r == 1;
}

/* Leads, once the lock is held, until that ends. */
static ending lead_on(ob_lead *lead)
{
    ob_error err = { 0 };
    ending end = take_over(lead, &err);
    while (end == LEADS_ON)
        end = turn(lead, &err);
    log_ending(lead, end, &err);
    give_up(lead);
    return end;
}

int ob_lead_run(ob_lead *lead)
{
    ob_health_leader(false);
    while (!atomic_load(&ob_service_stopping)) {
        (void)ob_bus_poll(lead->config.bus, 0, lead->config.messages_a_turn);
        beat(lead, ob_mono_ms());
        if (try_lock(lead) && lead_on(lead) == END_DEPOSED)
            return OB_LEAD_EXIT_DEPOSED;
        ob_service_wait(-1, OB_LEADER_TRY_MS);
    }
    return 0;
}
