/* Leading. Owns the way into and out of it, and the probe through Kafka. Never decides about a job.
 * Invariants: the epoch is raised first, then positions are resolved, then state is loaded, so that
 * what happens meanwhile is either in the tables or comes as a message; only then anything is sent,
 * and FENCE is the first of it. Losing the connection is losing leadership. Thread: the loop's. */
#include "leading.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "health_figures.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"
#include "peers.h"
#include "publisher.h"
#include "recover.h"
#include "reports.h"
#include "round.h"
#include "sweep.h"
#include "topology.h"

#define KAFKA_STEP_MS 400 /* below the second after which a standby would end the session */
#define PROBE_EVERY_MS 1000
#define HOLD_OFF_MS 5000
#define MESSAGES_A_ROUND 2000
#define COMPLAIN_EVERY_MS 10000

static const char *const topics[] = {
    OB_TOPIC_SUBMISSIONS, OB_TOPIC_COMMANDS, OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES, NULL,
};

/* ---- The probe ---- */

static void send_probe(scheduler *s, int64_t now_ms)
{
    if (now_ms - s->probe.sent_at_ms < PROBE_EVERY_MS)
        return;
    s->probe.sent_at_ms = now_ms;
    s->probe.nonce++;
    char msg[128];
    int n = snprintf(msg, sizeof(msg),
                     "{\"v\":%d,\"type\":\"probe\",\"epoch\":%" PRId64 ",\"from\":\"" SCHEDULER_NAME
                     "\",\"nonce\":%" PRIu64 "}",
                     OB_MESSAGE_VERSION, s->epoch, s->probe.nonce);
    /* A probe that cannot be sent is a probe that does not come back. */
    (void)ob_bus_send(s->bus, OB_TOPIC_EXECUTIONS, -1, SCHEDULER_NAME, sizeof(SCHEDULER_NAME) - 1,
                      msg, (size_t)n, NULL, NULL);
}

/* Kafka is silent for us while another could lead: LEAD_GIVEN_UP. */
static int check_probe(scheduler *s, int64_t now_ms, ob_error *err)
{
    bool standby = false;
    if (now_ms - s->probe.seen_at_ms < PROBE_SILENCE_MS ||
        now_ms - s->probe.asked_at_ms < PROBE_EVERY_MS)
        return 0;
    s->probe.asked_at_ms = now_ms;
    if (ob_leader_has_standby(s->leader, &standby, err) < 0)
        return LEAD_LOST;
    if (!standby)
        return 0;
    s->hold_off_until_ms = now_ms + HOLD_OFF_MS;
    (void)ob_fail(err, EAGAIN, "Kafka has been silent for %d s and another scheduler is connected",
                  PROBE_SILENCE_MS / 1000);
    return LEAD_GIVEN_UP;
}

/* ---- Taking over ---- */

/* Makes topics and resolves positions, in steps that keep the session alive. */
static int resolve_positions(scheduler *s, ob_error *err)
{
    s->probe.seen_at_ms = ob_mono_ms();
    while (!atomic_load(&ob_service_stopping)) {
        ob_error kafka = { 0 };
        int r = ob_bus_make_topics(s->bus, KAFKA_STEP_MS, &kafka);
        if (r == 0)
            r = ob_bus_partitions(s->bus, OB_TOPIC_PLACEMENTS, KAFKA_STEP_MS, &s->partitions,
                                  &kafka);
        if (r == 0 && ob_leader_keep(s->leader, err) < 0)
            return LEAD_LOST;
        if (r == 0)
            r = ob_bus_assign_end(s->bus, topics, NULL, KAFKA_STEP_MS, &kafka);
        if (ob_leader_keep(s->leader, err) < 0)
            return LEAD_LOST;
        if (r == 0)
            return 0;
        ob_debug("kafka.waiting", "{s:s}", "error", kafka.text);
        health_beat(s);
        r = check_probe(s, ob_mono_ms(), err);
        if (r < 0)
            return r;
        (void)ob_bus_poll(s->bus, 100, MESSAGES_A_ROUND);
    }
    return LEAD_LOST;
}

static int take_over(scheduler *s, ob_error *err)
{
    s->db = ob_leader_db(s->leader);
    s->epoch = ob_leader_epoch(s->leader);
    ob_info("leader.began", "{s:I}", "epoch", (json_int_t)s->epoch);
    int r = resolve_positions(s, err);
    if (r < 0)
        return r;
    peers_restart(s->peers);
    reports_forget(s);
    r = recover_load(s, err);
    if (r < 0)
        return LEAD_LOST;
    s->failures = 0;
    s->fence_owed = true;
    s->reconcile_owed = false;
    s->demand_at_ms = INT64_MIN / 2; /* every environment at once */
    s->probe.seen_at_ms = ob_mono_ms();
    publisher_lead(s->publisher, s->epoch);
    ob_health_leader(true);
    return 0;
}

static void complain(const char *event, const char *why)
{
    static int64_t at_ms;
    if (at_ms && ob_mono_ms() - at_ms < COMPLAIN_EVERY_MS)
        return;
    at_ms = ob_mono_ms();
    ob_warn(event, "{s:s}", "error", why);
}

int leader_try(scheduler *s)
{
    ob_error err = { 0 };
    (void)ob_bus_poll(s->bus, 0, MESSAGES_A_ROUND);
    health_beat(s);
    /* Who does not reach Kafka could do nothing as a leader: it stays away from the lock, and from
     * PostgreSQL, where it would pass for a standby. */
    if (ob_mono_ms() < s->hold_off_until_ms || !ob_bus_is_up(s->bus)) {
        ob_leader_drop(s->leader);
        return 0;
    }
    int r = ob_leader_try(s->leader, &err);
    health_postgresql(s, r >= 0, r >= 0 ? NULL : err.text);
    if (r == 1)
        r = take_over(s, &err) < 0 ? -EIO : 1;
    if (r < 0) {
        complain("leader.failed", err.text);
        leader_drop(s);
        r = 0;
    }
    return r;
}

void leader_drop(scheduler *s)
{
    publisher_lead(s->publisher, 0);
    ob_health_leader(false);
    ob_bus_unassign(s->bus);
    ob_leader_drop(s->leader);
    s->db = NULL;
    engine_free(s->engine);
    s->engine = NULL;
    engine_effects_clear(&s->effects);
    peers_restart(s->peers);
    topology_clear(s->topology);
    reports_forget(s);
    sweep_inbox_forget(s);
}

/* ---- Leading ---- */

/* Waits until the bus has something, the service is to stop, or a duty is due. */
static void wait_for_work(const scheduler *s)
{
    struct pollfd fds[] = {
        { .fd = ob_bus_fd(s->bus), .events = POLLIN },
        { .fd = ob_service_stop_fd(), .events = POLLIN },
    };
    char drained[256];
    if (poll(fds, 2, OB_LEADER_TRY_MS - 50) > 0 && (fds[0].revents & POLLIN))
        (void)!read(fds[0].fd, drained, sizeof(drained));
}

int leader_lead(scheduler *s, ob_error *err)
{
    bool more = true; /* a first look at everything */
    while (!atomic_load(&ob_service_stopping)) {
        if (!more)
            wait_for_work(s);
        int taken = ob_bus_poll(s->bus, 0, MESSAGES_A_ROUND);
        int64_t now_ms = ob_mono_ms();
        health_beat(s);
        send_probe(s, now_ms);
        sweep_tick(s, now_ms);
        int r = round_turn(s, err);
        if (r == 0)
            r = ob_leader_keep(s->leader, err) < 0 ? LEAD_LOST : check_probe(s, now_ms, err);
        if (r < 0)
            return r;
        more = taken == MESSAGES_A_ROUND || s->inbox.rung || engine_dirty(s->engine);
    }
    return 0;
}
