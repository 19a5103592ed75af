/* Metrics of a process: counters, gauges and histograms, given as text in Prometheus' format.
 *
 * A module has one table of its metrics and registers it. A metric with labels has a series for
 * each combination of their values. To find a series costs a lock and a look-up; to count in one
 * that was found before costs an atomic addition, so whoever counts often keeps the series. All
 * numbers are integers, in the metric's own unit: 'decimals' says where the point is in the text
 * (microseconds: 6), so that a sum never loses digits.
 *
 * Any thread may call everything, with one rule: a series that may be dropped is found, kept and
 * dropped by one thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "ob/buf.h"
#include "ob/error.h"

typedef enum ob_metric_kind { OB_COUNTER, OB_GAUGE, OB_HISTOGRAM } ob_metric_kind;

/* The page that shows it. There may be very many shares. */
typedef enum ob_metric_page { OB_PAGE_METRICS, OB_PAGE_SHARES } ob_metric_page;
/* "/metrics", "/metrics/shares" */
const char *ob_metric_page_path(ob_metric_page page);

/* Upper bounds of histograms, in the metric's unit; 0 ends them. */
extern const int64_t ob_bounds_us[];    /* of work: 100 us to 10 s */
extern const int64_t ob_bounds_ms[];    /* of waits and jobs: 0.1 s to a day */
extern const int64_t ob_bounds_count[]; /* of sizes: 1 to 256 */

#define OB_METRIC_LABELS 3
/* More series of one metric are not shown, and counted: labels have values from outside. */
#define OB_METRIC_SERIES_MAX 10000
#define OB_METRIC_VALUE_MAX 256 /* bytes of a label's value; longer ones are cut */

typedef struct ob_series {
    _Atomic int64_t value; /* of a histogram: the sum */
    const int64_t *bounds;
    char *values; /* of the labels, each with its NUL */
    size_t values_len;
    bool used; /* since ob_metric_sweep */
    UT_hash_handle hh;
    _Atomic uint64_t buckets[]; /* one more than bounds */
} ob_series;

typedef struct ob_metric {
    const char *name; /* "openbatch_..." */
    ob_metric_kind kind;
    const char *help;                     /* one line */
    const char *labels[OB_METRIC_LABELS]; /* the used ones first */
    int decimals;
    const int64_t *bounds; /* of a histogram */
    ob_metric_page page;
    ob_series *series; /* the registry's, as the next: */
    _Atomic(ob_series *) only;
} ob_metric;

/* From now on 'table' is shown; it stays in memory. A second time does nothing. */
void ob_metrics_register(ob_metric *table, size_t n);

/* Calls fn whenever the metrics are about to be shown, by the thread that shows them: it sets those
 * that are not worth keeping up to date. */
void ob_metrics_on_show(void (*fn)(void *arg), void *arg);
/* Not any more. */
void ob_metrics_off_show(void (*fn)(void *arg), void *arg);

/* The series with these values of the labels (NULL, or not UTF-8: made text). Never NULL. */
ob_series *ob_metric_series(ob_metric *m, const char *const *values);
#define ob_metric_with(m, ...) ob_metric_series((m), (const char *const[]){ __VA_ARGS__ })
/* That of a metric without labels. */
ob_series *ob_metric_only(ob_metric *m);
/* Drops the series in which that label has that value. */
void ob_metric_drop(ob_metric *m, size_t label, const char *value);
/* Drops the series that ob_metric_set has not set since the last call: for a metric that is set
 * as a whole, again and again. */
void ob_metric_sweep(ob_metric *m);
/* Sets that series. */
void ob_metric_set(ob_metric *m, const char *const *values, int64_t value);
/* The same for series that several set: since the last sweep their values add up. */
void ob_metric_set_sum(ob_metric *m, const char *const *values, int64_t value);
#define ob_metric_sum(m, value, ...)                                                               \
    ob_metric_set_sum((m), (const char *const[]){ __VA_ARGS__ }, (value))
#define ob_metric_put(m, value, ...)                                                               \
    ob_metric_set((m), (const char *const[]){ __VA_ARGS__ }, (value))

static inline void ob_series_add(ob_series *s, int64_t n)
{
    (void)atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
}

static inline void ob_series_set(ob_series *s, int64_t value)
{
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

/* Counts a value in a histogram. */
static inline void ob_series_observe(ob_series *s, int64_t value)
{
    size_t i = 0;
    while (s->bounds[i] && value > s->bounds[i])
        i++;
    (void)atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    ob_series_add(s, value);
}

/* The same for metrics without labels. */
static inline void ob_metric_add(ob_metric *m, int64_t n)
{
    ob_series_add(ob_metric_only(m), n);
}

static inline void ob_metric_observe(ob_metric *m, int64_t value)
{
    ob_series_observe(ob_metric_only(m), value);
}

#define OB_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OB_METRICS_SUFFIX ".metrics"
/* Appends a page of all that is registered, and of the process itself (docs/metrics.md, "All
 * services"). */
void ob_metrics_show(ob_metric_page page, ob_buf *out);

/* Serves both pages by HTTP on a unix socket <run_dir>/<name>.metrics, in a thread of its own; only
 * the owner may connect (run by root: the folder's owner). */
int ob_metrics_serve(const char *run_dir, const char *name, ob_error *err);
/* Ends that, and forgets all series and tables. */
void ob_metrics_stop(void);
