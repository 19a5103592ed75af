/* Health: figures of the last rounds and of the engine. Owns nothing. Thread: the loop's. */
#include "health_figures.h"

#include <stdio.h>

#include "ob/service.h"
#include "ob/text.h"
#include "publisher.h"
#include "round.h"
#include "scheduler_metrics.h"

#define STUCK_MS 30000 /* the publisher looks every 5 s */

/* A sliding window: the last ROUND_WINDOW rounds that did something, in microseconds. */
static json_t *times_object(const uint32_t *times, uint64_t count)
{
    uint32_t median, p99;
    round_quantiles(times, count, &median, &p99);
    return json_pack("{s:I, s:I}", "median", (json_int_t)median, "p99", (json_int_t)p99);
}

/* Nothing depends on a single instance: it is reported, but does not make the scheduler
 * unhealthy. */
static void post_unwell(const engine_stats *stats)
{
    char text[ENGINE_UNWELL_TEXT + 100];
    if (stats->unwell > 0)
        ob_text_format(text, sizeof(text), "%zu unwell: the container engine of %s: %s",
                       stats->unwell, stats->unwell_id, stats->unwell_text);
    ob_health_set("instances", false, stats->unwell == 0, stats->unwell > 0 ? text : NULL);
}

/* Consumers of events would wait for ever while everything else looks healthy. */
static void post_publisher(const scheduler *s)
{
    int64_t stuck_ms = publisher_stuck_ms(s->publisher);
    char text[96];
    (void)snprintf(text, sizeof(text), "publishing has made no progress for %lld s",
                   (long long)stuck_ms / 1000);
    bool ok = stuck_ms < STUCK_MS;
    ob_health_set("publisher", true, ok, ok ? NULL : text);
    ob_health_info("published", json_integer((json_int_t)publisher_count(s->publisher)));
    ob_health_info("eventsSkipped", json_integer((json_int_t)publisher_skipped(s->publisher)));
}

/* The same for Prometheus; without an engine it knows of nothing. */
static void post_metrics(scheduler *s, const engine_stats *stats)
{
    ob_metric *m = scheduler_metrics;
    ob_series_set(ob_metric_only(&m[SCHED_CLASSES]), (int64_t)stats->classes);
    ob_series_set(ob_metric_only(&m[SCHED_UNWELL]), (int64_t)stats->unwell);
    ob_series_set(ob_metric_only(&m[SCHED_HELD]), (int64_t)stats->held);
    ob_series_set(ob_metric_only(&m[SCHED_PUBLISHED]), (int64_t)publisher_count(s->publisher));
    ob_series_set(ob_metric_only(&m[SCHED_PUBLISHER_STUCK]), publisher_stuck_ms(s->publisher));
    ob_series_set(ob_metric_only(&m[SCHED_PUBLISHER_LAG]),
                  event_lag_after(&s->lag, publisher_round(s->publisher)));
    ob_metric_put(&m[SCHED_REFUSED], (int64_t)s->ignored_messages, SCHEDULER_NAME, "ignored");
    ob_metric_put(&m[SCHED_REFUSED], (int64_t)s->forged_messages, SCHEDULER_NAME, "forged");
    ob_metric_put(&m[SCHED_REFUSED], (int64_t)s->repeated_messages, SCHEDULER_NAME, "repeated");
}

void health_post(scheduler *s)
{
    engine_stats stats = { 0 };
    post_publisher(s);
    if (s->engine)
        engine_stats_get(s->engine, &stats);
    post_metrics(s, &stats);
    if (!s->engine)
        return;
    uint64_t window = s->times.count < ROUND_WINDOW ? s->times.count : ROUND_WINDOW;
    ob_health_info("epoch", json_integer(s->epoch));
    ob_health_info("round", json_integer(ob_leader_round(s->leader)));
    ob_health_info("rounds", json_integer((json_int_t)s->times.count));
    ob_health_info("withdrawnRounds", json_integer((json_int_t)s->withdrawn));
    ob_health_info("reloads", json_integer((json_int_t)s->reloads));
    ob_health_info("roundWindow", json_integer((json_int_t)window));
    ob_health_info("roundUs", times_object(s->times.whole_us, s->times.count));
    ob_health_info("engineUs", times_object(s->times.engine_us, s->times.count));
    ob_health_info("jobs", json_integer((json_int_t)stats.jobs));
    ob_health_info("waiting", json_integer((json_int_t)stats.waiting));
    ob_health_info("placed", json_integer((json_int_t)stats.placed));
    ob_health_info("classes", json_integer((json_int_t)stats.classes));
    ob_health_info("instances", json_integer((json_int_t)stats.instances));
    ob_health_info("instancesUnwell", json_integer((json_int_t)stats.unwell));
    ob_health_info("instancesHeld", json_integer((json_int_t)stats.held));
    post_unwell(&stats);
    ob_health_info("waitingBytes", json_integer((json_int_t)stats.bytes));
    ob_health_info("ignoredMessages", json_integer((json_int_t)s->ignored_messages));
    ob_health_info("forgedMessages", json_integer((json_int_t)s->forged_messages));
    ob_health_info("repeatedMessages", json_integer((json_int_t)s->repeated_messages));
}
