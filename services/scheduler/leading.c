/* The scheduler as a leader, for the loop of ob/lead.h: loading, a turn, recovery after a failure,
 * resigning. Never decides about a job. Invariant: after a new leader has loaded, FENCE is the
 * first message to each partition of batch.placements. Thread: the loop's. */
#include "leading.h"

#include "health_figures.h"
#include "mass_stops.h"
#include "ob/clock.h"
#include "ob/topics.h"
#include "peers.h"
#include "publisher.h"
#include "queue_metrics.h"
#include "recover.h"
#include "report_messages.h"
#include "round.h"
#include "round_news.h"
#include "sweep.h"
#include "topology.h"

#define PROBE_EVERY_MS 1000
#define MESSAGES_A_ROUND 2000
#define FAILURES_MAX 10

static const char *const follows[] = {
    OB_TOPIC_SUBMISSIONS, OB_TOPIC_COMMANDS, OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES, NULL,
};

static int load(void *arg, ob_error *err)
{
    scheduler *s = arg;
    s->db = ob_leader_db(s->leader);
    s->epoch = ob_leader_epoch(s->leader);
    peers_restart(s->peers);
    reports_forget(s);
    int r = recover_load(s, err);
    if (r < 0)
        return r;
    s->fence_owed = true;
    s->reconcile_owed = false;
    s->demand_at_ms = INT64_MIN / 2; /* every environment at once */
    publisher_lead(s->publisher, s->epoch);
    return 0;
}

static int turn(void *arg, int64_t now_ms, int *ret_wait_ms, ob_error *err)
{
    scheduler *s = arg;
    sweep_tick(s, now_ms);
    int r = round_turn(s, err);
    if (r == 0 && (s->inbox.rung || engine_dirty(s->engine) || stops_pending(s)))
        *ret_wait_ms = 0;
    return r;
}

static int failed(void *arg, ob_error *err)
{
    return round_again(arg, err);
}

static void forget(void *arg)
{
    scheduler *s = arg;
    publisher_lead(s->publisher, 0);
    s->db = NULL;
    engine_free(s->engine);
    s->engine = NULL;
    engine_effects_clear(&s->effects);
    peers_restart(s->peers);
    topology_clear(s->topology);
    reports_forget(s);
    sweep_inbox_forget(s);
    stops_forget(s);
    event_lag_clear(&s->lag);
    queue_metrics_forget();
    news_forget();
}

static void health(void *arg, bool leads)
{
    (void)leads;
    health_post(arg);
    queue_metrics_post(arg, ob_mono_ms());
    news_post(arg, ob_mono_ms());
}

ob_lead *leading_new(scheduler *s)
{
    const ob_lead_config config = {
        .role = SCHEDULER_NAME,
        .leader = s->leader,
        .bus = s->bus,
        .probe = &s->probe,
        .follows = follows,
        .sends = { { OB_TOPIC_PLACEMENTS, &s->partitions } },
        .probe_point = OB_POINT_SCHEDULER_PROBE,
        .probe_every_ms = PROBE_EVERY_MS,
        .messages_a_turn = MESSAGES_A_ROUND,
        .max_failures = FAILURES_MAX,
        .load = load,
        .turn = turn,
        .failed = failed,
        .forget = forget,
        .health = health,
        .arg = s,
    };
    return ob_lead_new(&config);
}
