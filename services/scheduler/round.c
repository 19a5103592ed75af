/* Rounds: poll -> engine -> one fenced transaction -> send. Owns the window of round times.
 *
 * Invariants: everything is sent only after a fenced commit; input is kept until it is committed.
 * If a round is refused because instances are no longer ACTIVE, it is committed without its
 * placements there; if it fails otherwise on a usable connection, it is decided again from
 * PostgreSQL with the same input (round_again). The work depends on what has changed, not on what
 * waits. Thread: the loop's. */
#include "round.h"

#include <string.h>

#include "commit.h"
#include "demand_messages.h"
#include "mass_stops.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "peers.h"
#include "placement_messages.h"
#include "publisher.h"
#include "queue_metrics.h"
#include "recover.h"
#include "report_messages.h"
#include "round_news.h"
#include "scheduler_metrics.h"
#include "sweep.h"
#include "topology.h"

#define RETRIES_MAX 3         /* of one transaction that met another's lock */
#define INSTANCE_GONE "OB002" /* what ob_lock_instances raises */

static bool any_rows(const engine_effects *effects)
{
    return effects->n_live_insert || effects->n_live_update || effects->n_live_delete ||
           effects->n_done || effects->n_attempts || effects->n_pods || effects->n_events ||
           effects->n_placement_insert || effects->n_placement_delete || effects->n_reasons;
}

static void note_times(scheduler *s, int64_t whole_us, int64_t engine_us)
{
    size_t at = s->times.count++ % ROUND_WINDOW;
    s->times.whole_us[at] = (uint32_t)whole_us;
    s->times.engine_us[at] = (uint32_t)engine_us;
    ob_metric_observe(&scheduler_metrics[SCHED_ROUND], whole_us);
    ob_metric_observe(&scheduler_metrics[SCHED_ENGINE], engine_us);
    news_round(s, whole_us, engine_us);
}

/* Each row is one, or one of each child of a bulk. */
static int64_t count_events(const engine_effects *effects)
{
    int64_t n = 0;
    for (size_t i = 0; i < effects->n_events; i++)
        n += (int64_t)effects->events[i].idx_hi - effects->events[i].idx_lo + 1;
    return n;
}

static int cmp_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void round_quantiles(const uint32_t *times, uint64_t count, uint32_t *ret_median, uint32_t *ret_p99)
{
    uint32_t sorted[ROUND_WINDOW];
    size_t n = count < ROUND_WINDOW ? count : ROUND_WINDOW;
    *ret_median = *ret_p99 = 0;
    if (n == 0)
        return;
    memcpy(sorted, times, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), cmp_u32);
    *ret_median = sorted[(n - 1) * 500 / 1000];
    *ret_p99 = sorted[(n - 1) * 990 / 1000];
}

/* After a failed commit: was it refused because instances of its placements are no longer ACTIVE,
 * and were those placements taken back, so that the rest can be committed? Terminates, because each
 * time fewer placements are left. */
static bool withdraw(scheduler *s)
{
    const engine_effects *effects = &s->effects;
    ob_error err = { 0 };
    if (!ob_db_ok(s->db) || strcmp(ob_db_sqlstate(s->db), INSTANCE_GONE) != 0)
        return false;
    for (size_t i = 0; i < effects->n_placement_insert; i++)
        topology_instance_changed(s->topology, effects->placement_insert[i].instance_id);
    if (topology_refresh(s, &err) < 0)
        return false;
    size_t n = engine_withdraw(s->engine, &s->effects);
    if (n == 0)
        return false;
    s->withdrawn++;
    ob_series_add(ob_metric_with(&scheduler_metrics[SCHED_REPEATED], "withdrawn"), 1);
    ob_info("round.withdrawn", "{s:I, s:I}", "placements", (json_int_t)n, "left",
            (json_int_t)effects->n_placement_insert);
    return true;
}

static int commit(scheduler *s, const topology_owed *owed, commit_output *out, ob_error *err)
{
    commit_input in = {
        .effects = &s->effects,
        .inbox = s->inbox.seqs,
        .n_inbox = s->inbox.n,
        .queues = owed->queues,
        .queue_versions = owed->versions,
        .n_queues = owed->n_queues,
        .gone = owed->gone,
        .n_gone = owed->n_gone,
        .stops = s->stops.begun,
        .n_stops = s->stops.n_begun,
        .stop_step = s->stops.stepped ? &s->stops.step : NULL,
    };
    int r = commit_round(s->leader, &in, out, err);
    /* A deadlock or similar: nothing was committed, and a second try may succeed. */
    for (int tries = 0; (r == -EAGAIN && tries++ < RETRIES_MAX) || (r < 0 && withdraw(s));)
        r = commit_round(s->leader, &in, out, err);
    return r;
}

/* Decides, commits, sends. Errors: those of commit_round. */
static int run(scheduler *s, ob_error *err)
{
    commit_output out = { 0 };
    topology_owed owed;
    int64_t begun_us = ob_mono_us();
    int64_t now_ms = recover_engine_ms(s);
    engine_clock(s->engine, ob_mono_ms());
    engine_shown(s->engine, ob_wall_ms() - now_ms);
    engine_round(s->engine, now_ms, &s->effects);
    int64_t decided_us = ob_mono_us();
    topology_owes(s, &owed);

    int r = commit(s, &owed, &out, err);
    if (r < 0)
        return r;
    if (any_rows(&s->effects))
        note_times(s, ob_mono_us() - begun_us, decided_us - begun_us);

    topology_committed(s, &owed, out.gone);
    sweep_inbox_forget(s);
    stops_committed(s);
    reports_forget(s);
    placements_send(s, out.specs);
    demand_send(s);
    queue_metrics_count(s);
    event_lag_add(&s->lag, ob_leader_round(s->leader), count_events(&s->effects));
    if (s->effects.n_events > 0)
        publisher_kick(s->publisher);
    commit_output_done(&out);
    engine_effects_clear(&s->effects);
    return 0;
}

static bool is_due(scheduler *s)
{
    topology_owed owed;
    if (engine_dirty(s->engine) || engine_next_due(s->engine) <= recover_engine_ms(s) ||
        engine_next_timeout(s->engine) <= ob_mono_ms() || s->inbox.n > 0 || s->stops.stepped ||
        s->stops.n_begun > 0 || placements_owe(s) || demand_due(s, ob_mono_ms()))
        return true;
    topology_owes(s, &owed);
    return owed.n_queues > 0 || owed.n_gone > 0;
}

/* Reading, feeding, deciding and committing once. */
static int turn(scheduler *s, ob_error *err)
{
    int r = sweep_reconcile(s, err);
    if (r == 0)
        r = topology_refresh(s, err);
    if (r < 0)
        return r;
    placements_refused(s);
    reports_feed(s);
    r = sweep_inbox(s, err);
    if (r == 0)
        r = stops_step(s, err);
    if (r < 0)
        return r;
    if (is_due(s))
        r = run(s, err);
    else
        reports_forget(s);
    return r;
}

int round_turn(scheduler *s, ob_error *err)
{
    int r = turn(s, err);
    if (r == 0)
        peers_compare(s);
    return r;
}

int round_again(scheduler *s, ob_error *err)
{
    /* Memory and tables differ: PostgreSQL is right. */
    s->reloads++;
    ob_series_add(ob_metric_with(&scheduler_metrics[SCHED_REPEATED], "reloaded"), 1);
    return recover_load(s, err);
}
