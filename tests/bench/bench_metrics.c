/* What it costs to count: an addition in a kept series, a value in a histogram, a series looked up
 * first, each also with other threads that count in the same series; and a page of many series.
 *
 * usage: bench_metrics [THREADS] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ob/clock.h"
#include "ob/metrics.h"

#define TIMES 5000000
#define THREADS_MAX 64
#define SERIES 5000

enum { COUNTED, TIMED, MANY };

static ob_metric table[] = {
    [COUNTED] = { "b_counted_total", OB_COUNTER, "Counted.", { "operation", "code" } },
    [TIMED] = { "b_timed_seconds", OB_HISTOGRAM, "Timed.", { "operation" }, 6, ob_bounds_us },
    [MANY] = { "b_many", OB_GAUGE, "Many.", { "queue", "state" } },
};

static void add(ob_series *s, int i)
{
    (void)i;
    ob_series_add(s, 1);
}

static void observe(ob_series *s, int i)
{
    ob_series_observe(s, i & 0xfffff); /* to the middle of the bounds, and beyond */
}

static void look_up(ob_series *s, int i)
{
    (void)i;
    (void)s;
    ob_series_add(ob_metric_with(&table[COUNTED], "DescribeJobDefinitions", "ClientException"), 1);
}

typedef struct work {
    void (*fn)(ob_series *s, int i);
    ob_series *series;
    int times;
} work;

static void *repeat(void *arg)
{
    const work *w = arg;
    for (int i = 0; i < w->times; i++)
        w->fn(w->series, i);
    return NULL;
}

/* Nanoseconds of each call, as a thread sees it. */
static double measure(work *w, int n)
{
    pthread_t threads[THREADS_MAX];
    int64_t began_us = ob_mono_us();
    for (int i = 1; i < n; i++)
        (void)pthread_create(&threads[i], NULL, repeat, w);
    (void)repeat(w);
    for (int i = 1; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    return (double)(ob_mono_us() - began_us) * 1000 / w->times;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 4;
    n = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
    ob_metrics_register(table, ARRAY_SIZE(table));
    work works[] = { { add, ob_metric_with(&table[COUNTED], "SubmitJob", "200"), TIMES },
                     { observe, ob_metric_with(&table[TIMED], "SubmitJob"), TIMES },
                     { look_up, NULL, TIMES / 10 } };
    static const char *const names[] = { "add", "observe", "lookUp" };
    (void)printf("{\"threads\": %d", n);
    for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
        double alone = measure(&works[i], 1), together = measure(&works[i], n);
        (void)printf(", \"%sNs\": %.1f, \"%sNsTogether\": %.1f", names[i], alone, names[i],
                     together);
    }
    for (int i = 0; i < SERIES; i++) {
        char queue[32];
        (void)snprintf(queue, sizeof(queue), "queue-%d", i);
        ob_metric_put(&table[MANY], i, queue, "RUNNABLE");
    }
    ob_buf page = { 0 };
    int64_t began_us = ob_mono_us();
    ob_metrics_show(OB_PAGE_METRICS, &page);
    (void)printf(", \"pageOf%dSeriesUs\": %lld, \"pageBytes\": %zu}\n", SERIES,
                 (long long)(ob_mono_us() - began_us), page.len);
    ob_buf_done(&page);
    ob_metrics_stop();
    return 0;
}
