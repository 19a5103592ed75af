/* The registry of metrics: tables, their series, and who is asked before they are shown. One lock
 * for the lists; values are atomic, so counting never waits for a reader. Knows no single metric.
 *
 * Invariant: a metric has at most OB_METRIC_SERIES_MAX series; what is counted beyond them goes to
 * one that is never shown. */
#include "ob/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_internal.h"
#include "ob/text.h"

#define WATCHERS_MAX 16

const int64_t ob_bounds_us[] = { 100,     250,     500,     1000,     2500,   5000,
                                 10000,   25000,   50000,   100000,   250000, 500000,
                                 1000000, 2500000, 5000000, 10000000, 0 };
const int64_t ob_bounds_ms[] = { 100,      250,      500,      1000,   2500,   5000,
                                 10000,    30000,    60000,    300000, 900000, 3600000,
                                 14400000, 43200000, 86400000, 0 };
const int64_t ob_bounds_count[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 0 };

static struct {
    pthread_mutex_t lock; /* guards what follows, and the series of all metrics */
    metrics_table *tables, **end;
    struct {
        void (*fn)(void *arg);
        void *arg;
    } watchers[WATCHERS_MAX];
    size_t n_watchers;
    uint64_t beyond;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER, .end = &registry.tables };

const char *ob_metric_page_path(ob_metric_page page)
{
    static const char *const paths[] = {
        [OB_PAGE_METRICS] = "/metrics", [OB_PAGE_SHARES] = "/metrics/shares"
    };
    return paths[page];
}

static size_t n_labels(const ob_metric *m)
{
    size_t n = 0;
    while (n < OB_METRIC_LABELS && m->labels[n])
        n++;
    return n;
}

/* ---- series ---------------------------------------------------------------------------------- */

static ob_series *series_new(const ob_metric *m, const char *values, size_t len)
{
    size_t n = 0;
    while (m->bounds && m->bounds[n])
        n++;
    ob_series *s = ob_calloc(1, sizeof(*s) + (n + 1) * sizeof(s->buckets[0]));
    s->bounds = m->bounds;
    s->values = ob_calloc(len + 1, 1);
    s->values_len = len;
    if (len > 0)
        memcpy(s->values, values, len);
    return s;
}

static void series_free(ob_series *s)
{
    free(s->values);
    free(s);
}

/* Where values go that are too many to be shown. With the lock held. */
static ob_series *nowhere(void)
{
    static const int64_t none[] = { 0 };
    static ob_series *one;
    if (!one) {
        one = ob_calloc(1, sizeof(*one) + sizeof(one->buckets[0]));
        one->bounds = none;
    }
    registry.beyond++;
    return one;
}

/* Writes the values one after the other. Returns their length. */
static size_t join_values(const ob_metric *m, const char *const *values, char *out)
{
    size_t len = 0, n = n_labels(m);
    for (size_t i = 0; i < n; i++)
        len += ob_text_copy(out + len, OB_METRIC_VALUE_MAX + 1, values[i] ? values[i] : "",
                            values[i] ? strlen(values[i]) : 0) +
               1;
    return len;
}

/* With the lock held. */
static ob_series *find(ob_metric *m, const char *const *values)
{
    char key[OB_METRIC_LABELS * (OB_METRIC_VALUE_MAX + 1)];
    size_t len = join_values(m, values, key);
    ob_series *s = NULL;
    HASH_FIND(hh, m->series, key, len, s);
    if (s)
        return s;
    if (HASH_COUNT(m->series) >= OB_METRIC_SERIES_MAX)
        return nowhere();
    s = series_new(m, key, len);
    HASH_ADD_KEYPTR(hh, m->series, s->values, s->values_len, s);
    return s;
}

ob_series *ob_metric_series(ob_metric *m, const char *const *values)
{
    (void)pthread_mutex_lock(&registry.lock);
    ob_series *s = find(m, values);
    (void)pthread_mutex_unlock(&registry.lock);
    return s;
}

/* Its key is empty, which the table of series cannot hold. */
ob_series *ob_metric_only(ob_metric *m)
{
    ob_series *s = atomic_load_explicit(&m->only, memory_order_acquire);
    if (s)
        return s;
    (void)pthread_mutex_lock(&registry.lock);
    s = atomic_load_explicit(&m->only, memory_order_relaxed);
    if (!s) {
        s = series_new(m, "", 0);
        atomic_store_explicit(&m->only, s, memory_order_release);
    }
    (void)pthread_mutex_unlock(&registry.lock);
    return s;
}

void ob_metric_set(ob_metric *m, const char *const *values, int64_t value)
{
    (void)pthread_mutex_lock(&registry.lock);
    ob_series *s = find(m, values);
    s->used = true;
    ob_series_set(s, value);
    (void)pthread_mutex_unlock(&registry.lock);
}

void ob_metric_set_sum(ob_metric *m, const char *const *values, int64_t value)
{
    (void)pthread_mutex_lock(&registry.lock);
    ob_series *s = find(m, values);
    if (s->used)
        ob_series_add(s, value);
    else
        ob_series_set(s, value);
    s->used = true;
    (void)pthread_mutex_unlock(&registry.lock);
}

const char *metrics_value(const ob_series *s, size_t label)
{
    const char *at = s->values;
    for (size_t i = 0; i < label; i++)
        at += strlen(at) + 1;
    return at;
}

/* With the lock held. */
static void drop(ob_metric *m, ob_series *s)
{
    HASH_DEL(m->series, s);
    series_free(s);
}

void ob_metric_drop(ob_metric *m, size_t label, const char *value)
{
    ob_series *s, *next;
    char text[OB_METRIC_VALUE_MAX + 1];
    (void)ob_text_into(text, sizeof(text), value);
    (void)pthread_mutex_lock(&registry.lock);
    HASH_ITER(hh, m->series, s, next)
    {
        if (strcmp(metrics_value(s, label), text) == 0)
            drop(m, s);
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

void ob_metric_sweep(ob_metric *m)
{
    ob_series *s, *next;
    (void)pthread_mutex_lock(&registry.lock);
    HASH_ITER(hh, m->series, s, next)
    {
        if (!s->used)
            drop(m, s);
        else
            s->used = false;
    }
    (void)pthread_mutex_unlock(&registry.lock);
}

/* ---- tables ---------------------------------------------------------------------------------- */

void ob_metrics_register(ob_metric *table, size_t n)
{
    (void)pthread_mutex_lock(&registry.lock);
    const metrics_table *t = registry.tables;
    while (t && t->at != table)
        t = t->next;
    if (!t) {
        metrics_table *added = ob_calloc(1, sizeof(*added));
        added->at = table;
        added->n = n;
        *registry.end = added;
        registry.end = &added->next;
    }
    (void)pthread_mutex_unlock(&registry.lock);
    /* So that it is shown as 0, not missing, before anything was counted. */
    for (size_t i = 0; i < n; i++)
        if (n_labels(&table[i]) == 0)
            (void)ob_metric_only(&table[i]);
}

static void forget(ob_metric *m)
{
    ob_series *s, *next;
    HASH_ITER(hh, m->series, s, next)
    {
        drop(m, s);
    }
    s = atomic_exchange(&m->only, NULL);
    if (s)
        series_free(s);
}

void metrics_forget(void)
{
    (void)pthread_mutex_lock(&registry.lock);
    while (registry.tables) {
        metrics_table *t = registry.tables;
        for (size_t i = 0; i < t->n; i++)
            forget(&t->at[i]);
        registry.tables = t->next;
        free(t);
    }
    registry.end = &registry.tables;
    registry.n_watchers = 0;
    (void)pthread_mutex_unlock(&registry.lock);
}

void ob_metrics_on_show(void (*fn)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&registry.lock);
    if (registry.n_watchers == WATCHERS_MAX)
        abort(); /* a mistake of the program's */
    registry.watchers[registry.n_watchers].fn = fn;
    registry.watchers[registry.n_watchers++].arg = arg;
    (void)pthread_mutex_unlock(&registry.lock);
}

void ob_metrics_off_show(void (*fn)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&registry.lock);
    size_t n = 0;
    for (size_t i = 0; i < registry.n_watchers; i++)
        if (registry.watchers[i].fn != fn || registry.watchers[i].arg != arg)
            registry.watchers[n++] = registry.watchers[i];
    registry.n_watchers = n;
    (void)pthread_mutex_unlock(&registry.lock);
}

void metrics_ask_watchers(void)
{
    for (size_t i = 0;; i++) {
        (void)pthread_mutex_lock(&registry.lock);
        bool more = i < registry.n_watchers;
        void (*fn)(void *) = more ? registry.watchers[i].fn : NULL;
        void *arg = more ? registry.watchers[i].arg : NULL;
        (void)pthread_mutex_unlock(&registry.lock);
        if (!fn)
            return;
        fn(arg); /* it finds series, and so takes the lock */
    }
}

uint64_t metrics_beyond(void)
{
    (void)pthread_mutex_lock(&registry.lock);
    uint64_t n = registry.beyond;
    (void)pthread_mutex_unlock(&registry.lock);
    return n;
}

void metrics_each(void (*fn)(const ob_metric *m, void *arg), void *arg)
{
    (void)pthread_mutex_lock(&registry.lock);
    for (const metrics_table *t = registry.tables; t; t = t->next)
        for (size_t i = 0; i < t->n; i++)
            fn(&t->at[i], arg);
    (void)pthread_mutex_unlock(&registry.lock);
}
